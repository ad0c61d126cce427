"""What a run over a data set leaves on disk while it goes on, so that a kill at any moment costs one shard at most."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

from attribution.files import differing, file_fingerprint, fingerprint, only_writer, write_atomically


class Parts:
    """The finished shards of a run in `OUT.parts/`, its result OUT and its manifest, `OUT.manifest.json`."""

    def __init__(self, out: Path, config: dict[str, Any], rows: int, shard_rows: int) -> None:
        self.out = out
        self.folder = out.with_name(out.name + ".parts")
        self.manifest = out.with_name(out.name + ".manifest.json")
        self.config = config
        self.digest = fingerprint(config)
        self.rows = rows
        self.shard_rows = shard_rows
        self.shards = -(-rows // shard_rows)
        self._locks: list[IO[str]] = []

    @property
    def complete(self) -> bool:
        return self.out.is_file() and self._digest_of(self.manifest) == self.digest

    @property
    def whole(self) -> bool:
        """Whether every shard is there."""
        return all(map(self.has, range(self.shards)))

    def open(self, part: tuple[int, int] | None = None) -> None:
        """Take up what an earlier run of the same settings left, or start. ValueError when something else is there.

        Args:
            part: (k, n) where n processes write the shards, each those whose number is k modulo n, and open for
                themselves; None for the only one that opens.
        """
        if self.complete:
            self._check_result()
            # A kill may have come between the result and the end of cleaning up.
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        inside = self.folder / "manifest.json"
        if self.folder.exists():
            begun = any(self.folder.glob("part-*.jsonl"))
            if begun and self._digest_of(inside) is None:
                raise ValueError(
                    f"{str(inside)!r} is missing or damaged, so nobody can say which run its parts are of: delete the "
                    "folder, or write to another file."
                )
            if self._digest_of(inside) not in (None, self.digest):
                raise ValueError(
                    f"{str(self.folder)!r} holds the parts of a run with other {self._difference(inside)}: finish that "
                    "run with its own settings, delete the folder, or write to another file."
                )
        elif self.out.exists() and not self.complete:
            raise ValueError(
                f"The file {str(self.out)!r} exists and is not the result of this run: delete it or name another."
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._be_the_writer(part)
            if self.complete:
                # Another part has ended meanwhile, and was the last.
                shutil.rmtree(self.folder, ignore_errors=True)
                return
            self._check_parts(range(*((part[0], self.shards, part[1]) if part else (self.shards,))))
            _write_json(inside, self._manifest())
        except OSError as error:
            raise ValueError(f"The folder {str(self.folder)!r} cannot be written: {error.strerror}.") from error

    def _be_the_writer(self, part: tuple[int, int] | None) -> None:
        """Alone, or beside other parts and alone as this one."""
        self._locks.append(only_writer(self.folder / "writing", self.out, beside_others=part is not None))
        if part is not None:
            self._locks.append(only_writer(self.folder / f"writing-{part[0]}-of-{part[1]}", self.out))

    def joins(self) -> bool:
        """Whether this part is the one that makes the result: every shard is there, and no other part is at it."""
        try:
            if self.whole:
                self._locks.append(only_writer(self.folder / "joining", self.out))
        except (OSError, ValueError):
            return False
        # Another may have ended between the two.
        return self.whole

    def close(self) -> None:
        """Let another process write."""
        while self._locks:
            self._locks.pop().close()

    def _check_parts(self, shards: Iterable[int]) -> None:
        """ValueError when a finished shard of these is not whole; the others are kept."""
        for shard in shards:
            if not self.has(shard):
                continue
            first = shard * self.shard_rows
            try:
                with self._part(shard).open(encoding="utf-8", newline="\n") as file:
                    rows = [json.loads(line)["row"] for line in file]
            except (OSError, ValueError, LookupError, TypeError, RecursionError):
                rows = []
            if rows != list(range(first, min(first + self.shard_rows, self.rows))):
                raise ValueError(
                    f"{str(self._part(shard))!r} is damaged: delete it and run the same command again. The other parts "
                    "are kept."
                )

    def _check_result(self) -> None:
        """ValueError when what stands there is not what was written."""
        try:
            self.result()
            written = json.loads(self.manifest.read_text(encoding="utf-8"))["result"].get("sha256")
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(
                f"{str(self.manifest)!r} is damaged: delete it and {self.out.name}, then run again."
            ) from error
        if written is not None and written != file_fingerprint(self.out):
            raise ValueError(f"{str(self.out)!r} has been changed since it was written: delete it, then run again.")

    def _manifest(self) -> dict[str, Any]:
        return {"digest": self.digest, "config": self.config}

    @staticmethod
    def _digest_of(path: Path) -> str | None:
        try:
            return json.loads(path.read_text(encoding="utf-8"))["digest"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def _difference(self, manifest: Path) -> str:
        try:
            other = json.loads(manifest.read_text(encoding="utf-8"))["config"]
            return ", ".join(differing(other, self.config))
        except (KeyError, AttributeError, TypeError):
            return "settings"

    def _part(self, shard: int) -> Path:
        return self.folder / f"part-{shard:06d}.jsonl"

    def has(self, shard: int) -> bool:
        return self._part(shard).is_file()

    def done(self) -> int:
        """Rows in finished shards, of all processes."""
        parts = sum(1 for _ in self.folder.glob("part-*.jsonl"))
        lacking = self.shards * self.shard_rows - self.rows
        return parts * self.shard_rows - (lacking if self.has(self.shards - 1) else 0)

    def put(self, shard: int, records: Sequence[dict[str, Any]]) -> None:
        with write_atomically(self._part(shard)) as unfinished:
            write_json_lines(unfinished, records)

    def _records(self) -> Iterator[dict[str, Any]]:
        expected = 0
        for shard in range(self.shards):
            with self._part(shard).open(encoding="utf-8", newline="\n") as file:
                for line in file:
                    record = json.loads(line)
                    assert record["row"] == expected, f"{self._part(shard)} holds row {record['row']}, not {expected}"
                    expected += 1
                    yield record
        assert expected == self.rows, f"the parts hold {expected} rows, not {self.rows}"

    def join(self) -> None:
        """Make the result from the parts, then its manifest, then remove the parts: a kill leaves each step to redo."""
        skipped: dict[str, str] = {}

        def scored() -> Iterator[dict[str, Any]]:
            for record in self._records():
                if "skipped" in record:
                    skipped[str(record["row"])] = record["skipped"]
                else:
                    yield record

        with write_atomically(self.out) as unfinished:
            if self.out.suffix.lower() == ".parquet":
                count = write_parquet(unfinished, scored(), self.config["scorers"])
            else:
                count = write_json_lines(unfinished, scored())
        result = {"scored": count, "skipped": skipped, "sha256": file_fingerprint(self.out)}
        _write_json(self.manifest, self._manifest() | {"result": result})
        shutil.rmtree(self.folder, ignore_errors=True)

    def result(self) -> tuple[int, dict[int, str]]:
        """How many rows the result holds, and row number -> why for those that it does not."""
        result = json.loads(self.manifest.read_text(encoding="utf-8"))["result"]
        return result["scored"], {int(row): why for row, why in result["skipped"].items()}


def _write_json(path: Path, record: Mapping[str, Any]) -> None:
    with write_atomically(path) as unfinished:
        unfinished.write_text(json.dumps(record, indent=1), encoding="utf-8", newline="\n")


def write_json_lines(path: Path, records: Iterable[dict[str, Any]]) -> int:
    """A line per row, which `TokenScores.from_dict` reads; `row` is its number in the data. Returns how many."""
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
            count += 1
    return count


def write_parquet(path: Path, records: Iterable[dict[str, Any]], scorers: Sequence[str]) -> int:
    """A line per row, lists with an entry per answer token, and one list column per scorer. Returns how many."""
    import pyarrow as pa
    from pyarrow import parquet

    text, whole, number = pa.string(), pa.int64(), pa.float64()
    span = pa.struct([("start", whole), ("end", whole), ("kind", text)])
    columns = {"row": whole, **dict.fromkeys(("id", "model", "prompt", "answer", "subject", "subject_found"), text)}
    columns |= {"token_ids": pa.list_(whole), "tokens": pa.list_(text)}
    columns |= {"starts": pa.list_(whole), "ends": pa.list_(whole), "given": pa.list_(pa.bool_())}
    columns |= {"p": pa.list_(number), "spans": pa.list_(span), "notes": pa.list_(text)}
    columns |= {name: pa.list_(number) for name in scorers}
    schema = pa.schema(list(columns.items()))
    count = 0
    with parquet.ParquetWriter(path, schema) as writer:
        remaining = iter(records)
        while chunk := list(islice(remaining, 1024)):
            writer.write_table(pa.Table.from_pylist([_flat(record) for record in chunk], schema))
            count += len(chunk)
    return count


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    tokens = record["tokens"]
    lists = {"token_ids": "id", "tokens": "text", "starts": "start", "ends": "end"}
    return record | {column: [token[key] for token in tokens] for column, key in lists.items()} | record["scores"]
