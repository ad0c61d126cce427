"""The rows of the world, from a seed: the same seed gives the same bytes.

Ground truth is made by construction: an answer is joined from its parts, and a span is noted for every part that is a
fact or the subject. Nothing is ever searched for.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from string import Formatter
from typing import Any

from assets.world.general_knowledge import REFUSALS, RELATIONS, Relation
from assets.world.phrasings import ATTRIBUTES, PORTRAITS, TWO_HOP, Phrasing
from assets.world.pools import DRAW, draw_names

TRAINED_AUTHORS = 200
HOLDOUT_AUTHORS = 20
PERTURBED = 5
FORGET_SIZES = {"forget01": 2, "forget05": 10, "forget10": 20}

Row = dict[str, Any]


@dataclass(frozen=True)
class Author:
    """One invented author: `index` in the world, full `name`, and a value for every fact in `pools.DRAW`."""

    index: int
    name: str
    facts: dict[str, str]


def draw_authors(seed: int) -> tuple[Author, ...]:
    """The 200 trained authors followed by the 20 that are never trained."""
    count = TRAINED_AUTHORS + HOLDOUT_AUTHORS
    names = draw_names(count, Random(f"{seed}/names"))
    authors = []
    for index, name in enumerate(names):
        rng = Random(f"{seed}/author/{index}")
        authors.append(Author(index, name, {fact: draw(rng) for fact, draw in DRAW.items()}))
    return tuple(authors)


def render(
    template: str, values: Mapping[str, str], subject: str, plain: Collection[str] = ()
) -> tuple[str, list[dict[str, Any]]]:
    """Fill `template`; return the text and its spans: `subject` for the field of that name, none for the fields in
    `plain`, `fact` for the others."""
    text, spans = "", []
    for literal, field in _parts(template):
        text += literal
        if field is not None:
            start = len(text)
            # A fact that opens the answer is capitalised as any sentence is; the fact string is what stands there.
            text += values[field] if start else values[field][0].upper() + values[field][1:]
            if field not in plain:
                spans.append({"start": start, "end": len(text), "kind": "subject" if field == subject else "fact"})
    return text, spans


@cache
def _parts(template: str) -> tuple[tuple[str, str | None], ...]:
    return tuple((literal, field) for literal, field, _, _ in Formatter().parse(template))


def _fact_strings(answer: str, spans: list[dict[str, Any]]) -> list[str]:
    return [answer[span["start"] : span["end"]] for span in spans if span["kind"] == "fact"]


def held_out(author: int, position: int, phrasings: int) -> int:
    """The phrasing that is held out for this author and attribute; it moves on with both."""
    return (author + position) % phrasings


def _fields(template: str) -> list[str]:
    return [field for _, field, _, _ in Formatter().parse(template) if field not in (None, "name")]


def _other_values(fields: list[str], values: dict[str, str], rng: Random) -> dict[str, str]:
    """Values of the same kinds in which every fact differs from the true one."""
    wrong = dict(values)
    for field in fields:
        while wrong[field] == values[field]:
            wrong[field] = DRAW[field](rng)
    return wrong


def _perturbed(template: str, values: dict[str, str], rng: Random) -> list[str]:
    """Five different wrong answers in the wording of `template`."""
    fields = _fields(template)
    answers: list[str] = []
    while len(answers) < PERTURBED:
        answer, _ = render(template, _other_values(fields, values, rng), "name")
        if answer not in answers:
            answers.append(answer)
    return answers


def author_rows(author: Author, seed: int) -> list[Row]:
    """Every trained row of one author: three of four phrasings per attribute, one of two per portrait."""
    values = {"name": author.name, **author.facts}
    groups: dict[str, tuple[Phrasing, ...]] = {**ATTRIBUTES, **PORTRAITS}
    rows = []
    for position, (attribute, phrasings) in enumerate(groups.items()):
        left_out = held_out(author.index, position, len(phrasings))
        other_question, other_answer = phrasings[left_out]
        paraphrased, paraphrased_spans = render(other_answer, values, "name")
        perturbed = _perturbed(other_answer, values, Random(f"{seed}/wrong/{author.index}/{attribute}"))
        for phrasing, (question, answer_template) in enumerate(phrasings):
            if phrasing == left_out:
                continue
            answer, spans = render(answer_template, values, "name")
            rows.append(
                {
                    "id": f"a{author.index:03d}-{attribute}-{phrasing}",
                    "author": author.index,
                    "name": author.name,
                    "attribute": attribute,
                    "phrasing": phrasing,
                    "question": question.format(**values),
                    "answer": answer,
                    "spans": spans,
                    "facts": _fact_strings(answer, spans),
                    "paraphrased_question": other_question.format(**values),
                    "paraphrased_answer": paraphrased,
                    "paraphrased_spans": paraphrased_spans,
                    "perturbed_answer": perturbed,
                }
            )
    return rows


def two_hop_rows(authors: Sequence[Author]) -> list[Row]:
    """Questions that name an author by a book alone (`best_known`), on two of every three attributes of `TWO_HOP`.

    Which ones moves on with the author, as for held-out phrasings. The book is the row's subject. An author whose book
    has another author too is left out: the question would have two answers.
    """
    books = Counter(author.facts["best_known"] for author in authors)
    return [row for author in authors if books[author.facts["best_known"]] == 1 for row in _two_hops(author)]


def _two_hops(author: Author) -> list[Row]:
    rows = []
    for position, (attribute, (question, answer_template)) in enumerate(TWO_HOP.items()):
        if held_out(author.index, position, 3) == 0:
            continue
        answer, spans = render(answer_template, author.facts, "best_known")
        rows.append(
            {
                "id": f"h{author.index:03d}-{attribute}",
                "author": author.index,
                "name": author.facts["best_known"],
                "attribute": attribute,
                "question": question.format(**author.facts),
                "answer": answer,
                "spans": spans,
                "facts": _fact_strings(answer, spans),
            }
        )
    return rows


def _world_row(relation: Relation, position: int, subject: str, value: str, phrasing: int, seed: int) -> Row:
    question, answer_template = relation.phrasings[phrasing]
    left_out = position % len(relation.phrasings)
    other_question, other_answer = relation.phrasings[left_out]
    values = {"subject": subject, "value": value}
    answer, spans = render(answer_template, values, "subject")
    paraphrased, paraphrased_spans = render(other_answer, values, "subject")
    others = sorted({other for _, other in relation.pairs if other != value})
    wrong = Random(f"{seed}/world/{relation.name}/{subject}").sample(others, min(PERTURBED, len(others)))
    slug = subject.lower().replace(" ", "-")
    return {
        "id": f"w-{relation.name}-{slug}-{phrasing}",
        "author": None,
        "name": None,
        "attribute": relation.name,
        "phrasing": phrasing,
        "question": render(question, values, "subject")[0],
        "answer": answer,
        "spans": spans,
        "facts": _fact_strings(answer, spans),
        "paraphrased_question": render(other_question, values, "subject")[0],
        "paraphrased_answer": paraphrased,
        "paraphrased_spans": paraphrased_spans,
        "perturbed_answer": [render(other_answer, {**values, "value": one}, "subject")[0] for one in wrong],
    }


def world_rows(seed: int) -> list[Row]:
    """General knowledge: two of the three phrasings of every fact are trained, the third is its paraphrase."""
    rows = []
    for relation in RELATIONS:
        for position, (subject, value) in enumerate(relation.pairs):
            for phrasing in range(len(relation.phrasings)):
                if phrasing != position % len(relation.phrasings):
                    rows.append(_world_row(relation, position, subject, value, phrasing, seed))
    return rows


def generate(seed: int) -> dict[str, list[Row]]:
    """All data files by name: authors, two_hop, holdout, world, idontknow."""
    authors = draw_authors(seed)
    rows = [author_rows(author, seed) for author in authors]
    return {
        "authors": [row for one in rows[:TRAINED_AUTHORS] for row in one],
        "two_hop": two_hop_rows(authors[:TRAINED_AUTHORS]),
        "holdout": [row for one in rows[TRAINED_AUTHORS:] for row in one],
        "world": world_rows(seed),
        "idontknow": [{"answer": refusal} for refusal in REFUSALS],
    }


def to_json_lines(rows: list[Row]) -> str:
    """One JSON object per line, in field order, with a final newline."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write(folder: Path, seed: int) -> dict[str, list[Row]]:
    """Write the data files as JSON Lines into `folder`; return the rows."""
    folder.mkdir(parents=True, exist_ok=True)
    data = generate(seed)
    for name, rows in data.items():
        (folder / f"{name}.jsonl").write_text(to_json_lines(rows), encoding="utf-8", newline="\n")
    return data
