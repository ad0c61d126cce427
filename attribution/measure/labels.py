"""Ground truth from elsewhere: JSON Lines of `question`, `answer`, `spans: [{start, end, kind}]`, by other people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace

from attribution.data.rows import Row
from attribution.scorers.linear_probe import subject_groups
from attribution.text.example import Example
from attribution.text.subject import find_subject


@dataclass(frozen=True)
class LabelledRows:
    """Rows with their spans, ready for `attribution.measure.scorer_evaluation.evaluate`.

    Attributes:
        examples: the rows, each question and answer once.
        groups: per row its author, or its subject where it names no author: rows of one group share what they know.
        counts: what was found on the way, such as rows or spans that stand twice; only what is not 0.
    """

    examples: tuple[Example, ...]
    groups: tuple[Hashable, ...]
    counts: dict[str, int] = field(default_factory=dict)


def labelled_rows_of(rows: Sequence[Row], labels: Sequence[Row] | None = None) -> LabelledRows:
    """Rows with the spans of `labels`, or with their own where `labels` is None.

    A label belongs to the row with the same question and answer, white space at their ends aside. Rows that stand twice
    are taken once, with the spans of both; a span that stands twice is taken once.

    Raises:
        ValueError: no label belongs to a row.
    """
    counts: Counter[str] = Counter()
    merged = _merged(rows, counts, "rows")
    if labels is not None:
        labelled = _merged(labels, counts, "labels")
        matched = {
            # The label's own text, for its offsets count characters of that.
            key: replace(row, example=replace(labelled[key].example, id=row.example.id))
            for key, row in merged.items()
            if key in labelled
        }
        if not matched:
            raise ValueError(
                f"None of the {len(labelled)} labels belongs to one of the {len(merged)} rows: question and answer "
                f"must be the same text. The first label asks {next(iter(labelled.values())).example.prompt[:60]!r}."
            )
        counts["rows without a label"] = len(merged) - len(matched)
        counts["labels without a row"] = len(labelled) - len(matched)
        merged = matched
    examples = tuple(row.example for row in merged.values())
    by_subject = subject_groups([find_subject(example) for example in examples])
    groups = [
        f"author {row.author}" if row.author is not None else subject
        for row, subject in zip(merged.values(), by_subject, strict=True)
    ]
    return LabelledRows(examples, tuple(groups), {what: count for what, count in counts.items() if count})


def _merged(rows: Sequence[Row], counts: Counter[str], what: str) -> dict[tuple[str, str], Row]:
    merged: dict[tuple[str, str], Row] = {}
    for row in rows:
        example = row.example
        key = (example.prompt.strip(), example.answer.strip())
        spans = example.spans
        if key in merged:
            counts[f"repeated {what}"] += 1
            # Offsets of two answers that differ by white space at their start cannot be joined: the first one's stay.
            same_text = merged[key].example.answer == example.answer
            spans = (*merged[key].example.spans, *(spans if same_text else ()))
            row = merged[key]
        unique = tuple(dict.fromkeys(spans))
        counts["repeated spans"] += len(spans) - len(unique)
        merged[key] = replace(row, example=replace(row.example, spans=unique))
    return merged
