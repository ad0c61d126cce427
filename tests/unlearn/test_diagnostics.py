"""Gradients, update size and signal to noise, on numbers worked out by hand."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch

from attribution import Rule
from unlearn import RunConfig, run
from unlearn.__main__ import main
from unlearn.objectives import get_objective
from unlearn.objectives.labels import label_batch, weighted_target
from unlearn.run.adapters import trainable_copy
from unlearn.run.diagnostics import Diagnostics, snr_gain, update_size

pytestmark = pytest.mark.usefixtures("one_thread")
SHORT = RunConfig(
    rule=Rule("oracle", "threshold", 0.5), steps=2, probe_every=0, forget_batch=3, retain_batch=3, optimiser="sgd"
)


def with_facts(model, corpus, weights):
    """The first row with its tokens' weights replaced; `weights(is_fact)` gives each token's."""
    row = model.encode(corpus.forget[0].example)
    return weighted_target(row, [weights(label == "fact") for label in row.truth], trains_end=False)


def test_the_gain_of_hard_weights_is_recall_times_precision_times_n_over_k(tiny, small_corpus):
    row = tiny.encode(small_corpus.forget[0].example)
    facts = [label == "fact" for label in row.truth]
    n, k = len(facts), sum(facts)
    assert 1 < k < n - 1
    # One fact token and one other: precision 1/2, recall 1/k.
    weights = [0.0] * n
    weights[facts.index(True)] = weights[facts.index(False)] = 1.0
    assert snr_gain([weighted_target(row, weights, False)]) == pytest.approx(0.5 * (1 / k) * n / k)
    # The facts and nothing else: n / k. All of the answer: 1. Nothing but the others: 0.
    assert snr_gain([with_facts(tiny, small_corpus, float)]) == pytest.approx(n / k)
    assert snr_gain([with_facts(tiny, small_corpus, lambda fact: 1.0)]) == pytest.approx(1)
    assert snr_gain([with_facts(tiny, small_corpus, lambda fact: float(not fact))]) == 0
    # Weights 2 on facts and 1 elsewhere: (n / k^2) (2k)^2 / (4k + n - k).
    soft = snr_gain([with_facts(tiny, small_corpus, lambda fact: 2.0 if fact else 1.0)])
    assert soft == pytest.approx(4 * n / (3 * k + n))


def test_random_selection_gains_the_share_it_selects(tiny, small_corpus):
    """m of n tokens at random: m / n, below 1, on average over draws."""
    row = tiny.encode(small_corpus.forget[0].example)
    n, m = len(row.truth), 4
    generator = torch.Generator().manual_seed(0)
    signal = []
    for _ in range(4000):
        weights = torch.zeros(n)
        weights[torch.randperm(n, generator=generator)[:m]] = 1
        facts = torch.tensor([label == "fact" for label in row.truth])
        signal.append(float(weights[facts].sum()))
    k = int(facts.sum())
    # The theory's rho and pi are expectations: signal E[hits] in noise m.
    gain = n / k**2 * (sum(signal) / len(signal)) ** 2 / m
    assert gain == pytest.approx(m / n, rel=0.08)


def test_without_facts_or_weights_there_is_no_gain(tiny, small_corpus):
    target = with_facts(tiny, small_corpus, lambda fact: 0.0)
    assert snr_gain([target]) is None
    unmarked = dataclasses.replace(small_corpus.forget[0].example, spans=())
    assert snr_gain([weighted_target(tiny.encode(unmarked), [1.0] * len(target.weights), False)]) is None


def test_the_update_size_is_the_distance_of_all_weights(tiny):
    moved = trainable_copy(tiny)
    parameters = list(moved.model.parameters())
    with torch.no_grad():
        parameters[0].view(-1)[0] += 3.0
        parameters[-1].view(-1)[0] -= 4.0
    assert update_size(tiny, tiny) == 0
    assert update_size(tiny, moved) == pytest.approx(5, rel=1e-6)


def test_gradients_are_those_of_the_two_terms(tiny, small_corpus):
    """With SGD and one step, |delta theta| is the rate times the clipped sum of the two, by the law of cosines."""
    config = dataclasses.replace(SHORT, steps=1, learning_rate=0.1, warmup=0, cooldown=0.0)
    job = run(tiny, small_corpus, config)
    job.observer = Diagnostics(job)
    (step,) = list(job)
    seen = step.diagnostics
    assert seen is not None and seen.cosine is not None
    both = seen.forget_gradient**2 + seen.retain_gradient**2
    whole = (both + 2 * seen.cosine * seen.forget_gradient * seen.retain_gradient) ** 0.5
    assert seen.update_size == pytest.approx(0.1 * min(1.0, whole), rel=1e-3)
    assert seen.update_size == pytest.approx(update_size(tiny, job.model), rel=1e-4)


def test_without_a_retain_term_its_gradient_is_0(tiny, small_corpus):
    job = run(tiny, small_corpus, dataclasses.replace(SHORT, objective="ga"))
    job.observer = Diagnostics(job)
    for step in job:
        assert step.diagnostics.retain_gradient == 0
        assert step.diagnostics.cosine is None


def test_watching_a_run_does_not_change_it(tiny, small_corpus):
    plain = run(tiny, small_corpus, SHORT)
    watched = run(tiny, small_corpus, SHORT)
    watched.observer = Diagnostics(watched)
    losses = [[(step.forget_loss, step.retain_loss) for step in job] for job in (plain, watched)]
    assert losses[0] == losses[1]
    for a, b in zip(plain.model.model.parameters(), watched.model.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_signal_to_noise_splits_the_forget_gradient_by_token(tiny, small_corpus):
    """Against two separate losses, one of the fact tokens and one of the others, under gradient ascent."""
    config = dataclasses.replace(SHORT, rule=Rule(kind="sequence"), objective="graddiff", steps=1)
    job = run(tiny, small_corpus, config)
    job.observer = Diagnostics(job)
    drawn: list[int] = []
    watch = job.observer.forgot
    job.observer.forgot = lambda rows: (drawn.extend(rows), watch(rows))[1]  # type: ignore[method-assign]
    (step,) = list(job)

    fresh = run(tiny, small_corpus, config)
    targets = [fresh.targets[row] for row in drawn]
    squares = []
    for of_facts in (True, False):
        marks = [[(label == "fact") == of_facts for label in (*t.row.truth, None)][: len(t.weights)] for t in targets]
        batch = label_batch(fresh.model, targets)
        mask = torch.tensor([mark for row in marks for mark in row])
        batch = dataclasses.replace(batch, weights=batch.weights * mask)
        loss = get_objective("graddiff").forget(batch, config.constants)
        gradients = torch.autograd.grad(loss, list(fresh.model.model.parameters()), allow_unused=True)
        squares.append(sum(float(g.square().sum()) for g in gradients if g is not None))
    assert step.diagnostics.snr == pytest.approx(squares[0] / squares[1], rel=1e-3)


def test_nothing_but_facts_has_no_noise_and_inner_states_have_no_split(tiny, small_corpus):
    for config in (SHORT, dataclasses.replace(SHORT, objective="rmu")):
        job = run(tiny, small_corpus, config)
        job.observer = Diagnostics(job)
        assert [step.diagnostics.snr for step in job] == [None, None]


def test_the_shell_logs_them_where_asked(tmp_path, monkeypatch, tiny, small_corpus):
    monkeypatch.setattr("unlearn.cli.run.load_model", lambda name, **_: tiny)
    monkeypatch.setattr("unlearn.cli.common.Rows.read", lambda rows: small_corpus)
    code = main(["--scorer", "oracle", "--steps", "1", "--diagnostics", "--json", str(tmp_path / "run.json")])
    assert code == 0
    (step,) = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["steps"]
    assert set(step["diagnostics"]) == {
        "forget_gradient",
        "retain_gradient",
        "cosine",
        "update_size",
        "snr",
        "snr_gain",
    }
    assert step["diagnostics"]["snr_gain"] > 1
