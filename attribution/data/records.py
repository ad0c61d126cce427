"""Records as they stand in a file (JSON Lines, a JSON array, CSV, Parquet) or in a data set of the Hugging Face Hub.

A record is a mapping of field names to values; what they mean is the reader's business. Records are read one after
another and never all held (but for a JSON array), so that a file may be larger than memory.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attribution.data.bounds import Bounds
from attribution.files import file_fingerprint

FILE_KINDS = (".jsonl", ".json", ".csv", ".parquet")
CSV_DELIMITERS = ",;\t"
# Characters read at once from a JSON array.
PIECE = 65536
_SPACE = re.compile(r"[ \t\n\r]*")

Record = Mapping[str, Any]
Reader = Callable[[], Iterator[tuple[str, Record]]]
"""Reads from the start, every time: (where a record stands, such as `Line 3`, and the record)."""


@dataclass(frozen=True)
class Records:
    """Records that can be read again and again, always in the same order.

    Attributes:
        identity: plain JSON types that change when the records do.
        count: number of records.
        read: reads them.
    """

    identity: dict[str, Any]
    count: int
    read: Reader


# Files ---------------------------------------------------------------------------------------------------------------


def file_records(path: Path, bounds: Bounds | None = None) -> Records:
    """The records of a file. ValueError when it cannot be read, is not what its name says, or is beyond its bounds."""
    bounds = bounds or Bounds()
    kinds = {".jsonl": _json, ".json": _json, ".csv": _csv, ".parquet": _parquet}
    if path.suffix.lower() not in kinds:
        raise ValueError(f"The file {str(path)!r} is of no kind that can be read: use {', '.join(FILE_KINDS)}.")
    try:
        read, count = kinds[path.suffix.lower()](path, bounds)
        return Records({"sha256": file_fingerprint(path)}, sum(1 for _ in read()) if count is None else count, read)
    except OSError as error:
        raise ValueError(f"The file {str(path)!r} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise ValueError(_not_utf8(path)) from error


def _not_utf8(path: Path) -> str:
    """Which line is not UTF-8, for files of mixed encodings look fine until there."""
    with path.open("rb") as file:
        start = file.read(2)
        if start in (b"\xff\xfe", b"\xfe\xff"):
            return f"The file {str(path)!r} is UTF-16, not UTF-8 text: save it as UTF-8."
        file.seek(0)
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                byte = line[error.start]
                return (
                    f"Line {number} of {str(path)!r} is not UTF-8 text (byte 0x{byte:02x} after "
                    f"{line[: error.start].decode('utf-8')[-20:]!r}): save the file as UTF-8."
                )
    return f"The file {str(path)!r} is not UTF-8 text: save it as UTF-8."


def _json(path: Path, bounds: Bounds) -> tuple[Reader, None]:
    with path.open(encoding="utf-8-sig") as file:
        is_array = file.read(4096).lstrip().startswith("[")
    return lambda: _json_array(path, bounds.record) if is_array else _json_lines(path, bounds.record), None


def _json_lines(path: Path, longest: int) -> Iterator[tuple[str, Record]]:
    # newline="\n": U+2028 and a lone carriage return may stand inside a JSON string.
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        for number, line in enumerate(iter(lambda: file.readline(longest + 2), ""), start=1):
            if not line.strip():
                continue
            if len(line) > longest + 1:
                raise ValueError(f"Line {number} of {str(path)!r} {_too_long(longest)}")
            try:
                record = json.loads(line, object_pairs_hook=_fields_once)
            except (ValueError, RecursionError) as error:
                raise ValueError(
                    f"Line {number} of {str(path)!r} is not JSON ({_json_fault(error)}): one object a line is needed."
                ) from error
            if not isinstance(record, dict):
                raise ValueError(f"Line {number} of {str(path)!r} is no JSON object.")
            yield f"Line {number}", record


def _too_long(longest: int) -> str:
    return f"has more than {longest:,} characters: cut it into rows."


def _fields_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, which may not name a field twice: the first value would be lost."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError(f"an object has two fields named {_twice(name for name, _ in pairs)!r}: rename one of them")
    return fields


def _twice(names: Iterable[str]) -> str:
    """The first name that stands twice, of which a record would hold but one value; empty when there is none."""
    return next((name for name, many in Counter(names).items() if many > 1), "")


def _json_fault(error: Exception) -> str:
    """What is wrong with a text that should be JSON; numbers of thousands of digits and endless nesting included."""
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    if isinstance(error, UnicodeDecodeError):
        raise error
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    said = str(error)
    known = ("two fields", "has more than", "a comma stands")
    return said if any(words in said for words in known) else "a number has too many digits"


def _json_array(path: Path, longest: int) -> Iterator[tuple[str, Record]]:
    """The items of an array one by one: never the whole array, nor a longer item than may be."""
    decoder = json.JSONDecoder(object_pairs_hook=_fields_once)
    with path.open(encoding="utf-8-sig") as file:
        text, at, number, more = file.read(PIECE).lstrip()[1:], 0, 0, True

        def wanted() -> str:
            """The next sign that is no space; empty at the end of the file."""
            nonlocal text, at, more
            while True:
                at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
                if at < len(text) or not more:
                    return text[at : at + 1]
                text, at = file.read(PIECE), 0
                more = bool(text)

        try:
            sign = wanted()
            while sign != "]":
                number += 1
                while True:
                    try:
                        record, end = decoder.raw_decode(text, at)
                        break
                    except json.JSONDecodeError:
                        # Broken, or not all here yet.
                        grown = file.read(max(PIECE, len(text) - at)) if more else ""
                        more = bool(grown)
                        if not more:
                            raise
                        text, at = text[at:] + grown, 0
                        if len(text) > longest + PIECE:
                            raise ValueError(f"Item {number} {_too_long(longest)}") from None
                if not isinstance(record, dict):
                    raise _NoRecord(f"Item {number} of {str(path)!r} is no JSON object.")
                yield f"Item {number}", record
                at = end
                sign = wanted()
                if sign == ",":
                    at += 1
                    sign = wanted()
                    if sign == "]":
                        raise ValueError("a comma stands after its last item")
                elif sign != "]":
                    raise json.JSONDecodeError("Expecting ',' delimiter", "", 0)
            at += 1
            if wanted():
                raise json.JSONDecodeError("Extra data", "", 0)
        except _NoRecord as error:
            raise ValueError(str(error)) from error
        except (ValueError, RecursionError) as error:
            raise ValueError(f"The file {str(path)!r} is not JSON: {_json_fault(error).rstrip('.')}.") from error


class _NoRecord(ValueError):
    """An item that is JSON and no record."""


def _csv(path: Path, _: Bounds) -> tuple[Reader, None]:
    def records() -> Iterator[tuple[str, Record]]:
        with path.open(encoding="utf-8-sig", newline="") as file:
            head = file.readline()
            file.seek(0)
            read: list[str] = []

            def lines() -> Iterator[str]:
                for one in file:
                    read.append(one)
                    yield one

            # Spreadsheets write semicolons where the comma is the decimal point.
            reader = csv.reader(lines(), delimiter=max(CSV_DELIMITERS, key=head.count), strict=True)
            line = 1
            try:
                names = next(reader, [])
                read.clear()
                # A spreadsheet's empty columns have no name, and nothing in them.
                twice = _twice(name for name in names if name.strip())
                if twice:
                    raise ValueError(f"Two columns of {str(path)!r} are named {twice!r}: rename one of them.")
                named = max((number for number, name in enumerate(names, start=1) if name.strip()), default=0)
                line = reader.line_num + 1
                for cells in reader:
                    # A quoted cell may hold line breaks: a record starts after the line on which the one before ended.
                    where, line = f"Line {line}", reader.line_num + 1
                    marks = sum(one.count('"') for one in read)
                    read.clear()
                    if not cells:
                        continue
                    if len(cells) > len(names):
                        raise ValueError(
                            f"{where} of {str(path)!r} has more cells than the first line has names: put quotation "
                            "marks around cells that hold a comma."
                        )
                    if len(cells) < named:
                        raise ValueError(
                            f"{where} of {str(path)!r} has fewer cells than the first line has names: put quotation "
                            "marks around cells that hold a line break, and a comma for each empty cell."
                        )
                    if marks % 2:
                        raise ValueError(
                            f"{where} of {str(path)!r} has an odd number of quotation marks: put the whole cell in "
                            'them and write each one inside it twice, "".'
                        )
                    yield where, _record(names, cells, f"{where} of {str(path)!r}")
            except csv.Error as error:
                raise ValueError(f"Line {line} of {str(path)!r} is not CSV: {_csv_fault(error)}.") from error

    return records, None


def _csv_fault(error: csv.Error) -> str:
    if "field limit" in str(error):
        return f"a cell has more than {csv.field_size_limit():,} characters; cut it into rows, or give it as JSON Lines"
    if "unexpected end of data" in str(error):
        return "a quotation mark that opens there is never closed"
    if "expected after" in str(error):
        return (
            "more text follows the quotation mark that closes a cell. Is one missing before? Within a quoted cell a "
            'mark is written twice, ""'
        )
    return str(error)


def _record(names: Sequence[str], cells: Sequence[str], where: str) -> dict[str, Any]:
    """A line's cells by name; None for columns without a name that are missing at its end."""
    record: dict[str, Any] = {name: None for name in names}
    for name, cell in zip(names, cells, strict=False):
        if not name.strip() and record[name]:
            raise ValueError(f"{where} has cells in two columns without a name: name them in the first line.")
        record[name] = _list_from_text(name, cell)
    return record


