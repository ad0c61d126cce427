"""PALU and TPO, by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from attribution import LanguageModel, Rule
from tests.unlearn.toy import gradient, toy_batch
from unlearn import Corpus, RunConfig, run
from unlearn.objectives import Constants, targeted
from unlearn.objectives.targeted import onsets, palu, palu_head, tpo, tpo_head

LN2 = math.log(2)
pytestmark = pytest.mark.usefixtures("one_thread")


def test_palu_makes_the_originals_candidates_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targeted, "TOP_K", 2)
    # The original's two best are words 1 and 3; now they have the logits 4 and 0: mean 2, mean square distance 4.
    frozen = torch.tensor([[0.0, 5.0, 1.0, 3.0]], dtype=torch.float64)
    z = torch.tensor([[9.0, 4.0, 7.0, 0.0]], dtype=torch.float64, requires_grad=True)
    found = palu_head(torch.log_softmax(z, dim=-1), frozen, torch.tensor([1]), Constants())
    assert found.tolist() == pytest.approx([4.0])
    found.sum().backward()
    # 2 / K (z_i - c) for the two, nothing for all others.
    assert z.grad is not None and z.grad.flatten().tolist() == pytest.approx([0, 2, 0, -2])
    few = palu_head(z[:, :1].detach(), frozen[:, :1], torch.tensor([0]), Constants())
    assert few.tolist() == [0.0], "a vocabulary smaller than K"


def test_palu_trains_the_first_tokens_of_each_span() -> None:
    weights = [1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1]
    batch = toy_batch([0.5] * 12, weights, rows=[0] * 8 + [1] * 4, head_values=list(range(12)))
    # The last span of the first row ends with it; the next begins anew.
    assert onsets(batch).tolist() == [1, 1, 1, 0, 0, 1, 0, 1, 1, 1, 1, 0]
    trained = 0 + 1 + 2 + 5 + 7 + 8 + 9 + 10
    assert palu(batch, Constants()).item() == pytest.approx(trained / 10)
    with pytest.raises(ValueError, match="whole distributions"):
        palu(toy_batch([0.5], [1]), Constants())


def test_tpo_by_hand() -> None:
    frozen = torch.tensor([[1.0, 4.0], [2.0, 0.0]])
    z = torch.tensor([[3.0, 1.0], [2.5, 0.0]], requires_grad=True)
    gaps = tpo_head(z, frozen, torch.tensor([1, 0]), Constants())
    assert gaps.tolist() == [3.0, -0.5]
    # One row with gaps 3 and 1 selected and one label beside them, one with nothing selected: gap (3 + 1) / 2 = 2.
    batch = toy_batch([0.5, 0.5, 0.25, 0.5], [1, 1, 0, 0], rows=[0, 0, 0, 1], head_values=[3.0, 1.0, 9.0, 9.0])
    b = 0.3
    row = 2 / b * math.log1p(math.exp(-2 * b))
    loss = tpo(batch, Constants(b))
    assert loss.item() == pytest.approx((row + 2 * LN2 + LN2) / 2)
    # Likelihood holds the rest, each label of each row alike; what is selected moves by its logits alone.
    assert gradient(loss, batch) == pytest.approx([0, 0, -1 / 2, -1 / 2])
    falls = batch.head_values
    assert falls is not None
    moved = replace(batch, head_values=falls + torch.tensor([1.0, 1.0, 0.0, 0.0]))
    assert tpo(moved, Constants(b)) < loss, "a logit that fell further is preferred"
    with pytest.raises(ValueError, match="compares logits"):
        tpo(toy_batch([0.5], [1]), Constants())


@pytest.mark.parametrize("objective", ["palu", "tpo"])
def test_a_run_forgets_and_holds_the_rest(knowing: LanguageModel, wide_corpus: Corpus, objective: str) -> None:
    config = RunConfig(Rule("oracle", "top", 0.3), objective=objective, steps=12, learning_rate=8e-3, probe_every=12)
    job = run(knowing, wide_corpus, config)
    *_, last = job
    first = job.steps[0]
    assert last.forget_nll > first.forget_nll + 1
    # The end token is held too: it is a label of weight 0.
    assert all(len(target.weights) == len(target.row.tokens) + 1 for target in job.targets)
    assert job.before is not None and last.probe is not None
    assert last.probe.structure is not None and job.before.structure is not None
    assert last.probe.structure > 0.8 * job.before.structure
