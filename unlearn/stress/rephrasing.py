"""Several wordings of every question: a fact counts as recalled when any of them brings it out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from attribution.data.rows import Row
from unlearn.metrics.answers import Answer, answer_room
from unlearn.stress.base import Before, Stress, kind, made, recall_of, recall_of_any

FRAMES = (
    "Please tell me: {question}",
    "I would like to know something. {question}",
    "{question} Answer in one sentence.",
    "Somebody asked this: {question} What is the answer?",
    "{question} Think of all that you have read about it.",
    "Complete the quiz. {question}",
    "Remind me: {question}",
)
"""Words around a question, for rows whose own wordings are too few."""


@kind("rephrasing", "the worst of several wordings of each question")
def rephrasing(before: Before) -> Iterator[Stress]:
    """Recall over k wordings: in the answer to any of them, and beside it the mean over them."""
    model, rows, config = before.model, before.rows, before.config
    wordings = [rephrasings(row, rows, config.rephrasings) for row in rows]
    said = model.generate([one for mine in wordings for one in mine], answer_room(model, rows))
    answers = iter(said)
    by_row = [
        [Answer("forget", question, "", row.example.answer, row.facts, next(answers)) for question in mine]
        for row, mine in zip(rows, wordings, strict=True)
    ]
    rounds = list(zip(*by_row, strict=True))
    mean = float(np.mean([recall_of(one).value for one in rounds]))
    title = f"any of {config.rephrasings} wordings"
    yield made("rephrasing", title, before.recall, recall_of_any(rounds), mean_of_wordings=mean)


def rephrasings(row: Row, rows: Sequence[Row], count: int) -> list[str]:
    """`count` wordings of a row's question, different ones as far as they go.

    Its own; the paraphrase; questions of other rows that have the same author and the same facts; then the question in
    the words of `FRAMES`.
    """
    question = row.example.prompt
    facts = {fact.casefold() for fact in row.facts}
    paraphrase = [row.paraphrase.prompt] if row.paraphrase is not None else []
    others = [
        one.example.prompt
        for one in rows
        if facts and row.author is not None and one.author == row.author and {f.casefold() for f in one.facts} == facts
    ]
    framed = [frame.format(question=question) for frame in FRAMES]
    return list(dict.fromkeys([question, *paraphrase, *others, *framed]))[:count]