def _list_from_text(name: str, value: Any) -> Any:
    """A CSV cell; spans and wrong answers stand in one as JSON."""
    if not name.endswith(("spans", "perturbed_answer")) or not isinstance(value, str):
        return value
    try:
        return json.loads(value or "[]")
    except (ValueError, RecursionError):
        return value


def _parquet(path: Path, bounds: Bounds) -> tuple[Reader, int]:
    # Not needed for the other kinds, and slow to import.
    import pyarrow

    from attribution.data.parquet_file import Columns

    def not_parquet(error: Exception) -> ValueError:
        return ValueError(f"The file {str(path)!r} is not Parquet: {' '.join(str(error).split())[:200]}.")

    try:
        columns = Columns(path, bounds)
    except pyarrow.ArrowException as error:
        raise not_parquet(error) from error
    twice = _twice(columns.names)
    if twice:
        raise ValueError(f"Two columns of {str(path)!r} are named {twice!r}: rename one of them.")

    def records() -> Iterator[tuple[str, Record]]:
        number = 0
        try:
            for number, record in enumerate(columns.records(), start=1):
                yield f"Row {number}", record
        except (UnicodeDecodeError, OverflowError, KeyError) as error:
            what = "a text that is not UTF-8" if isinstance(error, UnicodeError) else "a number or a date out of range"
            what = "a date of an unknown time zone" if isinstance(error, KeyError) else what
            raise ValueError(
                f"A row of {str(path)!r} after row {number:,} holds {what}: write the file again without it."
            ) from error
        except pyarrow.ArrowException as error:
            raise not_parquet(error) from error

    return records, columns.rows


