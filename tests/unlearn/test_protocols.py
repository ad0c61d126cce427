"""The field's own ways to make figures: each by a named switch, and nothing else changes."""

from __future__ import annotations

import dataclasses
import json
import math
import zlib

import numpy as np
import pytest
import torch

from attribution import Example, LanguageModel
from attribution.data.rows import Row, embedded_rows
from unlearn import Corpus
from unlearn.__main__ import main
from unlearn.metrics import Protocol, evaluate
from unlearn.metrics.attacks import gradient_norms
from unlearn.metrics.membership import membership_auc
from unlearn.metrics.truth_ratio import truth_ratio

WRONG = Row(Example("Where?", "In Oslo."), perturbed=("In Rome.", "In old Bern by the sea."))


@pytest.fixture
def corpus(small_corpus: Corpus) -> Corpus:
    return dataclasses.replace(
        small_corpus, forget=(WRONG, *small_corpus.forget[:2]), holdout=embedded_rows("holdout")[:3]
    )


@pytest.fixture
def parrot(tiny: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> LanguageModel:
    monkeypatch.setattr(tiny, "generate", lambda prompts, *_: ["She was born in Torvik."] * len(prompts))
    return tiny


def test_truth_ratios_by_hand(parrot: LanguageModel, corpus: Corpus) -> None:
    logs = np.log([1 / 4, 1 / 16])
    assert truth_ratio(math.log(1 / 2), logs) == pytest.approx(1 / 4)
    assert truth_ratio(math.log(1 / 2), logs, "arithmetic") == pytest.approx((1 / 4 + 1 / 16) / 2 * 2)
    corpus = dataclasses.replace(corpus, forget=(WRONG,))
    found = {
        mean: evaluate(parrot, corpus, metrics=["tofu"], protocol=Protocol(truth_ratio=mean))
        for mean in ("geometric", "arithmetic", "prob_mean")
    }
    ratio = {mean: one.values("forget", "truth_ratio")[0] for mean, one in found.items()}
    assert ratio["geometric"] == ratio["prob_mean"] < ratio["arithmetic"]
    assert found["prob_mean"].metrics["forget_truth_ratio"] == pytest.approx(1 / (1 + ratio["geometric"]))
    assert any("averaged arithmetically" in note for note in found["arithmetic"].notes)
    assert found["geometric"].metrics == evaluate(parrot, corpus, metrics=["tofu"]).metrics


def test_the_share_that_min_k_reads_is_a_switch(parrot: LanguageModel, corpus: Corpus) -> None:
    usual, all_of_it = (
        evaluate(parrot, corpus, metrics=["membership"], protocol=Protocol(min_k=k)) for k in (0.4, 1.0)
    )
    assert usual.metrics == evaluate(parrot, corpus, metrics=["membership"]).metrics
    assert all_of_it.values("forget", "membership_min_k") == pytest.approx(
        all_of_it.values("forget", "membership_loss"), rel=1e-5
    )
    assert usual.values("forget", "membership_min_k") != all_of_it.values("forget", "membership_min_k")
    with pytest.raises(ValueError, match="Min-K is 0"):
        Protocol(min_k=0)


def test_further_attacks_by_hand(parrot: LanguageModel, corpus: Corpus) -> None:
    reference = evaluate(parrot, corpus, metrics=["membership"])
    found = evaluate(parrot, corpus, metrics=["attacks"], reference=reference)
    assert "membership_zlib" not in evaluate(parrot, corpus, metrics=["all"]).metrics
    for split, rows in (("forget", corpus.forget), ("holdout", corpus.holdout)):
        loss = found.values(split, "membership_loss")
        sizes = [len(zlib.compress(row.example.answer.encode())) for row in rows]
        assert found.values(split, "membership_zlib") == pytest.approx(np.divide(loss, sizes))
        # A model beside itself has nothing that the reference lacks.
        assert found.values(split, "membership_reference") == [0.0] * len(rows)
    assert found.metrics["membership_reference"] == 0.5
    scores = [np.array(found.values(split, "membership_gradient_norm")) for split in ("forget", "holdout")]
    assert found.metrics["membership_gradient_norm"] == membership_auc(*scores)
    assert any("reference attack needs" in n for n in evaluate(parrot, corpus, metrics=["attacks"]).notes)


def test_gradient_norms_are_those_of_a_plain_backward(tiny: LanguageModel, corpus: Corpus) -> None:
    before = {name: weights.clone() for name, weights in tiny.model.named_parameters()}
    found = gradient_norms(tiny, corpus.forget[:2])
    row = tiny.encode(corpus.forget[1].example)
    leaves = [weights.requires_grad_(True) for weights in tiny.model.parameters()]
    log_q = tiny.model(input_ids=torch.tensor([row.input_ids])).logits[0].log_softmax(-1)
    (-torch.stack([log_q[p - 1, row.input_ids[p]] for p in row.answer_positions]).mean()).backward()
    assert found[1] == pytest.approx(float(np.mean([weights.grad.norm().item() for weights in leaves])), rel=1e-4)
    assert all(torch.equal(before[name], weights) for name, weights in tiny.model.named_parameters())


def test_the_shell_has_the_switches(tiny: LanguageModel, rows: str, tmp_path, capsys) -> None:
    tiny.model.save_pretrained(tmp_path / "model")
    tiny.tokenizer.save_pretrained(tmp_path / "model")
    command = ["evaluate", "--model", str(tmp_path / "model"), "--forget", rows, "--json", str(tmp_path / "out.json")]
    assert main([*command, "--metrics", "memorisation", "--truth-ratio", "arithmetic", "--min-k", "0.2"]) == 0
    said = json.loads((tmp_path / "out.json").read_text())["protocol"]
    assert said == {"truth_ratio": "arithmetic", "min_k": 0.2, "probes": "ours"}
    assert main([*command, "--truth-ratio", "harmonic"]) == 2
    assert "Choose from geometric, arithmetic, prob_mean" in capsys.readouterr().err
