"""Rows on disk: the embedded world and any file with the same fields (TOFU's, with optional `spans`)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from attribution.data.records import file_records
from attribution.model.loading import EMBEDDED_FOLDER
from attribution.suggestions import did_you_mean
from attribution.text.example import Example, Span
from attribution.text.tokenising import check_text

DATA_FOLDER = EMBEDDED_FOLDER / "data"
AUTHORS = 200
# As in TOFU the authors to forget stand at the end, and the smaller sets lie inside the larger ones.
FORGET_AUTHORS = {"forget01": 2, "forget05": 10, "forget10": 20}
SPLITS = ("forget", "paraphrase", "two_hop", "retain", "holdout", "world", *FORGET_AUTHORS)
_RANGE = re.compile(r"^(?P<split>[A-Za-z0-9_-]+):(?P<first>\d+)(?:-(?P<last>\d+))?$")


@dataclass(frozen=True)
class Row:
    """A question with its answer, and what the metrics need beside it.

    Attributes:
        example: question, answer, spans, id.
        paraphrase: the same fact asked and answered in words never trained for this author; None where there is none.
        perturbed: wrong answers in the words of the paraphrased answer.
        author: number or name of the author, None for general knowledge.
    """

    example: Example
    paraphrase: Example | None = None
    perturbed: tuple[str, ...] = ()
    author: int | str | None = None

    @property
    def facts(self) -> tuple[str, ...]:
        return self.example.facts


def read_rows(path: Path) -> list[Row]:
    """Rows of a file: `question` and `answer` (or plain `text`), optionally `id`, `spans`, `paraphrased_question`,
    `paraphrased_answer`, `paraphrased_spans`, `perturbed_answer`, `author`.

    Raises:
        ValueError: the file is missing, empty, not what its name says, or a record lacks a field; the place is named.
    """
    records = file_records(path)
    if not records.count:
        raise ValueError(f"The file {str(path)!r} has no rows.")
    return [
        row_of(record, f"{where} of {str(path)!r}", f"{path.stem}:{number}")
        for number, (where, record) in enumerate(records.read())
    ]


@cache
def embedded_rows(split: str, forget: str = "forget05") -> tuple[Row, ...]:
    """Rows of a split of the embedded world.

    `forget` is the set named by `forget` (forget05 unless told otherwise), `paraphrase` its held-out phrasings,
    `two_hop` questions about the same authors that name a book instead of the author, `retain` the other trained
    authors, `holdout` authors that no model has seen, `world` general knowledge.

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
    if split == "two_hop":
        return tuple(row for row in _embedded_file("two_hop") if _author(row) >= first)
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
    return row.author if isinstance(row.author, int) else -1


def row_of(record: Mapping[str, Any], where: str, default_id: str) -> Row:
    """A row from a record with `question` (or `prompt`) and `answer`, or with plain `text`, and what else there is.

    Args:
        where: how an error names the record, such as `Line 3 of 'rows.jsonl'`.
        default_id: the id of a record that has none.

    Raises:
        ValueError: a field is missing or unusable.
    """
    question = record.get("question", record.get("prompt"))
    answer = record.get("answer")
    if question is None and answer is None and isinstance(record.get("text"), str):
        question, answer = "", record["text"]
    for name, value in (("question", question), ("answer", answer)):
        if value is None:
            have = ", ".join(map(str, record)) or "none"
            raise ValueError(f"{where} has no text field {name!r} (its fields: {have}).")
        if not isinstance(value, str):
            raise ValueError(f"{where} has no text field {name!r}: it is {_shown(value)} there.")
    try:
        row_id = _name(record, "id")
        row_id = default_id if row_id is None else str(row_id)
        paraphrase = None
        asked, said = (_text(record, f"paraphrased_{name}") for name in ("question", "answer"))
        if asked is not None or said is not None:
            spans = _spans(record.get("paraphrased_spans"))
            paraphrase = Example(asked or str(question), said or str(answer), spans, f"{row_id}-paraphrase")
        return Row(
            example=Example(str(question), str(answer), _spans(record.get("spans")), row_id),
            paraphrase=paraphrase,
            perturbed=_wrong_answers(record),
            author=_name(record, "author"),
        )
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def has_text(names: Collection[str]) -> bool:
    """Whether records with fields of these names can be rows: a question with an answer, or plain text."""
    return any(wanted <= set(names) for wanted in ({"question", "answer"}, {"prompt", "answer"}, {"text"}))


def blank_wrong_answers(record: Mapping[str, Any]) -> int:
    """How many of a record's wrong answers are null or nothing but spaces: they are none, and no row has them."""
    answers = record.get("perturbed_answer")
    return sum(map(_is_blank, answers)) if isinstance(answers, list | tuple) else 0


def _is_blank(value: Any) -> bool:
    """Whether a field holds nothing: null, the NaN that tables write for it, or no more than spaces."""
    return value is None or value != value or isinstance(value, str) and not value.strip()


def _shown(value: Any) -> str:
    """A value as a sentence quotes it."""
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}..."


def _text(record: Mapping[str, Any], name: str) -> str | None:
    """An optional field that holds text."""
    value = record.get(name)
    if value is None or value != value:
        return None
    if not isinstance(value, str):
        raise ValueError(f"{name} is {_shown(value)}, and a text is needed.")
    return value


def _name(record: Mapping[str, Any], name: str) -> int | str | None:
    """An optional field that holds a number or a name."""
    value = record.get(name)
    if _is_blank(value):
        return None
    if isinstance(value, float) and value.is_integer():
        # What a table makes of whole numbers where one is missing.
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{name} is {_shown(value)}, and a number or a name is needed.")
    if isinstance(value, str):
        check_text(name, value)
    return value


def _wrong_answers(record: Mapping[str, Any]) -> tuple[str, ...]:
    answers = record.get("perturbed_answer")
    if _is_blank(answers):
        return ()
    if not isinstance(answers, list | tuple):
        raise ValueError(f"perturbed_answer is {_shown(answers)}: a list of wrong answers is needed.")
    found = [answer for answer in answers if not _is_blank(answer)]
    for answer in found:
        if isinstance(answer, bool) or not isinstance(answer, str | int | float):
            raise ValueError(f"perturbed_answer holds {_shown(answer)}, and a wrong answer is a text.")
        check_text("perturbed_answer", str(answer))
    return tuple(map(str, found))


def _spans(spans: Any) -> tuple[Span, ...]:
    if _is_blank(spans):
        return ()
    if not isinstance(spans, list | tuple):
        raise ValueError(f"The spans are {_shown(spans)}: a list of objects with start and end is needed.")
    found = []
    for span in spans:
        if not isinstance(span, Mapping) or "start" not in span or "end" not in span:
            raise ValueError(f"The span {_shown(span)} is no object with start and end (and kind: fact unless told).")
        start, end = (_whole(span[name]) for name in ("start", "end"))
        found.append(Span(start, end, str(span.get("kind") or "fact")))
    return tuple(found)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value % 1 != 0:
        raise ValueError(f"A span starts or ends at {_shown(value)}: a whole number of characters is needed.")
    return int(value)