# The Hub -------------------------------------------------------------------------------------------------------------


def hub_records(name: str, subset: str | None = None, split: str | None = None, first: int | None = None) -> Records:
    """The records of a data set of the Hub.

    Args:
        name: `owner/name`.
        subset: its configuration.
        split: needed when there are several.
        first: read only so many records, and download no more than those need.

    Raises:
        ValueError: no such data set, no such split, no network, or no right to it.
    """
    import datasets

    datasets.disable_progress_bars()
    options = {"split": split} if first is None else {"split": split, "streaming": True}
    try:
        found = datasets.load_dataset(name, subset, **options)
        if isinstance(found, Mapping):
            if len(found) > 1:
                raise ValueError(
                    f"The data set {name!r} has several splits: choose one of {', '.join(found)} by --split."
                )
            found = next(iter(found.values()))
        if first is not None:
            found = datasets.Dataset.from_list(list(found.take(first)), split=found.split)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        if "several splits" in str(error):
            raise
        raise ValueError(_hub_fault(name, subset, error)) from error
    identity = {
        "subset": subset,
        "split": str(found.split),
        "rows": found.num_rows,
        "files": sorted(found.info.download_checksums or ()),
    }
    return Records(identity, found.num_rows, lambda: ((f"Row {i}", row) for i, row in enumerate(found, start=1)))


def _hub_fault(name: str, subset: str | None, error: Exception) -> str:
    reason = " ".join(str(error).split())[:300].rstrip(".")
    part = f" ({subset})" if subset else ""
    if "gated" in reason.lower():
        return (
            f"The data set {name!r}{part} is only given to those who asked for it: ask on its page on the Hub and log "
            "in with `hf auth login`, or give a folder with its files."
        )
    return (
        f"The data set {name!r}{part} could not be loaded from the Hub: {reason}. Check its name and the network, or "
        "give a file."
    )
