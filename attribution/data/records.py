"""Records as they stand in a file (JSON Lines, a JSON array, CSV, Parquet) or in a data set of the Hugging Face Hub.

A record is a mapping of field names to values; what they mean is the reader's business. Records are read one after
another and never all held (but for a JSON array), so that a file may be larger than memory.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attribution.files import file_fingerprint

FILE_KINDS = (".jsonl", ".json", ".csv", ".parquet")
CSV_DELIMITERS = ",;\t"

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


def file_records(path: Path) -> Records:
    """The records of a file. ValueError when it cannot be read, or is not what its name says."""
    kinds = {".jsonl": _json, ".json": _json, ".csv": _csv, ".parquet": _parquet}
    if path.suffix.lower() not in kinds:
        raise ValueError(f"The file {str(path)!r} is of no kind that can be read: use {', '.join(FILE_KINDS)}.")
    try:
        read = kinds[path.suffix.lower()](path)
        return Records({"sha256": file_fingerprint(path)}, sum(1 for _ in read()), read)
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


def _json(path: Path) -> Reader:
    with path.open(encoding="utf-8-sig") as file:
        is_array = file.read(4096).lstrip().startswith("[")
    return lambda: _json_array(path) if is_array else _json_lines(path)


def _json_lines(path: Path) -> Iterator[tuple[str, Record]]:
    # newline="\n": U+2028 and a lone carriage return may stand inside a JSON string.
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line, object_pairs_hook=_fields_once)
            except (ValueError, RecursionError) as error:
                raise ValueError(
                    f"Line {number} of {str(path)!r} is not JSON ({_json_fault(error)}): one object a line is needed."
                ) from error
            if not isinstance(record, dict):
                raise ValueError(f"Line {number} of {str(path)!r} is no JSON object.")
            yield f"Line {number}", record


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
    return str(error) if "two fields" in str(error) else "a number has too many digits"


def _json_array(path: Path) -> Iterator[tuple[str, Record]]:
    try:
        records = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_fields_once)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The file {str(path)!r} is not JSON: {_json_fault(error)}.") from error
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict):
            raise ValueError(f"Item {number} of {str(path)!r} is no JSON object.")
        yield f"Item {number}", record


def _csv(path: Path) -> Reader:
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

    return records


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


def _parquet(path: Path) -> Reader:
    import pyarrow
    from pyarrow import parquet

    def records() -> Iterator[tuple[str, Record]]:
        number = 0
        try:
            with parquet.ParquetFile(path) as file:
                twice = _twice(file.schema_arrow.names)
                if twice:
                    raise ValueError(f"Two columns of {str(path)!r} are named {twice!r}: rename one of them.")
                batches = file.iter_batches(batch_size=1024)
                every = (record for batch in batches for record in batch.to_pylist())
                for number, record in enumerate(every, start=1):
                    yield f"Row {number}", record
        except (UnicodeDecodeError, OverflowError) as error:
            what = "a text that is not UTF-8" if isinstance(error, UnicodeError) else "a number or a date out of range"
            raise ValueError(
                f"A row of {str(path)!r} after row {number:,} holds {what}: write the file again without it."
            ) from error
        except pyarrow.ArrowException as error:
            raise ValueError(f"The file {str(path)!r} is not Parquet: {' '.join(str(error).split())[:200]}.") from error

    return records


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
