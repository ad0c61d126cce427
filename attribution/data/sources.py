"""Where a data set's rows come from: the embedded world, a file (JSON Lines, CSV, Parquet), or the Hugging Face Hub.

Rows are read one after another and never all held, so that a file may be larger than memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attribution.data.records import FILE_KINDS, Records, file_records, hub_records
from attribution.data.rows import SPLITS, Row, embedded_rows, has_text, row_of
from attribution.files import fingerprint
from attribution.suggestions import did_you_mean


@dataclass(frozen=True)
class Source:
    """A data set that can be read from its start, again and again, always in the same order.

    Attributes:
        name: what it was asked for by.
        identity: plain JSON types that change when its rows do.
        count: number of rows.
        rows: reads it; a row that cannot be used comes as the ValueError that says why.
    """

    name: str
    identity: dict[str, Any]
    count: int
    rows: Callable[[], Iterator[Row | ValueError]]


def open_source(
    name: str, subset: str | None = None, split: str | None = None, fields: Mapping[str, str] | None = None
) -> Source:
    """The data set that a name stands for: a split of the embedded world, a file, or `owner/name` on the Hub.

    Args:
        name: `forget10`; `rows.csv`; `locuslab/TOFU`.
        subset: the Hub data set's configuration, such as `forget10`.
        split: the Hub data set's split; needed when there are several.
        fields: our name -> the data set's name, for `question`, `answer` or `text` where they are called otherwise.

    Raises:
        ValueError: there is no such data set, it cannot be read, it is empty, or it has none of the fields.
    """
    if name in SPLITS:
        _only_on_the_hub(name, subset, split)
        rows = embedded_rows(name)
        identity = {"rows": fingerprint([(row.example.prompt, row.example.answer) for row in rows])}
        return Source(name, identity, len(rows), lambda: iter(rows))
    path = Path(name).expanduser()
    if path.is_file():
        _only_on_the_hub(name, subset, split)
        return _from_records(name, file_records(path), fields or {}, path.stem)
    if path.suffix in FILE_KINDS or path.is_absolute() or name.startswith(("./", "../", "~")) or name.count("/") != 1:
        raise ValueError(
            f"The data {name!r} is no file here{did_you_mean(name, SPLITS)} Give a split of the embedded world "
            f"({', '.join(SPLITS)}), a file ({', '.join(FILE_KINDS)}) or a Hub data set, owner/name."
        )
    return _from_records(name, hub_records(name, subset, split), fields or {}, name.split("/")[-1])


def read_all(source: Source) -> list[Row]:
    """Every row of a source. ValueError on the first that cannot be used."""
    rows = []
    for row in source.rows():
        if isinstance(row, ValueError):
            raise row
        rows.append(row)
    return rows


def _from_records(name: str, records: Records, fields: Mapping[str, str], stem: str) -> Source:
    if not records.count:
        raise ValueError(f"The data {name!r} has no rows.")

    def rows() -> Iterator[Row | ValueError]:
        for number, (where, record) in enumerate(records.read()):
            # Lines are what an editor shows; where there are none, numbers from 0 as in what is written.
            place = where if where.startswith("Line") else f"Row {number}"
            renamed = dict(record) | {ours: record.get(theirs) for ours, theirs in fields.items()}
            try:
                yield row_of(renamed, f"{place} of {name!r}", f"{stem}:{number}")
            except ValueError as error:
                yield error

    _, first = next(records.read())
    absent = [theirs for theirs in fields.values() if theirs not in first]
    if absent or not has_text({*first, *fields}):
        what = f"no field {absent[0]!r}" if absent else "neither question (or prompt) and answer, nor text"
        raise ValueError(
            f"The data {name!r} has {what}: its fields are {', '.join(map(str, first))}. Name the right ones with "
            "--question-field and --answer-field, or --text-field."
        )
    return Source(name, records.identity | {"fields": dict(fields)}, records.count, rows)


def _only_on_the_hub(name: str, subset: str | None, split: str | None) -> None:
    if subset or split:
        raise ValueError(f"{name!r} is no Hub data set: a subset and a split are only chosen there.")
