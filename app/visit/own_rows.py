"""Rows of one's own on the page: an uploaded file or a data set by name, with a word about every row left out."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from app.server.settings import Settings
from attribution import LanguageModel
from attribution.data.bounds import Bounds, weight
from attribution.data.records import FILE_KINDS, Record, file_records
from attribution.data.rows import FORGET_AUTHORS, Row, blank_wrong_answers, embedded_rows, row_of
from unlearn import Corpus, load_corpus
from unlearn.asking.known import known_part
from unlearn.data.rows import LONGEST_FIELD, says_more, without

FIELDS = ("question", "answer", "text")
GUESSES = {
    "question": ("question", "prompt", "instruction", "query", "input"),
    "answer": ("answer", "response", "output", "completion", "target"),
    "text": ("text", "passage", "content", "document"),
}
# Of what is uploaded: names are looked for in so many rows, and no more than that is held of a file.
NAMED_ROWS, MOST_COLUMNS, SHEET_BYTES = 100, 100, 64_000_000
BOUNDS = Bounds(record=1_000_000, decoded=256_000_000, values=5_000_000)
LISTS = ("spans", "perturbed_answer")
_READING = threading.Lock()
_SET = re.compile(r"(?P<set>[a-z]+):[\w .,'+&()-]{1,80}")
NAMED = (
    "real:Japan",
    "tofu:forget01",
    "tofu:forget05",
    "tofu:forget10",
    "wmdp:bio",
    "wmdp:cyber",
    "muse:news",
    "muse:books",
)


@dataclass(frozen=True)
class Sheet:
    """A file as it was read: its columns, its records, and where each stands."""

    name: str
    columns: tuple[str, ...]
    records: tuple[tuple[str, Record], ...]
    more: int = 0

    def guess(self) -> dict[str, str]:
        """Which column is probably what; an empty text where none is."""
        lower = {column.lower().strip(): column for column in reversed(self.columns)}
        return {field: next((lower[name] for name in names if name in lower), "") for field, names in GUESSES.items()}


@dataclass(frozen=True)
class UsableRows:
    """Rows that can be used, and why the others cannot.

    Attributes:
        refused: (where, why) of every record that is no row.
        repeated: rows that stood there already.
        poorer: those of them that had something beside question and answer that the row taken for them has not.
        blank: wrong answers that are empty or null.
    """

    rows: tuple[Row, ...]
    refused: tuple[tuple[str, str], ...] = ()
    repeated: int = 0
    poorer: int = 0
    blank: int = 0

    def said(self) -> list[str]:
        """What happened, in sentences: counts first, then reasons, the most frequent first, with places."""
        sentences = [f"{len(self.rows):,} rows can be used."]
        if self.repeated:
            lost = f", {self.poorer:,} of them without what only they have" if self.poorer else ""
            sentences.append(f"{self.repeated:,} stand there already and were taken once{lost}.")
        if self.blank:
            sentences.append(f"{self.blank:,} wrong answers are empty or null and were left out.")
        for why, many in Counter(why for _, why in self.refused).most_common(5):
            places = [where for where, reason in self.refused if reason == why][:3]
            more = "" if many <= 3 else f" and {many - 3:,} more"
            sentences.append(f"{many:,} left out ({', '.join(places)}{more}): {why}")
        return sentences


def read_sheet(path: Path, settings: Settings) -> Sheet:
    """The records of an uploaded file, at most `max_rows` of them.

    Raises:
        ValueError: it is of no kind that can be read, too large, empty or broken; its place on the server is not told.
    """
    if path.suffix.lower() not in FILE_KINDS:
        raise ValueError(f"The file {path.name!r} is of no kind that can be read: use {', '.join(FILE_KINDS)}.")
    if path.stat().st_size > settings.max_upload_mb * 1024**2:
        raise ValueError(f"The file {path.name!r} is larger than {settings.max_upload_mb} MB: cut it into parts.")
    try:
        # One after another: two large files at once would slow everybody down, and take twice the memory.
        with _READING:
            found = file_records(path, BOUNDS)
            records, names = _kept(found.read(), settings.max_rows)
    except ValueError as error:
        raise ValueError(str(error).replace(str(path), path.name)) from error
    if not records:
        raise ValueError(f"The file {path.name!r} has no rows.")
    return Sheet(path.name, names, records, found.count - len(records))


def _kept(found: Iterator[tuple[str, Record]], most: int) -> tuple[tuple[tuple[str, Record], ...], tuple[str, ...]]:
    """The first records, as far as they may be held, of the first columns alone; and the columns' names."""
    records: list[tuple[str, Record]] = []
    names: dict[str, None] = {}
    held = 0
    for where, record in islice(found, most):
        if len(records) < NAMED_ROWS:
            names |= dict.fromkeys(name for name in record if isinstance(name, str) and len(names) < MOST_COLUMNS)
        kept = {name: _small(name, record[name]) for name in names if name in record}
        held += weight(kept)
        if held > SHEET_BYTES:
            break
        records.append((where, kept))
    return tuple(records), tuple(name for name in names if name == name.encode(errors="replace").decode())


def _small(name: str, value: Any) -> Any:
    """A value as it is held: lists and objects where a row has some, and nothing of them elsewhere."""
    return value if not isinstance(value, (list, dict)) or name.endswith(LISTS) else ()


