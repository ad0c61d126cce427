"""A run trains a copy on exactly the selected tokens, the same way for the same seed, and stops when told."""

from __future__ import annotations

import itertools

import pytest
import torch

from attribution import LanguageModel, Rule, score, select
from unlearn import Corpus, RunConfig, run
from unlearn.run.loop import draws


def weights_of(model: LanguageModel) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in model.model.state_dict().values()]


def equal(left: list[torch.Tensor], right: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


def config(**changes) -> RunConfig:
    return RunConfig(
        **{"rule": Rule("entropy", "top", 0.3), "steps": 3, "forget_batch": 2, "retain_batch": 2} | changes
    )


@pytest.mark.parametrize("name", ["wga", "npo", "graddiff", "satga"])
def test_base_stays_bit_identical_and_the_copy_moves(tiny, small_corpus, name):
    before = weights_of(tiny)
    job = run(tiny, small_corpus, config(objective=name))
    steps = list(job)
    assert [step.number for step in steps] == [1, 2, 3]
    assert equal(before, weights_of(tiny))
    assert not equal(before, weights_of(job.model))


def test_same_seed_same_run(tiny, small_corpus):
    first, second = (run(tiny, small_corpus, config(seed=4)) for _ in range(2))
    losses = [[(step.forget_loss, step.retain_loss) for step in job] for job in (first, second)]
    assert losses[0] == losses[1]
    assert equal(weights_of(first.model), weights_of(second.model))
    other = run(tiny, small_corpus, config(seed=5))
    assert [(step.forget_loss, step.retain_loss) for step in other] != losses[0]


def test_a_run_leaves_torchs_random_state_alone(tiny, small_corpus):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    list(run(tiny, small_corpus, config()))
    assert torch.equal(torch.rand(1), expected)


def test_selections_are_the_rule_on_the_originals_scores(tiny, small_corpus):
    rule = Rule("entropy", "top", 0.3)
    job = run(tiny, small_corpus, config(rule=rule))
    scores = score(tiny, [row.example for row in small_corpus.forget], ("entropy",))
    assert [s.weights for s in job.selections] == [select(row, rule).weights for row in scores]
    for target, selection in zip(job.targets, job.selections, strict=True):
        assert target.weights.tolist() == pytest.approx(list(selection.weights))


def test_random_control_is_count_matched(tiny, small_corpus):
    counts = [
        [sum(selection.kept) for selection in run(tiny, small_corpus, config(rule=Rule(name, "top", 0.3))).selections]
        for name in ("entropy", "random")
    ]
    assert counts[0] == counts[1]


def test_random_control_follows_the_seed(tiny, small_corpus):
    rule = Rule("random", "top", 0.3)
    picks = [run(tiny, small_corpus, config(rule=rule, seed=seed)).selections for seed in (0, 0, 1)]
    assert picks[0] == picks[1] != picks[2]


def test_stop_ends_within_one_step(tiny, small_corpus):
    job = run(tiny, small_corpus, config(steps=50))
    for step in job:
        if step.number == 2:
            job.stop()
    assert len(job.steps) == 2
    assert job.stopped


def test_probes_come_when_asked_for(tiny, small_corpus):
    job = run(tiny, small_corpus, config(steps=5, probe_every=2))
    assert [step.number for step in job if step.probe] == [1, 2, 4, 5]
    assert all(0 <= step.probe.structure <= 1 for step in job.steps if step.probe)


def test_a_cut_that_selects_nothing_is_refused(tiny, small_corpus):
    with pytest.raises(ValueError, match="selects no token"):
        run(tiny, small_corpus, config(rule=Rule("entropy", "threshold", 1e6)))


def test_a_loss_that_explodes_is_said_in_words(tiny, small_corpus):
    with pytest.raises(ValueError, match="lower the learning rate"):
        list(run(tiny, small_corpus, config(learning_rate=1e30, steps=20, objective="graddiff")))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"steps": 0}, "Steps is 0: a whole number of at least 1"),
        ({"learning_rate": 0.0}, "Learning rate is 0.0"),
        ({"learning_rate": float("nan")}, "Learning rate is nan"),
        ({"objective": "wag"}, "did you mean 'wga'"),
        ({"alpha": -1.0}, "alpha"),
        ({"normaliser": "tokens"}, "Choose from weight, label"),
    ],
)
def test_config_refuses_what_cannot_work(change, match):
    with pytest.raises(ValueError, match=match):
        RunConfig(**change)


def test_draws_take_every_row_before_any_comes_again():
    rows = list(itertools.chain(*itertools.islice(draws(10, 5, seed=1), 4)))
    assert sorted(rows[:10]) == sorted(rows[10:]) == list(range(10))
    assert rows[:10] != rows[10:]


def test_draws_from_fewer_rows_than_the_batch():
    assert sorted(next(draws(3, 16, seed=0))) == [0, 1, 2]


def test_corpus_needs_both_sides(small_corpus):
    with pytest.raises(ValueError, match="nothing to retain"):
        Corpus("x", forget=small_corpus.forget, retain=())
    with pytest.raises(ValueError, match="nothing to forget"):
        Corpus("x", forget=(), retain=small_corpus.retain)
