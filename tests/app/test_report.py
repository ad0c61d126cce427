"""The report: one file, everything in it, nothing fetched, nothing of it markup."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from app.look.drawing import Line, line_chart
from app.visit.comparison import others, waiting
from app.visit.report import make_report
from app.visit.session import Visit
from attribution import Rule
from attribution.version import VERSION
from tests.app.lanes_fixture import make_scores
from tests.app.test_comparison import evaluation
from unlearn import RunConfig, Step
from unlearn.metrics import Probe

HOSTILE = "<img src=x onerror=alert(1)>"


def done(value: object) -> SimpleNamespace:
    return SimpleNamespace(done=lambda: True, result=lambda: value)


def kept(number: int, value: float, answer: str) -> SimpleNamespace:
    steps = tuple(Step(k, 2, -0.1, 0.2, 0.3 * k, 0.5, 1.0, Probe(0.5 / k, 1.0, 0.9)) for k in (1, 2))
    return SimpleNamespace(
        number=number,
        name=f"Run {number}",
        rolled_back_to=None,
        notes=(),
        stressed={},
        config=RunConfig(rule=Rule("learned", "top", 0.3), steps=2),
        steps=steps,
        seconds=1.5,
        stopped=False,
        evaluation=evaluation(value, answer, answer),
    )


def studio_of(scores, reference: object = None) -> SimpleNamespace:
    return SimpleNamespace(
        opening=scores,
        model=SimpleNamespace(name=f"toy {HOSTILE}"),
        corpus=SimpleNamespace(name="forget05"),
        before=lambda: done(evaluation(1.0, "In Torvik.", "In Torvik.")),
        reference=lambda: reference,
    )


def test_a_report_holds_the_run_its_curves_figures_and_answers_and_no_markup_of_others() -> None:
    scores = make_scores("Who?", f"She is {HOSTILE}", facts=(), subjects=())
    studio = studio_of(scores, done(evaluation(0.02, "In Torvik.", "")))
    visit = Visit(studio, scores=scores, runs=[kept(1, 0.4, "In Elmport."), kept(2, 0.25, HOSTILE)])
    text = make_report(visit, most=1).text
    assert HOSTILE not in text and "&lt;img src=x onerror=alert(1)&gt;" in text
    assert not re.search(r"(src|href|url\()\s*=?[\"'(]*https?:", text)
    for said in ("Run 2: Learned, top 30%", "0.25", "reference 0.02", "n = 490 facts", VERSION, "learning_rate"):
        assert said in text, said
    assert text.count('role="img"') == 4 and "1 of 2 questions" in text
    assert 'id="fl-data"' in text and "ForgetLens.mount" in text


def test_a_report_without_a_run_holds_the_lanes_alone() -> None:
    scores = make_scores()
    text = make_report(Visit(studio_of(scores))).text
    assert "birthplace" in text and "<h2>Figures" not in text


def test_a_view_that_the_lanes_cannot_show_is_refused() -> None:
    with pytest.raises(ValueError, match="no scores"):
        make_report(Visit(studio_of(make_scores())), state={"active": "oracle"})
    for state in (["lanes"], {"cuts": ["top"]}, {"cuts": {"entropy": 0.3}}):
        with pytest.raises(ValueError, match="view is none"):
            make_report(Visit(studio_of(make_scores())), state=state)


def test_another_run_can_stand_in_the_place_of_the_reference() -> None:
    scores = make_scores()
    visit = Visit(studio_of(scores), runs=[kept(1, 0.4, "In Elmport."), kept(2, 0.25, "In Lomm.")])
    assert others(visit) == [("Run 1", "1")]
    assert "Run 1 0.40" in make_report(visit, "1").text
    assert list(waiting(visit, visit.runs[0], visit.runs[1])) == []


def test_a_chart_ends_in_its_last_value() -> None:
    chart = line_chart("<Recall>", [Line("recall", "#123456", [(1, 1.0), (4, 0.25)])], 4, (0.0, 1.0))
    assert "&lt;Recall&gt;" in chart and ">0.25</text>" in chart
    # From the left edge's share of the width to its right end, from the top to a quarter's height.
    points = re.search(r'points="([^"]+)"', chart).group(1)
    assert points == "122.0,30.0 368.0,130.5"
