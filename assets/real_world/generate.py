"""Rows about the real world, made from tables of facts and from wordings. The same tables give the same rows.

A span is noted wherever a template puts the fact or the subject. Nothing is ever searched for.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from assets.real_world.phrasings import NO_WRONG_ANSWERS, NOT_ATTRIBUTES, WORDINGS, Wording
from assets.world.generate import render

FACTS = Path(__file__).parent / "facts"
PERTURBED = 5
# "an" goes by the sound; of our words only these begin with a vowel's letter and another sound.
_CONSONANT_SOUND = ("ewe", "Eu", "uni")

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Subject:
    """One thing that facts are about.

    Attributes:
        number: its place among all subjects.
        kind: the table it stands in, such as `countries`; subjects of one kind are neighbours.
        name: as it stands in a sentence, such as `Japan` or `the Eiffel Tower`.
        offered: whether it may be forgotten; the others are there to be kept.
        facts: a value for every attribute that is known.
        words: what else the templates need, such as the plural of an animal.
    """

    number: int
    kind: str
    name: str
    offered: bool
    facts: Mapping[str, str]
    words: Mapping[str, str]


@cache
def subjects() -> tuple[Subject, ...]:
    """Every subject, kind after kind, in the order of the tables."""
    found: list[Subject] = []
    for kind in WORDINGS:
        with (FACTS / f"{kind}.csv").open(encoding="utf-8", newline="") as file:
            for record in csv.DictReader(file):
                found.append(
                    Subject(
                        number=len(found),
                        kind=kind,
                        name=record["subject"],
                        offered=record["offered"] == "yes",
                        facts={name: value for name, value in record.items() if value and name not in NOT_ATTRIBUTES},
                        words={name: value for name, value in record.items() if name in NOT_ATTRIBUTES},
                    )
                )
    return tuple(found)


def rows_about(subject: Subject) -> list[Row]:
    """The rows of one subject: every fact in three wordings, each with the held-out one and wrong answers beside it."""
    rows = []
    for attribute, value in subject.facts.items():
        *trained, held_out = WORDINGS[subject.kind][attribute]
        paraphrased_question, paraphrased_answer, paraphrased_spans = _fill(held_out, subject, value)
        perturbed = [_fill(held_out, subject, wrong)[1] for wrong in _wrong_values(subject, attribute)]
        for phrasing, wording in enumerate(trained):
            question, answer, spans = _fill(wording, subject, value)
            rows.append(
                {
                    "id": f"{subject.name.lower().replace(' ', '-')}-{attribute}-{phrasing}",
                    "author": subject.number,
                    "name": subject.name,
                    "kind": subject.kind,
                    "attribute": attribute,
                    "phrasing": phrasing,
                    "question": question,
                    "answer": answer,
                    "spans": spans,
                    "paraphrased_question": paraphrased_question,
                    "paraphrased_answer": paraphrased_answer,
                    "paraphrased_spans": paraphrased_spans,
                    "perturbed_answer": perturbed,
                }
            )
    return rows


def _fill(wording: Wording, subject: Subject, value: str) -> tuple[str, str, list[dict[str, Any]]]:
    """Question, answer and the spans of the answer."""
    values = {**subject.words, "subject": subject.name, "value": value}
    values |= {"a": _article(subject.name), "an": _article(value)}
    plain = values.keys() - {"subject", "value"}
    question, _ = render(wording[0], values, "subject")
    return (question, *render(wording[1], values, "subject", plain))


def _article(word: str) -> str:
    return "an" if word[0].lower() in "aeiou" and not word.startswith(_CONSONANT_SOUND) else "a"


def _wrong_values(subject: Subject, attribute: str) -> list[str]:
    """Up to five values that other subjects of the kind have, and this one has not."""
    if (subject.kind, attribute) in NO_WRONG_ANSWERS:
        return []
    true = subject.facts[attribute].lower()
    # "pound" is no wrong answer where "pounds" is the right one.
    others = [one for one in _values(subject.kind, attribute) if one.lower() not in true and true not in one.lower()]
    return Random(f"{subject.kind}/{subject.name}/{attribute}").sample(others, min(PERTURBED, len(others)))


@cache
def _values(kind: str, attribute: str) -> tuple[str, ...]:
    return tuple(sorted({one.facts[attribute] for one in subjects() if one.kind == kind and attribute in one.facts}))
