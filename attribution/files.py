"""What must be whole on disk, and whether a result there is the one that is wanted: one write, one fingerprint."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from uuid import uuid4


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Gives a path to write a file to; when that is done the file stands at `path`, whole.

    A kill at any moment leaves what stood at `path` before, or the new file; so does an error inside, which takes the
    unfinished file away again. Two processes may write the same file at once: the last one wins.

    >>> with write_atomically(Path("result.json")) as unfinished:                     # doctest: +SKIP
    ...     unfinished.write_text("{}")
    """
    # Two machines have processes of the same number.
    unfinished = path.with_name(f"{path.name}.{uuid4().hex}.unfinished")
    try:
        yield unfinished
        _flush(unfinished)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def only_writer(lock: Path, out: Path, beside_others: bool = False) -> IO[str]:
    """Be the only process that writes `out`, for as long as the returned file is open; a process that ends lets go.

    Args:
        beside_others: several that say so may write at once.

    Raises:
        ValueError: another one is at it.
    """
    file = lock.open("a", encoding="utf-8")
    try:
        import fcntl

        fcntl.flock(file, (fcntl.LOCK_SH if beside_others else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except ImportError:
        # A system without such locks.
        pass
    except OSError as error:
        file.close()
        raise ValueError(
            f"Another process is writing {str(out)!r}: wait until it has ended, or name another place."
        ) from error
    return file


def put_folder(fresh: Path, folder: Path) -> None:
    """Put a finished folder in the place of another, by renames.

    A kill between the two renames leaves the old one beside, as `before(folder)`: whoever reads looks there, too.
    """
    for path in fresh.iterdir():
        _flush(path)
    old = before(folder)
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    os.replace(fresh, folder)
    shutil.rmtree(old, ignore_errors=True)


def before(folder: Path) -> Path:
    """Where `put_folder` keeps the folder that it replaces, until the new one is in its place."""
    return folder.with_name(f"{folder.name}.old")


def fingerprint(value: Any) -> str:
    """SHA-256 of plain JSON types, 64 hexadecimal digits: other values have another, the order of keys aside."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def file_fingerprint(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits; a block at a time, for it may be larger than memory."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def differing(made: Mapping[str, Any], wanted: Mapping[str, Any], inside: Collection[str] = ()) -> list[str]:
    """Names under which the records of two results differ, in the order of `wanted`.

    Args:
        made, wanted: what each result depends on, in plain JSON types.
        inside: names of records in them whose own differing names are told instead.

    >>> differing({"rows": 4, "config": {"steps": 8}}, {"rows": 4, "config": {"steps": 9}}, inside=["config"])
    ['steps']
    """
    found: list[str] = []
    for name in dict.fromkeys((*wanted, *made)):
        one, other = made.get(name), wanted.get(name)
        if one == other and (name in made) == (name in wanted):
            continue
        if name in inside and isinstance(one, Mapping) and isinstance(other, Mapping):
            found += differing(one, other)
        else:
            found.append(name)
    return found


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
