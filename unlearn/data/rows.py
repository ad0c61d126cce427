"""From records to rows: what every loader does to them, and what it says about it."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from attribution.data.records import Record
from attribution.data.rows import Row, blank_wrong_answers, has_text, row_of
from attribution.text.example import Example, Span
from unlearn.data.tables import Place, Table, file_table

LONGEST_FIELD = 100_000
"""Characters of a question or an answer; more is a fault of the file, not a row."""

PIECE = 1_500
"""Characters of a piece of plain text: some 350 tokens of English, so that a piece fits small windows too."""

_BREAK = re.compile(r"\n\s*\n|(?<=[.!?])\s+|\s+")


def rows_of(
    table: Table,
    notes: list[str],
    prepare: Callable[[Record], Record | None] | None = None,
    author: Callable[[int], int | None] | None = None,
) -> tuple[Row, ...]:
    """The rows of a table, each once, plain text cut into pieces.

    Args:
        notes: gets a sentence for whatever was left out or cut.
        prepare: makes a record with our field names; None leaves the record out.
        author: the author's number from the record's, for data sets that tell it by place.

    Raises:
        ValueError: a record lacks a field, is empty or too long; the place in the file is named.
    """
    rows: list[Row] = []
    cut = pieces = blank = details = 0
    for number, (where, record) in enumerate(table):
        ready = prepare(record) if prepare else record
        if ready is None:
            continue
        _check_length(ready, where)
        blank += blank_wrong_answers(ready)
        row = row_of(ready, where, f"{table.stem}:{number}")
        if author is not None:
            row = dataclasses.replace(row, author=author(number))
        if row.example.prompt or len(row.example.answer) <= PIECE:
            rows.append(row)
            continue
        parts = _cut_row(row)
        cut, pieces, details = cut + 1, pieces + len(parts), details + bool(row.paraphrase or row.perturbed)
        rows += parts
    if blank:
        notes.append(f"{table.name}: {blank:,} wrong answers are empty or null and were left out.")
    if details:
        notes.append(f"{table.name}: {details:,} of the long texts lost their paraphrase and their wrong answers.")
    if cut:
        notes.append(
            f"{table.name}: {cut:,} long texts were cut into {pieces:,} pieces of at most {PIECE:,} characters."
        )
    return once(rows, table.name, notes)


def read_file(files: Sequence[Path], notes: list[str], first: int | None = None) -> tuple[Row, ...]:
    """The rows of one file, or of a table's parts, each once. ValueError, with the line, where one cannot be used."""
    return rows_of(with_columns(file_table(files, first)), notes)


def with_columns(table: Table) -> Table:
    """The table. ValueError when its first record has neither a question and an answer nor a text."""
    if not has_text(table.records[0][1]):
        raise ValueError(
            f"The file {table.name!r} has the fields {', '.join(map(str, table.records[0][1])) or 'none'}: name the "
            "question 'question' and the answer 'answer', or plain text 'text'."
        )
    return table


def kept(place: Place, forget: Sequence[Row], own: Callable[[], Sequence[Row]]) -> tuple[Row, ...]:
    """Rows to keep: of the file that was named for them, else the data set's own; none that is to be forgotten."""
    rows = own() if place.retain is None else read_file([place.retain], place.notes, place.first)
    return without(rows, forget, place.notes)


def texts_of(table: Table, notes: list[str], column: str = "text") -> tuple[Row, ...]:
    """The rows of a table of plain text; blank ones are left out."""
    table.need(column)
    blank = sum(_is_blank(record[column]) for _, record in table)
    if blank:
        notes.append(f"{table.name}: {blank:,} blank texts were left out.")
    return rows_of(table, notes, lambda record: None if _is_blank(record[column]) else {"text": record[column]})


def _is_blank(text: object) -> bool:
    return text is None or isinstance(text, str) and not text.strip()


