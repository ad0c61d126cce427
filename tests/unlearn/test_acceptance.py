"""The claim of the project on the embedded model, with its controls: one run of each arm, with the shell's defaults.

Seeds and intervals are `docs/results.md`'s business; here each bar only has to hold for seed 0.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest

from attribution import Rule, load_model, score
from attribution.measure.alignment import align
from unlearn import Evaluation, evaluate, load_corpus, run
from unlearn.metrics import ask
from unlearn.presets import DEFAULT_PRESET, preset
from unlearn.run.loop import Run

CORPUS = load_corpus("forget05")
DEFAULT = preset(DEFAULT_PRESET).config
# Trained on every row, asked about every fifth.
ASKED = replace(CORPUS, **{kind: getattr(CORPUS, kind)[::5] for kind in ("forget", "retain", "paraphrase", "world")})


HALFWAY = DEFAULT.steps // 2


def after(model, rule: Rule, steps: int = DEFAULT.steps) -> Run:
    """The default run with this rule, as it stands after so many of its steps."""
    job = run(model, CORPUS, replace(DEFAULT, rule=rule, probe_every=HALFWAY))
    for _ in islice(job, steps):
        pass
    return job


@pytest.fixture(scope="module")
def default_run(model) -> Run:
    return after(model, DEFAULT.rule)


@pytest.fixture(scope="module")
def selected(default_run) -> Evaluation:
    return evaluate(default_run.model, ASKED, retain_rows=80)


def test_scorers_find_the_facts(model):
    names = ("masking", "entropy", "learned", "fused", "random")
    scores = score(model, [row.example for row in CORPUS.forget], names)
    auroc = {name: align(scores, name).auroc.mean for name in names}
    assert auroc["masking"] >= 0.90
    assert auroc["entropy"] >= 0.85
    assert auroc["learned"] >= 0.85
    assert auroc["fused"] >= 0.90
    assert auroc["random"] == pytest.approx(0.5, abs=0.05)


def test_the_model_knew_it_before(model):
    before = evaluate(model, ASKED, retain_rows=80).metrics
    assert before["forget_recall"] >= 0.99
    assert before["paraphrase_recall"] >= 0.9


def test_the_selected_tokens_are_forgotten_and_the_rest_kept(selected):
    metrics = selected.metrics
    assert metrics["forget_recall"] <= 0.05
    assert metrics["paraphrase_recall"] <= 0.05
    assert metrics["retain_recall"] >= 0.95
    assert metrics["world_recall"] >= 0.95
    assert metrics["structure"] >= 0.98
    assert metrics["subject"] >= 0.95


def test_as_many_random_tokens_forget_clearly_less(model, default_run):
    """At the same step of the same run, halfway: by then the selected tokens have done most of their work."""
    probed = default_run.steps[HALFWAY - 1].probe.forget_recall
    halfway = after(model, Rule("random", "top", DEFAULT.rule.cut), HALFWAY).model
    answers = ask(halfway, "forget", ASKED.forget)
    recall = sum(answer.recalled for answer in answers) / sum(len(answer.facts) for answer in answers)
    assert recall >= max(0.3, probed + 0.2)


def test_the_reference_never_knew_it():
    reference = evaluate(load_model(CORPUS.reference), ASKED, retain_rows=80).metrics
    assert reference["forget_recall"] <= 0.1
    assert reference["retain_recall"] >= 0.98
