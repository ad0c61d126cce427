"""Weights made once, every k steps or live, and a scorer that is learned inside the run."""

from __future__ import annotations

import itertools

import pytest
import torch

from attribution import LanguageModel, Rule, score, select
from attribution.scorers.learned import LinearScorer
from unlearn import Corpus, Run, RunConfig, run
from unlearn.run import weighting
from unlearn.run.loop import draws
from unlearn.run.scorer_learning import ScorerSettings

pytestmark = pytest.mark.usefixtures("one_thread")

ETW = Rule("entropy", "proportional", keep_given=True)


def config(**changes) -> RunConfig:
    settings = {"rule": ETW, "steps": 5, "forget_batch": 2, "retain_batch": 2, "probe_every": 0, "learning_rate": 0.01}
    return RunConfig(**(settings | changes))


def expected(model: LanguageModel, corpus: Corpus, rows: list[int], rule: Rule, **options) -> list[tuple[float, ...]]:
    scores = score(model, [corpus.forget[row].example for row in rows], (rule.scorer,), **options)
    return [select(row, rule).weights for row in scores]


def found(job: Run, rows: list[int]) -> list[tuple[float, ...]]:
    return [job.selections[row].weights for row in rows]


@pytest.mark.parametrize(
    "rule", [ETW, Rule("masking", "top", 0.3), Rule("fused", "soft", 0.25)], ids=lambda rule: rule.scorer
)
def test_live_weights_are_the_rule_on_the_current_models_scores(tiny: LanguageModel, small_corpus: Corpus, rule: Rule):
    """Before every step, the rows it draws are weighed by the model as it stands; the last step's can be checked after
    the one before."""
    job = run(tiny, small_corpus, config(rule=rule, score_every=1))
    order = list(itertools.islice(draws(6, 2, seed=0), 5))
    steps = iter(job)
    for number, rows in enumerate(order):
        wanted = expected(job.model, small_corpus, rows, rule)
        next(steps)
        assert found(job, rows) == [pytest.approx(weights, rel=1e-4, abs=1e-6) for weights in wanted], number
        for target, weights in zip((job.targets[row] for row in rows), wanted, strict=True):
            assert target.weights.tolist() == pytest.approx(weights, rel=1e-4, abs=1e-6)


def test_etw_weights_have_mean_one_and_follow_the_entropy(tiny: LanguageModel, small_corpus: Corpus):
    job = run(tiny, small_corpus, config(score_every=1))
    entropies = score(tiny, [row.example for row in small_corpus.forget], ("entropy",))
    for selection, row in zip(job.selections, entropies, strict=True):
        values = row.columns["entropy"]
        assert selection.weights == pytest.approx([len(values) * value / sum(values) for value in values])
        assert sum(selection.weights) == pytest.approx(len(values))


def test_once_means_once(tiny: LanguageModel, small_corpus: Corpus):
    job = run(tiny, small_corpus, config(score_every=0))
    before = [selection.weights for selection in job.selections]
    list(job)
    assert [selection.weights for selection in job.selections] == before


def test_every_k_steps_scores_a_row_again_when_its_scores_are_k_steps_old(tiny: LanguageModel, small_corpus: Corpus):
    """All rows are drawn at every step, and scored again before the third and the fifth."""
    job = run(tiny, small_corpus, config(score_every=2, forget_batch=6))
    rows = list(range(6))
    weights = [found(job, rows)]
    for _ in job:
        weights.append(found(job, rows))
    assert weights[0] == weights[1] == weights[2] != weights[3]
    assert weights[3] == weights[4] != weights[5]


def test_live_weights_do_not_disturb_the_reference(tiny: LanguageModel, small_corpus: Corpus):
    """NPO compares with the original, whatever the weights do."""
    job = run(tiny, small_corpus, config(objective="npo", score_every=1))
    before = [target.reference.clone() for target in job.targets]
    list(job)
    assert all(torch.equal(a, b.reference) for a, b in zip(before, job.targets, strict=True))


def test_a_sequence_is_never_scored(tiny: LanguageModel, small_corpus: Corpus, monkeypatch):
    job = run(tiny, small_corpus, config(rule=Rule("masking", "sequence"), score_every=1))
    monkeypatch.setattr(weighting, "score", lambda *_, **__: pytest.fail("scored"))
    assert len(list(job)) == 5


