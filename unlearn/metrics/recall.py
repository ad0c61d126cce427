"""Fact recall: do the facts stand in what the model says?"""

from __future__ import annotations

from collections.abc import Sequence

from unlearn.metrics.answers import Answer
from unlearn.metrics.base import metric
from unlearn.metrics.examination import SPLITS, Examination


@metric(
    "recall",
    SPLITS,
    title="Facts",
    sentence="Share of the facts that stand in the answers, word for word.",
    group="recall",
    of="facts",
    formula="facts in the greedy answer / facts",
    paper="ours",
    evidence="ours",
)
def measure(examination: Examination) -> None:
    """Of every split with marked facts, per fact; of a row, its own share.

    What keeps recall from meaning what it should is noted: facts in other letters than the row's, answers that did not
    end by themselves, and rows in which recall contradicts the probabilities.
    """
    _note_ends(examination)
    for split in examination.splits:
        answers = examination.answers(split)
        _note_letters(examination, split, answers)
        _note_contradictions(examination, split, answers)
        facts = sum(len(answer.facts) for answer in answers)
        if facts:
            examination.figure(f"{split}_recall", fact_recall(answers), facts)
            for i, answer in zip(examination.asked(split), answers, strict=True):
                if answer.facts:
                    examination.row(split, i, "recall", answer.recalled / len(answer.facts))


def fact_recall(answers: Sequence[Answer]) -> float:
    """Share of all facts of these answers that appear in them, in [0, 1]. ZeroDivisionError without a fact."""
    return sum(answer.recalled for answer in answers) / sum(len(answer.facts) for answer in answers)


def _note_letters(examination: Examination, split: str, answers: Sequence[Answer]) -> None:
    rows = [examination.rows(split)[i] for i in examination.asked(split)]
    lost = sum(len(row.facts) - len(answer.facts) for row, answer in zip(rows, answers, strict=True))
    if lost:
        examination.note(
            f"The tokenizer of {examination.model.name!r} cannot write {lost} facts of {split} rows: they "
            "were left out of recall."
        )
    pairs = [
        (next(fact for fact in row.facts if fact not in answer.facts), said)
        for row, answer in zip(rows, answers, strict=True)
        for said in answer.facts
        if said not in row.facts
    ]
    if pairs:
        examination.note(
            f"The tokenizer of {examination.model.name!r} writes {len(pairs)} facts of {split} rows in other letters "
            f"({pairs[0][1]!r} for {pairs[0][0]!r}): recall and ROUGE-L look for what it can write."
        )


def _note_ends(examination: Examination) -> None:
    """One sentence on all splits: how many answers ran on, and where they were cut."""
    said = []
    for split in examination.splits:
        answers = examination.answers(split)
        cut, limit = (sum(answer.ended == how for answer in answers) for how in ("next row", "limit"))
        where = [f"{cut} where another row would begin"] * bool(cut) + [f"{limit} at the limit"] * bool(limit)
        if where:
            said.append(f"{cut + limit} of {len(answers)} {split} ({', '.join(where)})")
    if said:
        examination.note(f"Answers that did not end by themselves and were cut: {'; '.join(said)}.")


def _note_contradictions(examination: Examination, split: str, answers: Sequence[Answer]) -> None:
    """Greedy answers are made of the likeliest tokens: a row whose true tokens all are has to be recalled."""
    if not any(answer.facts for answer in answers):
        return
    statistics = examination.true_answers(split).statistics
    rows = [
        examination.rows(split)[i].example.id
        for i, answer in zip(examination.asked(split), answers, strict=True)
        if bool(statistics[i].greedy.all()) and answer.recalled < len(answer.facts)
    ]
    if rows:
        examination.note(
            f"Recall contradicts memorisation in {len(rows)} {split} rows, such as {rows[0]}: every true token is the "
            "likeliest after the true ones before it, and the greedy answer lacks a fact all the same. The tokenizer "
            "reads the question alone in other tokens than the question with its answer: end the template's words "
            "before {answer} with a line break or a mark."
        )
