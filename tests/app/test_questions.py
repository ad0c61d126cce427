"""The lesson's questions: right is what the numbers say, and what is missing is asked for."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from app.rooms.learn.questions import CONTROL, CUT_OR_WHOLE, SILENCE, SPEECH
from app.rooms.learn.words import STEPS
from app.server.settings import Settings
from app.visit.run_config import form_config, form_values
from attribution import LanguageModel, Rule
from unlearn import load_corpus, run
from unlearn.metrics import Probe


def ran(rule: Rule, speaks: float, forget: float = 0.0, probed: bool = True) -> Any:
    # Whether it speaks is not asked at every probe.
    probes = [Probe(forget, 1.0, 1.0, speaks), Probe(forget, 1.0, 1.0)] if probed else [None]
    steps = tuple(SimpleNamespace(probe=probe) for probe in probes)
    return SimpleNamespace(number=1, config=SimpleNamespace(rule=rule), steps=steps, evaluation=None)


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
        (SILENCE, visit(ran(CUT, 1)), "open Compare"),
    ],
)
def test_what_is_missing_is_said(question: Any, seen: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        question.judge(seen, NOTHING)


def test_the_runs_that_the_lesson_sets_up_do_what_it_says(model: LanguageModel) -> None:
    corpus, runs = load_corpus("forget05"), []
    for step in STEPS:
        if step.room == "unlearn":
            cut = {"scorer": step.active, "kind": "top", "cut": 0.3, "keep_given": False}
            values = {**form_values(step.preset, 300), "strategy": step.strategy}
            config = form_config(values, cut, Settings())
            job = run(model, corpus, replace(config, probe_every=config.steps))
            steps = tuple(job)
            runs.append(SimpleNamespace(number=len(runs) + 1, config=config, steps=steps, evaluation=None))
    done = visit(*runs)
    whole, cut, drawn = (each.steps[-1].probe for each in runs)
    assert max(whole.forget_recall, cut.forget_recall) <= 0.1 < drawn.forget_recall
    assert SPEECH.judge(done, NOTHING).right == {"lost"}
    assert CUT_OR_WHOLE.judge(done, NOTHING).right == {"cut"}
    assert CONTROL.judge(done, NOTHING).right == {"less"}
