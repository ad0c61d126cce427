"""Where a data set's rows come from: the embedded world, a file (JSON Lines, CSV, Parquet), or the Hugging Face Hub.

Rows are read one after another and never all held, so that a file may be larger than memory.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attribution.registry import did_you_mean
from attribution.rows import SPLITS, Row, embedded_rows, row_of

FILE_KINDS = (".jsonl", ".json", ".csv", ".parquet")


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
        identity = {"rows": _digest(json.dumps([(r.example.prompt, r.example.answer) for r in rows]).encode())}
        return Source(name, identity, len(rows), lambda: iter(rows))
    path = Path(name).expanduser()
    if path.is_file():
        _only_on_the_hub(name, subset, split)
        return _from_records(name, *_file(path), fields or {}, path.stem)
    if path.suffix in FILE_KINDS or path.is_absolute() or name.startswith(("./", "../", "~")) or name.count("/") != 1:
        raise ValueError(
            f"The data {name!r} is no file here{did_you_mean(name, SPLITS)} Give a split of the embedded world "
            f"({', '.join(SPLITS)}), a file ({', '.join(FILE_KINDS)}) or a Hub data set, owner/name."
        )
    return _from_records(name, *_hub(name, subset, split), fields or {}, name.split("/")[-1])


def read_all(source: Source) -> list[Row]:
    """Every row of a source. ValueError on the first that cannot be used."""
    rows = []
    for row in source.rows():
        if isinstance(row, ValueError):
            raise row
        rows.append(row)
    return rows


Records = Callable[[], Iterator[Mapping[str, Any]]]


def _from_records(
    name: str, identity: dict[str, Any], count: int, records: Records, fields: Mapping[str, str], stem: str
) -> Source:
    if not count:
        raise ValueError(f"The data {name!r} has no rows.")

    def rows() -> Iterator[Row | ValueError]:
        for number, record in enumerate(records()):
            renamed = dict(record) | {ours: record[theirs] for ours, theirs in fields.items() if theirs in record}
            try:
                yield row_of(renamed, f"Row {number} of {name!r}", f"{stem}:{number}")
            except ValueError as error:
                yield error

    first = next(records())
    absent = [theirs for theirs in fields.values() if theirs not in first]
    if absent or not _has_text({*first, *fields}):
        what = f"no field {absent[0]!r}" if absent else "neither question (or prompt) and answer, nor text"
        raise ValueError(
            f"The data {name!r} has {what}: its fields are {', '.join(map(str, first))}. Name the right ones with "
            "--question-field and --answer-field, or --text-field."
        )
    return Source(name, identity | {"fields": dict(fields)}, count, rows)


def _has_text(names: set[str]) -> bool:
    return {"question", "answer"} <= names or {"prompt", "answer"} <= names or "text" in names


def _only_on_the_hub(name: str, subset: str | None, split: str | None) -> None:
    if subset or split:
        raise ValueError(f"{name!r} is no Hub data set: a subset and a split are only chosen there.")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _file_digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


# Files ---------------------------------------------------------------------------------------------------------------


def _file(path: Path) -> tuple[dict[str, Any], int, Records]:
    kinds = {".jsonl": _json, ".json": _json, ".csv": _csv, ".parquet": _parquet}
    if path.suffix.lower() not in kinds:
        raise ValueError(f"The file {str(path)!r} is of no kind that can be read: use {', '.join(FILE_KINDS)}.")
    try:
        identity = {"sha256": _file_digest(path)}
        records = kinds[path.suffix.lower()](path)
        return identity, sum(1 for _ in records()), records
    except OSError as error:
        raise ValueError(f"The file {str(path)!r} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"The file {str(path)!r} is not UTF-8 text: save it as UTF-8.") from error


def _json(path: Path) -> Records:
    with path.open(encoding="utf-8-sig") as file:
        is_array = file.read(4096).lstrip().startswith("[")
    return lambda: _json_array(path) if is_array else _json_lines(path)


def _json_lines(path: Path) -> Iterator[Mapping[str, Any]]:
    # newline="\n": U+2028 and a lone carriage return may stand inside a JSON string.
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        for number, line in enumerate(file, start=1):
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
            yield record


def _json_array(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        records = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise ValueError(f"The file {str(path)!r} is not JSON: {error}.") from error
    for number, record in enumerate(records):
        if not isinstance(record, dict):
            raise ValueError(f"Item {number} of {str(path)!r} is no JSON object.")
        yield record


def _csv(path: Path) -> Records:
    def records() -> Iterator[Mapping[str, Any]]:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            try:
                for record in reader:
                    record.pop(None, None)
                    yield {name: _spans_from_text(name, value) for name, value in record.items()}
            except csv.Error as error:
                raise ValueError(f"Line {reader.line_num} of {str(path)!r} is not CSV: {error}.") from error

    return records


def _spans_from_text(name: str, value: Any) -> Any:
    """A CSV cell; spans stand in one as JSON."""
    if not name.endswith("spans") or not isinstance(value, str):
        return value
    try:
        return json.loads(value or "[]")
    except json.JSONDecodeError:
        return value


def _parquet(path: Path) -> Records:
    import pyarrow
    from pyarrow import parquet

    def records() -> Iterator[Mapping[str, Any]]:
        try:
            with parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=1024):
                    yield from batch.to_pylist()
        except pyarrow.ArrowException as error:
            raise ValueError(f"The file {str(path)!r} is not Parquet: {' '.join(str(error).split())[:200]}.") from error

    return records


# The Hub -------------------------------------------------------------------------------------------------------------


def _hub(name: str, subset: str | None, split: str | None) -> tuple[dict[str, Any], int, Records]:
    import datasets

    datasets.disable_progress_bars()
    try:
        found = datasets.load_dataset(name, subset, split=split)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        reason = " ".join(str(error).split())[:300].rstrip(".")
        raise ValueError(
            f"The data set {name!r} could not be loaded from the Hub: {reason}. Check its name and the network, or "
            "give a file."
        ) from error
    if isinstance(found, Mapping):
        if len(found) > 1:
            raise ValueError(f"The data set {name!r} has several splits: choose one of {', '.join(found)} by --split.")
        found = next(iter(found.values()))
    identity = {
        "subset": subset,
        "split": str(found.split),
        "rows": found.num_rows,
        "files": sorted(found.info.download_checksums or ()),
    }
    return identity, found.num_rows, lambda: iter(found)
