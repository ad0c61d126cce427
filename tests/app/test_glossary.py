"""The glossary: what the page shows by name has an entry, and an entry is plain text under words of its own."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from app.look.glossary import TERMS, forms_of, glossary_html, terms_script
from app.look.texts import EN
from app.visit.run_config import STRATEGIES
from attribution.scorers import SCORERS
from unlearn.stress import KINDS

FORMS = [form for term in TERMS for form in forms_of(term)]
SAID_ELSEWHERE = {"Random", "Oracle", "Inverse", "Permuted"}
"""Controls, whose titles say in the race and beside the lanes what they are."""


def known(words: str) -> bool:
    return any(form in words for form in FORMS)


@pytest.mark.parametrize("title", [scorer.title for scorer in SCORERS if scorer.kind in ("signal", "control")])
def test_every_scorer_that_has_a_lane_is_explained(title: str) -> None:
    assert title in SAID_ELSEWHERE or known(title), f"app/look/glossary.py has no entry for {title!r}"


@pytest.mark.parametrize("words", [*KINDS, *STRATEGIES.values(), EN["lanes"], EN["preset"], EN["setting_objective"]])
def test_what_runs_and_stresses_are_called_is_explained(words: str) -> None:
    assert known(words) or known(words.capitalize()), f"app/look/glossary.py has no entry for {words!r}"


def test_entries_are_short_plain_and_no_word_has_two() -> None:
    assert [form for form, times in Counter(FORMS).items() if times > 1] == []
    for term in TERMS:
        assert term.says.endswith(".") and len(term.says) <= 130, term.title
        assert not set("<>&{}") & set(term.title + term.says), term.title


def test_the_list_and_the_script_hold_every_entry_and_end_nothing_early(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(f"<dt>{term.title}</dt>" in glossary_html() for term in TERMS)
    hostile = TERMS[0]._replace(says="</script><b>.")
    monkeypatch.setattr("app.look.glossary.TERMS", (hostile,))
    said = terms_script()
    assert "<" not in said and json.loads(said.partition("= ")[2].rstrip(";"))[0][1] == hostile.says
    assert "<b>" not in glossary_html()
