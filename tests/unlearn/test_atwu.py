"""ATWU's scorer: its loss by hand, blind to spans, and better for alternating."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from attribution import score
from attribution.measure.alignment import align
from attribution.scorers.learned import LinearScorer
from unlearn import load_corpus
from unlearn.run.atwu import AtwuConfig, fit_scorer
from unlearn.run.scorer_learning import ScorerSettings, scorer_loss


def test_scorer_loss_by_hand():
    scores = torch.tensor([0.5, 0.75])
    nll = torch.tensor([math.log(4), 0.0])
    weight, bias = torch.tensor([3.0]), torch.tensor([4.0])
    settings = ScorerSettings(beta=2.0, lambda_entropy=2.0, lambda_rho=10.0, lambda_w=0.1, rho=0.2)
    # exp(-g l) = 1/2, squared 1/4; one of two scores lies above 1/2.
    forget = -(0.5 * math.log(4) / 4) / 2
    binary = (math.log(2) - (0.75 * math.log(0.75) + 0.25 * math.log(0.25))) / 2
    expected = forget + 2.0 * binary + 10.0 * (0.5 - 0.2) ** 2 + 0.1 * 25
    found = scorer_loss(scores, nll, torch.tensor([0, 0]), 1, weight, bias, settings)
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_the_share_passes_its_gradient_straight_through():
    scores = torch.tensor([0.4, 0.6], requires_grad=True)
    zero = torch.zeros(1)
    settings = ScorerSettings(lambda_entropy=0.0, lambda_rho=1.0, lambda_w=0.0, rho=0.2)
    scorer_loss(scores, torch.zeros(2), torch.tensor([0, 0]), 1, zero, zero, settings).backward()
    # d(share - rho)^2 = 2 (1/2 - 0.2) / 2 for either score, although the step function itself is flat.
    assert scores.grad.tolist() == pytest.approx([0.3, 0.3])


def test_a_scorer_that_is_certain_still_has_a_gradient():
    """Scores of exactly 0 and 1, where the entropy's own slope is infinite, do not turn the scorer into NaN."""
    logits = torch.tensor([-200.0, 200.0, 0.5], requires_grad=True)
    weight = torch.ones(1, requires_grad=True)
    scores = torch.sigmoid(logits * weight)
    assert scores.tolist()[:2] == [0, 1]
    scorer_loss(scores, torch.ones(3), torch.tensor([0, 0, 0]), 1, weight, torch.zeros(1), ScorerSettings()).backward()
    assert logits.grad.isfinite().all()
    assert weight.grad.isfinite().all()


def test_never_sees_spans(tiny, small_corpus):
    def bare(rows):
        return tuple(dataclasses.replace(r, example=dataclasses.replace(r.example, spans=())) for r in rows)

    blind = dataclasses.replace(small_corpus, forget=bare(small_corpus.forget), retain=bare(small_corpus.retain))
    config = AtwuConfig(steps=4, forget_batch=3, retain_batch=3)
    one, two = fit_scorer(tiny, small_corpus, config), fit_scorer(tiny, blind, config)
    assert torch.equal(one.weight, two.weight)
    assert one.bias == two.bias


def test_round_trip(tmp_path, tiny, small_corpus):
    scorer = fit_scorer(tiny, small_corpus, AtwuConfig(steps=2, position="own"))
    scorer.save(tmp_path / "scorer.safetensors")
    loaded = LinearScorer.load(tmp_path / "scorer.safetensors")
    assert torch.equal(loaded.weight, scorer.weight)
    assert (loaded.bias, loaded.position, loaded.settings) == (pytest.approx(scorer.bias), "own", scorer.settings)


def test_a_file_that_is_no_scorer(tmp_path):
    path = tmp_path / "scorer.safetensors"
    path.write_bytes(b"not this")
    with pytest.raises(ValueError, match="holds no fitted scorer"):
        LinearScorer.load(path)


def test_alternating_beats_the_frozen_model(model):
    corpus = load_corpus("forget05")
    examples = [row.example for row in corpus.forget[::5]]

    def auroc(alternate: bool) -> float:
        scorer = fit_scorer(model, corpus, AtwuConfig(alternate=alternate, steps=30, forget_batch=8, retain_batch=4))
        return align(score(model, examples, ("learned",), linear_scorer=scorer), "learned").auroc.mean

    assert auroc(True) > auroc(False)
