"""The lesson's questions: right is what the numbers say, and what is missing is asked for."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from app.rooms.learn.figures import ranking_claim, run_claim, runs_figure, truth_claim
from app.rooms.learn.questions import CLEAN_CUT, CONTROL, CUT_OR_WHOLE, SILENCE, SPEECH
from app.rooms.learn.steps import STEPS
from app.server.settings import Settings
from attribution import LanguageModel, Rule, TokenScores, score
from unlearn import load_corpus, run
from unlearn.metrics import Probe


def ran(rule: Rule, speaks: float, forget: float = 0.0, probed: bool = True) -> Any:
    # Whether it speaks is not asked at every probe.
    probes = [Probe(forget, 1.0, 1.0, speaks), Probe(forget, 1.0, 1.0)] if probed else [None]
    steps = tuple(SimpleNamespace(probe=probe) for probe in probes)
    before = Probe(1.0, 1.0, 1.0, 1.0)
    config = SimpleNamespace(rule=rule, objective="ga")
    return SimpleNamespace(number=1, config=config, steps=steps, evaluation=None, before=before)


NOTHING: Any = SimpleNamespace(before=lambda: None)


def visit(*runs: Any) -> Any:
    return SimpleNamespace(runs=list(runs), last=runs[-1] if runs else None, studio=NOTHING)


WHOLE, CUT, DRAWN = Rule("learned", "sequence"), Rule("learned", "top", 0.3), Rule("random", "top", 0.3)


@pytest.mark.parametrize(("speaks", "right"), [(0.95, "kept"), (0.75, "kept"), (0.2, "lost")])
def test_speech_is_judged_by_the_run(speaks: float, right: str) -> None:
    found = SPEECH.judge(visit(ran(WHOLE, speaks)), NOTHING)
    assert found.right == {right} and f"{speaks:.2f}" in found.because


@pytest.mark.parametrize(("whole", "cut", "right"), [(0.4, 0.9, "cut"), (0.9, 0.4, "sequence"), (0.9, 0.92, "same")])
def test_runs_are_held_against_each_other(whole: float, cut: float, right: str) -> None:
    found = CUT_OR_WHOLE.judge(visit(ran(WHOLE, whole), ran(CUT, cut), ran(DRAWN, 0.0)), NOTHING)
    assert found.right == {right}


@pytest.mark.parametrize(("cut", "drawn", "right"), [(0.0, 0.4, "less"), (0.4, 0.0, "more"), (0.1, 0.1, "same")])
def test_the_control_is_held_against_the_cut(cut: float, drawn: float, right: str) -> None:
    assert CONTROL.judge(visit(ran(CUT, 1, cut), ran(DRAWN, 1, drawn)), NOTHING).right == {right}


def test_the_last_sentence_needs_both_sides() -> None:
    def with_figures(**after: float) -> Any:
        run = ran(CUT, 1.0)
        run.evaluation = SimpleNamespace(metrics=after)
        seen = visit(run)
        seen.studio = studio
        return seen

    before = SimpleNamespace(metrics={"forget_recall": 1.0, "retain_recall": 1.0, "world_recall": 0.9})
    studio: Any = SimpleNamespace(before=lambda: SimpleNamespace(done=lambda: True, result=lambda: before))

    def right(**after: float) -> set[str]:
        return set(SILENCE.judge(with_figures(**after), NOTHING).right)

    assert right(forget_recall=0.0, paraphrase_recall=0.02, retain_recall=0.98, world_recall=0.9) == {"only"}
    assert right(forget_recall=0.0, paraphrase_recall=0.0, retain_recall=0.5, world_recall=0.9) == {"more"}
    assert right(forget_recall=0.0, paraphrase_recall=0.6, retain_recall=1.0, world_recall=0.9) == {"not"}


@pytest.mark.parametrize(
    ("question", "seen", "said"),
    [
        (SPEECH, visit(), "the whole sequence is missing"),
        (CUT_OR_WHOLE, visit(ran(WHOLE, 1)), "a run on the cut is missing"),
        (CONTROL, visit(ran(CUT, 1)), "the random control is missing"),
        (SPEECH, visit(ran(WHOLE, 1, probed=False)), "before its model was asked anything"),
        (SILENCE, visit(), "no run yet"),
        (SILENCE, visit(ran(CUT, 1)), "wait until the verdict"),
    ],
)
def test_what_is_missing_is_said(question: Any, seen: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        question.judge(seen, NOTHING)


def test_a_run_by_another_objective_is_none_of_the_lesson() -> None:
    """The text says that the runs differ in their tokens alone."""
    other = ran(CUT, 1.0)
    other.config.objective = "counterfactual"
    with pytest.raises(ValueError, match="a run on the cut is missing"):
        CUT_OR_WHOLE.judge(visit(ran(WHOLE, 1.0), other), NOTHING)
    whole, cut, drawn = (step.config(Settings()) for step in STEPS if step.runs)
    assert replace(whole, rule=cut.rule) == cut == replace(drawn, rule=cut.rule)
    assert (whole.rule.kind, cut.rule, drawn.rule.scorer) == ("sequence", Rule("learned", "top", 0.3), "random")


@pytest.fixture(scope="module")
def opening(model: LanguageModel) -> TokenScores:
    return score(model, [load_corpus("forget05").forget[36].example], ("masking", "entropy", "learned", "fused"))[0]


@pytest.mark.parametrize(("facts", "right"), [(6, "here"), (3, "less"), (9, "more"), (0, "never")])
def test_the_clean_cut_is_where_the_scores_have_it(opening: TokenScores, facts: int, right: str) -> None:
    made = replace(opening, columns={"masking": tuple(float(i) for i in range(len(opening)))})
    # The highest are the last ones; a fact that has the lowest score comes with everything else.
    truth = ["fact" if i >= len(opening) - facts or (i == 0 and not facts) else None for i in range(len(opening))]
    studio: Any = SimpleNamespace(opening=Marked(made, truth))
    found = CLEAN_CUT.judge(visit(), studio)
    assert found.right == {right}
    assert ("No share" if right == "never" else "it is the facts alone") in found.because


class Marked:
    """Scores with other ground truth, and nothing that the prompt gives."""

    def __init__(self, scores: TokenScores, truth: list[str | None]) -> None:
        self.scores, self.truth = scores, truth
        self.given = (False,) * len(truth)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.scores, name)

    def __len__(self) -> int:
        return len(self.truth)


def test_the_claims_under_figures_are_of_their_own_numbers(opening: TokenScores) -> None:
    assert truth_claim(opening) == "An answer in 21 tokens, which hold 4 facts; the outlines are the ground truth."
    highest = max(opening.columns["entropy"])
    turned = tuple(highest - value for value in opening.columns["entropy"])
    upside = replace(opening, columns={**opening.columns, "entropy": turned})
    assert "All 4 rank" in ranking_claim(opening) and "3 of the 4 rank" in ranking_claim(upside)
    claim = run_claim("cut", ran(CUT, 1.0, 0.25), opening)
    assert "6 of the 21 tokens of this answer, 6 of which carry a fact" in claim and "75% of the facts" in claim
    assert "all 21 tokens" in run_claim("sequence", ran(WHOLE, 1.0), opening)
    assert "before anything was measured" in run_claim("cut", ran(CUT, 1.0, probed=False), opening)
    empty = runs_figure(visit(), ("sequence", "cut"), opening)
    assert empty.missing == ("sequence", "cut") and "Not run yet" in empty.claim and not empty.html


def test_the_runs_that_the_lesson_sets_up_do_what_it_says(model: LanguageModel) -> None:
    corpus, runs = load_corpus("forget05"), []
    for step in STEPS:
        if step.runs:
            config = step.config(Settings())
            job = run(model, corpus, replace(config, probe_every=config.steps))
            steps = tuple(job)
            runs.append(SimpleNamespace(number=len(runs) + 1, config=config, steps=steps, evaluation=None))
    done = visit(*runs)
    whole, cut, drawn = (each.steps[-1].probe for each in runs)
    assert max(whole.forget_recall, cut.forget_recall) <= 0.1 < drawn.forget_recall
    assert SPEECH.judge(done, NOTHING).right == {"lost"}
    assert CUT_OR_WHOLE.judge(done, NOTHING).right == {"cut"}
    assert CONTROL.judge(done, NOTHING).right == {"less"}
