"""The stage in words: the verdict rests on what the model answers, and whatever a model says is text."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from app.rooms.inspect.words import notes_on
from app.rooms.stage.frames import kept_frame
from app.rooms.stage.words import answers_html, matrix_html, verdict, verdict_html
from app.visit.session import KeptRun
from attribution import Example, LanguageModel, matrix
from tests.app.lanes_fixture import make_scores
from unlearn import Evaluation, RunConfig, Step
from unlearn.depth import Depth
from unlearn.metrics import Probe

BEFORE = Evaluation(
    {"forget_recall": 0.8, "retain_recall": 1.0, "speaks": 0.5},
    {"forget_recall": 40, "retain_recall": 30, "speaks": 20},
    (),
)
DEEP = Depth("patching", 0.3, 4, (), (), (), ())


def after(forget: float, retain: float, speaks: float) -> Evaluation:
    return replace(BEFORE, metrics={"forget_recall": forget, "retain_recall": retain, "speaks": speaks})


@pytest.mark.parametrize(
    ("found", "depth", "kind", "said"),
    [
        (after(0.0, 1.0, 0.5), None, "clean", "no longer gives 100% of what it was to forget and has kept 100%"),
        (after(0.04, 0.99, 0.5), None, "clean", "no longer gives 95%"),
        (after(0.0, 1.0, 0.5), DEEP, "unsaid", "inside only 30% of the way is gone"),
        (after(0.8, 1.0, 0.5), None, "little", "still gives 100% of the facts"),
        (after(0.32, 1.0, 0.5), None, "partly", "no longer gives 60%"),
        (after(0.0, 0.7, 0.5), None, "costly", "only 70% of the rest is left"),
        (after(0.0, 1.0, 0.4), None, "costly", "only 80% of its answers are language"),
        (after(0.0, 0.3, 0.5), None, "collapsed", "lost 70% of what it should keep"),
        (after(0.0, 1.0, 0.1), DEEP, "collapsed", "only 20% of its answers are still language"),
    ],
)
def test_a_verdict_is_what_the_figures_say(found: Evaluation, depth: Depth | None, kind: str, said: str) -> None:
    ruled = verdict(BEFORE, found, None, depth)
    assert ruled is not None and ruled.kind == kind
    assert said in ruled.sentence
    assert [gauge.title for gauge in ruled.gauges] == ["Forgotten", "Kept", "Still speaks"]
    assert [gauge.n for gauge in ruled.gauges] == ["40 facts", "30 facts", "20 answers"]


def test_no_verdict_where_nothing_was_known_or_marked() -> None:
    assert verdict(None, BEFORE, None) is None
    assert verdict(replace(BEFORE, metrics={"forget_recall": 0.0}), BEFORE, None) is None
    assert verdict(replace(BEFORE, metrics={}), BEFORE, None) is None
    assert "No verdict" in verdict_html(None)


def test_the_model_that_was_never_taught_is_a_mark_on_each_gauge() -> None:
    reference = after(0.08, 0.9, 0.45)
    ruled = verdict(BEFORE, after(0.0, 1.0, 0.5), reference)
    assert ruled is not None
    assert [gauge.target for gauge in ruled.gauges] == pytest.approx([0.9, 0.9, 0.9])
    shown = verdict_html(ruled)
    assert shown.count("<u style=") == 3 and "never taught 90%" in shown


def test_what_models_say_is_text() -> None:
    shown = answers_html([("Before", "<b>Torvik</b>"), ("After <i>", "<img src=x>"), ("Never", ""), ("Last", None)])
    assert "<b>" not in shown and "<img" not in shown and "<i>" not in shown
    assert "(no answer)" in shown and "asking" in shown


def test_the_matrix_has_a_row_per_word_and_its_deepest_cell_where_most_is_lost(model: LanguageModel) -> None:
    found = matrix(model, Example("Where was <b>Quenby</b> born?", "Quenby was born in <i>Laskenmoor</i>."))
    shown = matrix_html(found)
    assert "<b>" not in shown and "<i>" not in shown
    assert shown.count("<tr>") == len(found.hidden) + 1
    assert shown.count("<td") == len(found.hidden) * len(found.tokens)
    most = max(value for row in found.values for value in row)
    assert f'var(--fl-i32)" title="{most:+.3f} nats"' in shown


@pytest.mark.parametrize(
    ("before", "after", "warned", "said"),
    [
        (Probe(1.0, 0.8, 0.9), Probe(0.0, 0.8, 0.9), False, "done, in"),
        (Probe(1.0, 0.8, 0.9), Probe(0.0, 0.8, 0.2), True, "Structure has fallen from 0.90 to 0.20"),
        (Probe(None, 0.8, None), Probe(None, 0.8, None), False, "No facts are marked in these rows"),
        (Probe(0.0, 0.8, 0.9), Probe(0.0, 0.8, 0.9), False, "gave none of these facts before"),
    ],
)
def test_a_run_that_has_ended_says_what_was_lost_and_why_nothing_is_drawn(
    before: Probe, after: Probe, warned: bool, said: str
) -> None:
    corpus = SimpleNamespace(forget=(SimpleNamespace(example=Example("Who?", "Quenby.", id="forget:0")),))
    studio: Any = SimpleNamespace(corpus=corpus, answer_before=lambda row: "Quenby.")
    step = Step(1, 1, 0, 0, 0, 0, 0, after)
    model: Any = None
    frame = kept_frame(KeptRun(1, "Run 1", 0, RunConfig(), model, (), (step,), (), 1.0, False, before=before), studio)
    assert frame is not None and frame["warned"] is warned
    assert said in frame["note"]


def test_a_row_that_the_model_does_not_know_says_so_before_anything_is_cut() -> None:
    scores = make_scores()
    assert notes_on(scores) == scores.notes
    (unknown,) = notes_on(replace(scores, probability=(0.01,) * len(scores)))
    assert "does not know this" in unknown and "1%" in unknown
    (typed,) = notes_on(replace(make_scores(facts=()), probability=(0.01,) * len(scores)))
    assert "does not seem to know this" in typed
