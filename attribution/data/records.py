"""Records as they stand in a file (JSON Lines, a JSON array, CSV, Parquet) or in a data set of the Hugging Face Hub.

A record is a mapping of field names to values; what they mean is the reader's business. Records are read one after
another and never all held (but for a JSON array), so that a file may be larger than memory.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
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
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ValueError(
                    f"Line {number} of {str(path)!r} is not JSON ({_json_fault(error)}): one object a line is needed."
                ) from error
            if not isinstance(record, dict):
                raise ValueError(f"Line {number} of {str(path)!r} is no JSON object.")
            yield f"Line {number}", record


def _json_fault(error: Exception) -> str:
    """What is wrong with a text that should be JSON; numbers of thousands of digits and endless nesting included."""
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    if isinstance(error, UnicodeDecodeError):
        raise error
    return getattr(error, "msg", "a number has too many digits")


def _json_array(path: Path) -> Iterator[tuple[str, Record]]:
    try:
        records = json.loads(path.read_text(encoding="utf-8-sig"))
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
            # Spreadsheets write semicolons where the comma is the decimal point.
            reader = csv.DictReader(file, delimiter=max(CSV_DELIMITERS, key=head.count))
            line = 1
            try:
                for record in reader:
                    # A quoted cell may hold line breaks: a record starts after the line on which the one before ended.
                    where, line = f"Line {line + 1}", reader.line_num
                    if record.pop(None, None) is not None:
                        raise ValueError(
                            f"{where} of {str(path)!r} has more cells than the first line has names: put quotation "
                            "marks around cells that hold a comma."
                        )
                    yield where, {name: _list_from_text(name, value) for name, value in record.items()}
            except csv.Error as error:
                raise ValueError(f"Line {line + 1} of {str(path)!r} is not CSV: {_csv_fault(error)}.") from error

    return records


def _csv_fault(error: csv.Error) -> str:
    if "field limit" in str(error):
        return f"a cell has more than {csv.field_size_limit():,} characters; cut it into rows, or give it as JSON Lines"
    return str(error)


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
        try:
            with parquet.ParquetFile(path) as file:
                batches = file.iter_batches(batch_size=1024)
                every = (record for batch in batches for record in batch.to_pylist())
                for number, record in enumerate(every, start=1):
                    yield f"Row {number}", record
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