# A learned scorer ----------------------------------------------------------------------------------------------------

ATWU = {"rule": Rule("learned", "raw", keep_given=True), "objective": "satga", "normaliser": "label"}


def test_a_given_scorer_reads_the_current_models_states(tiny: LanguageModel, small_corpus: Corpus):
    torch.manual_seed(0)
    scorer = LinearScorer(torch.randn(32))
    job = run(tiny, small_corpus, config(**ATWU, score_every=1), linear_scorer=scorer)
    steps, rows = iter(job), list(itertools.islice(draws(6, 2, seed=0), 2))[1]
    next(steps)
    wanted = expected(job.model, small_corpus, rows, ATWU["rule"], linear_scorer=scorer)
    next(steps)
    assert found(job, rows) == [pytest.approx(weights, rel=1e-5) for weights in wanted]
    assert job.scorer is scorer


def test_an_alternating_run_learns_its_scorer_and_weighs_by_it(tiny: LanguageModel, small_corpus: Corpus):
    job = run(tiny, small_corpus, config(**ATWU, learn="alternate", scorer_settings=ScorerSettings(position="own")))
    assert {weight for selection in job.selections for weight in selection.weights} == {0.5}
    steps, order = iter(job), list(itertools.islice(draws(6, 2, seed=0), 2))
    first = next(steps)
    before = job.model
    learned = job.scorer.weight.clone()
    assert first.scorer_loss is not None
    assert learned.abs().max() > 0
    states = [s.own for s in before.token_statistics([job.targets[row].row for row in order[1]], states=True)]
    next(steps)
    # The weights of the second step's rows are the scorer, after its second step, on the states before the model's.
    wanted = [tuple(job.scorer(rows_states.clone()).tolist()) for rows_states in states]
    assert found(job, order[1]) == [pytest.approx(weights, rel=1e-5) for weights in wanted]
    assert not torch.equal(learned, job.scorer.weight)


def test_the_scorer_steps_every_n_steps(tiny: LanguageModel, small_corpus: Corpus):
    job = run(tiny, small_corpus, config(**ATWU, learn="alternate", scorer_settings=ScorerSettings(scorer_every=3)))
    weights = []
    for _ in job:
        weights.append(job.scorer.weight.clone())
    moved = [not torch.equal(a, b) for a, b in itertools.pairwise(weights)]
    assert moved == [False, False, True, False]


def test_refit_learns_first_then_freezes_and_starts_again(tiny: LanguageModel, small_corpus: Corpus):
    first = run(tiny, small_corpus, config(**ATWU, learn="alternate"))
    list(first)
    second = run(tiny, small_corpus, config(**ATWU, learn="refit"))
    assert torch.equal(second.scorer.weight, first.scorer.weight)
    originals = list(tiny.model.parameters())
    assert all(torch.equal(a, b) for a, b in zip(originals, second.model.model.parameters(), strict=True))
    wanted = expected(tiny, small_corpus, list(range(6)), ATWU["rule"], linear_scorer=first.scorer)
    list(second)
    assert found(second, list(range(6))) == wanted
    assert torch.equal(second.scorer.weight, first.scorer.weight)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"learn": "alternate"}, "weighs tokens by 'learned', and this one by 'entropy'"),
        ({"learn": "refit", "rule": Rule("learned", "sequence")}, "the whole sequence"),
        ({"learn": "later"}, "Learned scorer is 'later'. Choose from given, alternate, refit"),
        ({"score_every": -1}, "Steps between scorings is -1"),
        ({"score_every": 1, "rule": Rule("probe", "top", 0.3)}, "scores all rows together"),
        ({"retain": "nnl"}, "did you mean 'nll'"),
        ({"optimiser": "adam"}, "did you mean 'adamw'"),
        ({"objective": "tnpo", "beta": 0.0}, "TNPO divides by beta"),
        ({"delta": float("inf")}, "delta is inf: a number is needed"),
        ({"micro_batch": 0}, "Rows in one forward is 0"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(change, match):
    with pytest.raises(ValueError, match=match):
        config(**change)


def test_a_score_that_is_no_weight_is_refused(tiny: LanguageModel, small_corpus: Corpus):
    with pytest.raises(ValueError, match="'raw' needs scores between 0 and 1"):
        run(tiny, small_corpus, config(rule=Rule("position", "raw")))