def once(rows: Sequence[Row], name: str, notes: list[str]) -> tuple[Row, ...]:
    """Rows with the same question and answer but once, the first of them."""
    unique: dict[tuple[str, str], Row] = {}
    for row in rows:
        unique.setdefault((row.example.prompt, row.example.answer), row)
    repeated = len(rows) - len(unique)
    if repeated:
        lost = sum(map(says_more, rows, (unique[row.example.prompt, row.example.answer] for row in rows)))
        more = f", {lost:,} of them without the spans, wordings, wrong answers or author that only they have"
        notes.append(
            f"{name}: {repeated:,} of {len(rows):,} rows stand there already and were taken once{more if lost else ''}."
        )
    return tuple(unique.values())


def says_more(row: Row, taken: Row) -> bool:
    """Whether a row has something beside question, answer and id that the one taken for it has not."""
    details = [
        (
            one.example.spans,
            one.paraphrase and (one.paraphrase.prompt, one.paraphrase.answer, one.paraphrase.spans),
            one.perturbed,
            one.author,
        )
        for one in (row, taken)
    ]
    return any(mine and mine != theirs for mine, theirs in zip(*details, strict=True))


def without(rows: Sequence[Row], others: Iterable[Row], notes: list[str]) -> tuple[Row, ...]:
    """Rows to keep that are not also to be forgotten, white space and the form of accents aside."""
    taken = set(map(_said, others))
    left = tuple(row for row in rows if _said(row) not in taken)
    if rows and not left:
        raise ValueError(f"All {len(rows):,} rows to keep are also to be forgotten: nothing would be left to keep.")
    if len(left) < len(rows):
        notes.append(f"{len(rows) - len(left):,} rows to keep are also to be forgotten: they were not kept.")
    return left


def _said(row: Row) -> tuple[str, ...]:
    """Question and answer as a reader sees them: white space of one length, accents composed, nothing invisible."""
    texts = (unicodedata.normalize("NFC", text) for text in (row.example.prompt, row.example.answer))
    return tuple(" ".join("".join(c for c in text if unicodedata.category(c) != "Cf").split()) for text in texts)


def _cut_row(row: Row) -> list[Row]:
    """A long plain text in pieces; a span that a cut goes through is in both."""
    rows: list[Row] = []
    end = 0
    parts = cut_text(row.example.answer)
    for number, part in enumerate(parts):
        start = row.example.answer.index(part, end)
        end = start + len(part)
        spans = tuple(
            Span(max(span.start, start) - start, min(span.end, end) - start, span.kind)
            for span in row.example.spans
            if span.start < end and span.end > start
        )
        last = number == len(parts) - 1
        piece = Example("", part, spans, f"{row.example.id}.{number}", ends=row.example.ends and last)
        rows.append(Row(piece, author=row.author))
    return rows


def cut_text(text: str, longest: int = PIECE) -> list[str]:
    """A text in pieces of at most `longest` characters, cut at paragraphs, else sentences, else spaces, else anywhere.

    The pieces joined are the text, but for the white space at the cuts.

    >>> cut_text("One two. Three four five.", 12)
    ['One two.', 'Three four', 'five.']
    """
    pieces = []
    rest = text.strip()
    while len(rest) > longest:
        ends = [match for match in _BREAK.finditer(rest, 0, longest + 1) if match.start() > 0]
        # The last break of the best kind in the second half; a break earlier than that would waste the window.
        late = [match for match in ends if match.start() > longest // 2] or ends
        best = max(late, key=lambda match: (_rank(rest, match), match.start()), default=None)
        end = best.start() if best else longest
        pieces.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return [*pieces, rest] if rest else pieces


def _rank(text: str, match: re.Match[str]) -> int:
    if match.group().count("\n") > 1:
        return 2
    return 1 if text[match.start() - 1] in ".!?" else 0


def _check_length(record: Record, where: str) -> None:
    for name in ("question", "prompt", "answer"):
        value = record.get(name)
        if isinstance(value, str) and len(value) > LONGEST_FIELD:
            raise ValueError(
                f"{where}: {name} has {len(value):,} characters, and a row may have {LONGEST_FIELD:,}. Is a quotation "
                "mark missing? A long text belongs in a column named text, which is cut into pieces."
            )
