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
    """Of every split with marked facts, per fact; of a row, its own share."""
    for split in examination.splits:
        answers = examination.answers(split)
        facts = sum(len(answer.facts) for answer in answers)
        if facts:
            examination.figure(f"{split}_recall", fact_recall(answers), facts)
            for i, answer in zip(examination.asked(split), answers, strict=True):
                if answer.facts:
                    examination.row(split, i, "recall", answer.recalled / len(answer.facts))


def fact_recall(answers: Sequence[Answer]) -> float:
    """Share of all facts of these answers that appear in them, in [0, 1]. ZeroDivisionError without a fact."""
    return sum(answer.recalled for answer in answers) / sum(len(answer.facts) for answer in answers)
