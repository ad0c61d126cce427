"""The figures and answers side by side."""

from __future__ import annotations

import csv
import io
import json
from types import SimpleNamespace

import gradio as gr
import pytest

from app.api.compare import compare_endpoint
from app.look.answers import LONGEST, Other, cards_html, table_html
from app.visit.comparison import side_by_side
from app.visit.export import answers_csv, run_json
from app.visit.session import Visit
from attribution import Rule, Selection
from unlearn import Evaluation, RunConfig, Step
from unlearn.metrics import MAIN_FIGURES, Answer, metric_info


def evaluation(value: float, *answers: str) -> Evaluation:
    asked = tuple(
        Answer("forget", f"Where was <A{i}> born?", "prompt", "In Torvik.", ("Torvik",), text)
        for i, text in enumerate(answers)
    )
    return Evaluation(dict.fromkeys(MAIN_FIGURES, value), dict.fromkeys(MAIN_FIGURES, 490), asked)


def test_cards_say_value_direction_reference_and_n() -> None:
    cards = cards_html(evaluation(1.0), evaluation(0.25), Other("Never taught", "reference", evaluation(0.02)))
    assert cards.count("<section") == len(MAIN_FIGURES)
    assert cards.count("↓ lower is better") == 2 and cards.count("↑ higher is better") == 7
    assert "1.00" in cards and "<b>0.25</b>" in cards and "reference 0.02" in cards and "n = 490 facts" in cards
    assert "<h4>Facts to keep</h4>" in cards and metric_info("structure").sentence in cards


def test_a_figure_without_rows_has_no_card() -> None:
    after = Evaluation({"forget_recall": 0.0}, {"forget_recall": 1}, ())
    cards = cards_html(None, after, Other("<b>mine</b>", "<b>mine</b>", None))
    assert cards.count("<section") == 1
    assert "unknown" in cards and "&lt;b&gt;mine" in cards


def test_the_table_marks_changes_and_escapes() -> None:
    rows = side_by_side(
        evaluation(1.0, "In Torvik.", "In Torvik."),
        evaluation(0.0, "In <b>Elmport</b>.", "In Torvik."),
        evaluation(0.0, "In Torvik.", ""),
    )
    table = table_html(rows)
    assert "<b>" not in table and "&lt;b&gt;" in table and "&lt;A0&gt;" in table
    assert "<mark>Torvik</mark>" in table and "<del>Torvik</del>" in table
    assert table.count("unchanged") == 2 and "(no answer)" in table
    assert table_html([]).startswith('<p class="pg-empty">')


def test_an_endless_answer_is_cut_short() -> None:
    rows = side_by_side(evaluation(1.0, "In Torvik."), evaluation(0.0, "la " * 400), None)
    table = table_html(rows)
    assert "more characters" in table and table.count("la") < LONGEST


def test_without_the_original_answers_it_says_so() -> None:
    with pytest.raises(ValueError, match="not there yet"):
        side_by_side(None, evaluation(0.0), None)


def test_exports_hold_weights_and_answers() -> None:
    rule = Rule("learned", "top", 0.5)
    config = RunConfig(rule=rule, steps=3)
    kept = SimpleNamespace(
        number=2,
        config=config,
        seconds=1.5,
        stopped=True,
        steps=(Step(1, 3, -0.1, 0.2, 0.3, 0.5, 1.0),),
        evaluation=evaluation(0.5, "In Elmport."),
        selections=(Selection((0.0, 1.0), rule),),
    )
    corpus = SimpleNamespace(forget=[SimpleNamespace(example=SimpleNamespace(id="a1"))])
    content = json.loads(run_json(kept, corpus, before=evaluation(1.0)).text)
    assert content["selections"] == [{"id": "a1", "weights": [0.0, 1.0]}]
    assert content["metrics"]["after"]["forget_recall"] == 0.5 and content["metrics"]["reference"] is None
    table = answers_csv(2, side_by_side(evaluation(1.0, "In Torvik."), kept.evaluation, None)).text
    (row,) = csv.DictReader(io.StringIO(table))
    assert row["before"] == "In Torvik." and row["after"] == "In Elmport." and row["facts"] == "Torvik"


def test_another_run_comes_along_where_it_is_asked_for() -> None:
    kept = [
        SimpleNamespace(number=n, evaluation=evaluation(value, said), config=RunConfig(rule=Rule("learned")))
        for n, value, said in ((1, 0.4, "In Elmport."), (2, 0.25, "In Lomm."))
    ]
    first = SimpleNamespace(result=lambda: evaluation(1.0, "In Torvik."), done=lambda: True)
    studio = SimpleNamespace(before=lambda: first, reference=lambda: None)
    visit = Visit(studio, runs=kept)
    compare = compare_endpoint(SimpleNamespace(of=lambda session: visit))
    request = SimpleNamespace(session_hash="s")
    alone = compare(request)
    assert alone["run"]["number"] == 2 and "against" not in alone["metrics"] and "against" not in alone["answers"][0]
    both = compare(request, against="1")
    assert both["metrics"]["against"]["forget_recall"] == 0.4 and both["metrics"]["after"]["forget_recall"] == 0.25
    assert both["answers"][0]["against"] == "In Elmport." and both["answers"][0]["after"] == "In Lomm."
    with pytest.raises(gr.Error, match="choose reference, or one of 1"):
        compare(request, against="2")
