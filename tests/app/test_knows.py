"""What a model knows of rows before anything is trained, in words: counted from its answers, and text stays text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.rooms.own.knows import ASKED, Known, asked_of, known_html, typed_html
from attribution import Example, LanguageModel
from attribution.data.rows import Row
from unlearn import load_corpus
from unlearn.metrics.answers import Answer


def said(truth: str, answer: str, *facts: str) -> Answer:
    return Answer("forget", "Where <was> it?", "", truth, facts, answer)


RIGHT, WRONG = said("In <Ost>.", "In <Ost>, I think.", "Ost"), said("In <Ost>.", "In <West>.", "Ost")
BARE = said("In <Ost>.", "In <Ost>.")


@pytest.mark.parametrize(
    ("known", "sentence", "advice"),
    [
        (Known((RIGHT, WRONG), 40), "asked 2 of 40 rows and answers 1 right", "What it does not know"),
        (Known((RIGHT,), 1), "It was asked 1 and answers 1 right", "There is something to forget"),
        (Known((WRONG,), 1), "answers 0 right", "teach it a fact"),
        (Known((BARE, said("In Ost.", "in ost")), 2), "answers 1 right", "word for word"),
        (Known((), 3, plain=3), "plain text and ask nothing", "the probability of every token"),
    ],
)
def test_what_is_known_is_counted_and_what_follows_is_said(known: Known, sentence: str, advice: str) -> None:
    html = known_html(known)
    assert sentence in html and advice in html
    assert "<was>" not in html and "<Ost>" not in html and "<West>" not in html


def test_some_rows_are_asked_and_those_that_ask_nothing_are_not(model: LanguageModel) -> None:
    corpus = load_corpus("forget01")
    known = asked_of(model, corpus)
    assert len(known.answers) == known.right == ASKED and known.rows == len(corpus.forget)
    text = Row(Example("", "A plain text about a town."))
    assert asked_of(model, replace(corpus, forget=(text, *corpus.forget[:1]))).plain == 1
    assert not asked_of(model, replace(corpus, forget=(text,))).answers


def test_a_typed_fact_is_known_only_where_it_is_said() -> None:
    assert "It knows this already" in typed_html("In Ost.", " In  Ost.", 0.93)
    html = typed_html("<b>West</b>", "In Ost.", 0.00012)
    assert "It does not say this" in html and "0.00012" in html and "<b>West" not in html