def read_rows(sheet: Sheet, mapping: Mapping[str, str]) -> UsableRows:
    """Rows from a sheet, its columns named by `mapping` (our field -> its column; empty where there is none).

    Raises:
        ValueError: neither a question and an answer nor a text is named, or no record can be used.
    """
    chosen = {field: mapping.get(field) or "" for field in FIELDS}
    for field, column in chosen.items():
        if column and column not in sheet.columns:
            raise ValueError(f"{sheet.name!r} has no column {column[:80]!r} for {field}: choose another.")
    if not chosen["answer"] and not chosen["text"]:
        raise ValueError("Say which column holds the answers, or which holds plain texts.")
    rows: dict[tuple[str, str], Row] = {}
    refused: list[tuple[str, str]] = []
    blank = poorer = 0
    for number, (where, record) in enumerate(sheet.records):
        renamed = dict(record)
        if chosen["answer"]:
            renamed["question"] = record.get(chosen["question"]) if chosen["question"] else ""
            renamed["answer"] = record.get(chosen["answer"])
        else:
            renamed = {"text": record.get(chosen["text"])}
        why = _unusable(renamed, chosen)
        if why:
            refused.append((where, why))
            continue
        try:
            row = row_of(renamed, where, f"{Path(sheet.name).stem}:{number}")
        except ValueError as error:
            refused.append((where, str(error).removeprefix(f"{where}: ")[:300]))
            continue
        blank += blank_wrong_answers(renamed)
        poorer += says_more(row, rows.setdefault((row.example.prompt, row.example.answer), row))
    if not rows:
        why = refused[0][1] if refused else "there are none"
        raise ValueError(f"No row of {sheet.name!r} can be used: {why}")
    return UsableRows(
        tuple(rows.values()), tuple(refused), len(sheet.records) - len(refused) - len(rows), poorer, blank
    )


def _unusable(record: Record, chosen: Mapping[str, str]) -> str:
    """Why a record is no row, in words that are the same for every record of the kind; empty when it may be one."""
    for field in ("question", "answer") if chosen["answer"] else ("text",):
        value = record.get(field)
        column = chosen[field] or field
        if value is None or value == "" and field != "question":
            return f"the column {column!r} is empty there."
        if not isinstance(value, str):
            return f"the column {column!r} holds no text there."
        if not value.strip() and field != "question":
            return f"the column {column!r} holds nothing but spaces there."
        if len(value) > LONGEST_FIELD:
            return f"the column {column!r} has more than {LONGEST_FIELD:,} characters there."
    return ""


def own_corpus(
    name: str, forget: UsableRows, retain: UsableRows | None, settings: Settings
) -> tuple[Corpus, list[str]]:
    """Rows of one's own as what a run forgets and keeps, and what is to be said about it."""
    notes: list[str] = []
    world = embedded_rows("world")
    if retain is None:
        notes.append("No file of rows to keep was given: general knowledge of the embedded world holds the model.")
    kept = without(retain.rows if retain else world, forget.rows, notes)
    return limited(Corpus(Path(name).stem[:60] or "own", forget.rows, kept, world=world), settings, notes), notes


def named_corpus(
    name: str, settings: Settings, model: LanguageModel, progress: Callable[[str], None] | None = None
) -> tuple[Corpus, list[str]]:
    """A data set by its name, and what is to be said about it; of facts about the real world, those the model knows.

    Args:
        progress: told what is being done, where it takes long.

    Raises:
        ValueError: the host does not allow it, it cannot be had, or the model knows nothing of it.
    """
    if name in FORGET_AUTHORS:
        return load_corpus(name), []
    match = _SET.fullmatch(name)
    allowed = [source for source in settings.data if source != "upload"]
    if not match or match["set"] not in allowed:
        names = ", ".join((*FORGET_AUTHORS, *(f"{source}:..." for source in allowed)))
        raise ValueError(f"The rows {name[:80]!r} are none that this page reads: choose from {names}.")
    # No more is read than a run can use and a person browse.
    corpus = load_corpus(name, limit=min(settings.max_rows, 2_000))
    say = progress or (lambda _: None)
    corpus = known_part(model, corpus, lambda what: say(f"Asking the model what it knows: {what}"))
    notes = list(corpus.notes)
    return limited(corpus, settings, notes), notes


def limited(corpus: Corpus, settings: Settings, notes: list[str]) -> Corpus:
    """The corpus with at most `run_rows` rows of a kind, evenly taken; what was left out is said."""
    most = settings.run_rows
    shorter: dict[str, Any] = {}
    for kind in ("forget", "retain", "paraphrase", "world", "holdout"):
        rows = getattr(corpus, kind)
        if len(rows) > most:
            shorter[kind] = tuple(rows[i * len(rows) // most] for i in range(most))
            notes.append(f"Runs and comparisons use {most:,} of the {len(rows):,} {kind} rows, evenly taken.")
    return replace(corpus, **shorter) if shorter else corpus


class Browser:
    """Finds rows by words, quickly also among 100,000."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self._texts = [f"{row.example.prompt}\n{row.example.answer}".casefold() for row in rows]

    def find(self, words: str, first: int = 0, most: int = 20) -> tuple[list[int], int]:
        """(numbers of the rows that hold every word, `most` of them from the `first` on; how many there are)."""
        wanted = words.casefold().split()[:10]
        found: Sequence[int] = range(len(self._texts))
        for word in wanted:
            found = [i for i in found if word in self._texts[i]]
        return list(found[first : first + most]), len(found)
