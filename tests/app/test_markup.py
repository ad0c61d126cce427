"""Words that changed, words that are facts, and nothing that a text could smuggle into the page."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.look.markup import alert, count, differences, duration, escape, with_facts

HOSTILE = '<script>alert(1)</script> & "quotes" \'n <del>tags</del>'
TAG = re.compile(r"</?(?:del|ins|mark)>")


def plain(html_text: str) -> str:
    """The text that a reader sees, everything of it that was not struck out."""
    kept = re.sub(r"<del>.*?</del>", "", html_text, flags=re.DOTALL)
    return " ".join(TAG.sub("", kept).split())


def test_changed_words_are_marked() -> None:
    assert differences("born in Torvik.", "born in Elmport.") == "born in <del>Torvik</del> <ins>Elmport</ins>."
    assert differences("the same", "the same") == "the same"
    assert plain(differences("a long tale", "a tale")) == "a tale"
    assert differences("", "new words") == "<ins>new words</ins>"
    assert differences("all gone", "") == "<del>all gone</del>"


@given(st.text(alphabet="ab .,<>&'\n", max_size=40), st.text(alphabet="ab .,<>&'\n", max_size=40))
def test_what_is_not_struck_out_is_the_new_answer(before: str, after: str) -> None:
    assert plain(differences(before, after)).replace(" ", "") == "".join(escape(after).split())


@pytest.mark.parametrize(
    "shown",
    [
        escape(HOSTILE),
        alert(HOSTILE),
        differences("", HOSTILE),
        differences(HOSTILE, ""),
        differences(HOSTILE, HOSTILE + "x"),
        with_facts(HOSTILE, ["alert(1)", "&"]),
    ],
)
def test_hostile_text_stays_text(shown: str) -> None:
    assert "<script" not in shown
    assert "<del>tags" not in shown


def test_facts_are_marked_the_longest_first() -> None:
    marked = with_facts("In New Torvik, not Torvik.", ["Torvik", "New Torvik", ""])
    assert marked == "In <mark>New Torvik</mark>, not <mark>Torvik</mark>."
    assert with_facts("a < b", []) == "a &lt; b"


def test_durations_and_counts_read_well() -> None:
    assert [duration(s) for s in (0.2, 8.4, 89, 125)] == ["under a second", "8 s", "89 s", "2 min 5 s"]
    assert [count(n, "row") for n in (1, 2, 1390)] == ["1 row", "2 rows", "1,390 rows"]
