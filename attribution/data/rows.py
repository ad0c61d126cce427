"""Rows on disk: the embedded world and any JSON Lines file with the same fields (TOFU's, with optional `spans`)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from attribution.model.loading import EMBEDDED_FOLDER
from attribution.suggestions import did_you_mean
from attribution.text.example import Example, Span

DATA_FOLDER = EMBEDDED_FOLDER / "data"
AUTHORS = 200
# As in TOFU the authors to forget stand at the end, and the smaller sets lie inside the larger ones.
FORGET_AUTHORS = {"forget01": 2, "forget05": 10, "forget10": 20}
SPLITS = ("forget", "paraphrase", "retain", "holdout", "world", *FORGET_AUTHORS)
_RANGE = re.compile(r"^(?P<split>[A-Za-z0-9_-]+):(?P<first>\d+)(?:-(?P<last>\d+))?$")


@dataclass(frozen=True)
class Row:
    """A question with its answer, and what the metrics need beside it.

    Attributes:
        example: question, answer, spans, id.
        paraphrase: the same fact asked and answered in words never trained for this author; None where there is none.
        perturbed: wrong answers in the words of the paraphrased answer.
        author: number of the author, None for general knowledge.
    """

    example: Example
    paraphrase: Example | None = None
    perturbed: tuple[str, ...] = ()
    author: int | None = None

    @property
    def facts(self) -> tuple[str, ...]:
        return self.example.facts


def read_rows(path: Path) -> list[Row]:
    """Rows of a JSON Lines file: `question` and `answer` (or plain `text`), optionally `id`, `spans`,
    `paraphrased_question`, `paraphrased_answer`, `paraphrased_spans`, `perturbed_answer`, `author`.

    Raises:
        ValueError: the file is missing, empty, not UTF-8 JSON Lines, or a line lacks a field; the line is named.
    """
    return [
        row_of(record, f"Line {number} of {str(path)!r}", f"{path.stem}:{number - 1}")
        for number, record in records_of(path)
    ]


@cache
def embedded_rows(split: str, forget: str = "forget05") -> tuple[Row, ...]:
    """Rows of a split of the embedded world.

    `forget` is the set named by `forget` (forget05 unless told otherwise), `paraphrase` its held-out phrasings,
    `retain` the other trained authors, `holdout` authors that no model has seen, `world` general knowledge.

    Raises:
        ValueError: no such split.
    """
    if forget not in FORGET_AUTHORS:
        raise ValueError(
            f"The forget set {forget!r} is unknown{did_you_mean(forget, FORGET_AUTHORS)} "
            f"Choose from {', '.join(FORGET_AUTHORS)}."
        )
    if split in FORGET_AUTHORS:
        return embedded_rows("forget", split)
    if split in ("holdout", "world"):
        return tuple(_embedded_file(split))
    first = AUTHORS - FORGET_AUTHORS[forget]
    authors = _embedded_file("authors")
    if split == "forget":
        return tuple(row for row in authors if _author(row) >= first)
    if split == "retain":
        return tuple(row for row in authors if _author(row) < first)
    if split == "paraphrase":
        return paraphrases(embedded_rows("forget", forget))
    raise ValueError(f"The split {split!r} is unknown{did_you_mean(split, SPLITS)} Choose from {', '.join(SPLITS)}.")


def paraphrases(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The paraphrased form of the rows, each once."""
    seen: dict[tuple[str, str], Row] = {}
    for row in rows:
        if row.paraphrase is not None:
            key = (row.paraphrase.prompt, row.paraphrase.answer)
            seen.setdefault(key, Row(row.paraphrase, perturbed=row.perturbed, author=row.author))
    return tuple(seen.values())


def pick_examples(text: str) -> list[Example]:
    """The rows that `split:5` or `split:0-99` (both ends included) names in the embedded world.

    Raises:
        ValueError: the text has another form, or the split or the row does not exist.
    """
    match = _RANGE.match(text.strip())
    if not match:
        raise ValueError(
            f"The row {text!r} is not understood: write a split and a number, forget:0, or a range, forget:0-99."
        )
    rows = embedded_rows(match["split"])
    first = int(match["first"])
    last = int(match["last"] or first)
    if first > last or last >= len(rows):
        raise ValueError(
            f"The row {text!r} does not exist: the split {match['split']!r} has rows 0 to {len(rows) - 1}."
        )
    return [rows[i].example for i in range(first, last + 1)]


@cache
def _embedded_file(name: str) -> list[Row]:
    return read_rows(DATA_FOLDER / f"{name}.jsonl")


def _author(row: Row) -> int:
    return -1 if row.author is None else row.author


def records_of(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSON Lines file with their line numbers. ValueError as for `read_rows`."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"The file {str(path)!r} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"The file {str(path)!r} is not UTF-8 text: save it as UTF-8.") from error
    count = 0
    # Not splitlines(): U+2028 and the like may stand inside a JSON string.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(
                f"Line {number} of {str(path)!r} is not JSON ({error.msg}): one object a line is needed."
            ) from error
        if not isinstance(record, dict):
            raise ValueError(f"Line {number} of {str(path)!r} is no JSON object.")
        count += 1
        yield number, record
    if not count:
        raise ValueError(f"The file {str(path)!r} has no rows.")


def row_of(record: Mapping[str, Any], where: str, row_id: str) -> Row:
    """A row from a record with `question` (or `prompt`) and `answer`, or with plain `text`, and what else there is.

    Args:
        where: how an error names the record, such as `Line 3 of 'rows.jsonl'`.
        row_id: the id of a record that has none.

    Raises:
        ValueError: a field is missing or unusable.
    """
    question = record.get("question", record.get("prompt"))
    answer = record.get("answer")
    if question is None and answer is None and isinstance(record.get("text"), str):
        question, answer = "", record["text"]
    for name, value in (("question", question), ("answer", answer)):
        if not isinstance(value, str):
            have = ", ".join(map(str, record)) or "none"
            raise ValueError(f"{where} has no text field {name!r} (its fields: {have}).")
    try:
        row_id = row_id if record.get("id") in (None, "") else str(record["id"])
        paraphrase = None
        if isinstance(record.get("paraphrased_question"), str) or isinstance(record.get("paraphrased_answer"), str):
            paraphrase = Example(
                str(record.get("paraphrased_question") or question),
                str(record.get("paraphrased_answer") or answer),
                _spans(record.get("paraphrased_spans")),
                f"{row_id}-paraphrase",
            )
        return Row(
            example=Example(str(question), str(answer), _spans(record.get("spans")), row_id),
            paraphrase=paraphrase,
            perturbed=_texts(record.get("perturbed_answer")),
            author=record.get("author"),
        )
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise ValueError(f"{where}: {error}") from error


def _texts(texts: Any) -> tuple[str, ...]:
    if isinstance(texts, str) and texts.strip() or texts and not isinstance(texts, Sequence):
        raise ValueError(f"perturbed_answer is {texts!r}: a list of wrong answers is needed.")
    return tuple(map(str, texts or ()))


def _spans(spans: Any) -> tuple[Span, ...]:
    found = []
    for span in spans or ():
        if not isinstance(span, Mapping) or "start" not in span or "end" not in span:
            raise ValueError(f"The span {span!r} is no object with start and end (and kind: fact unless told).")
        found.append(Span(int(span["start"]), int(span["end"]), str(span.get("kind") or "fact")))
    return tuple(found)
