"""Which data set a name stands for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from attribution.data.records import FILE_KINDS
from attribution.data.rows import FORGET_AUTHORS
from attribution.suggestions import did_you_mean
from unlearn.data import muse, own, rwku, tofu, wmdp
from unlearn.data.corpus import Corpus
from unlearn.data.tables import Place


class DataSet(NamedTuple):
    """A data set of the field.

    Attributes:
        parts: what a local folder holds of it; nothing when the folder is no such data set.
        load: reads one part from a place.
        example: how to ask for it.
    """

    parts: Callable[[Path], list[str]]
    load: Callable[[Place, str], Corpus]
    example: str


SETS: dict[str, DataSet] = {
    "tofu": DataSet(tofu.parts, tofu.load, "tofu:forget10"),
    "wmdp": DataSet(wmdp.parts, wmdp.load, "wmdp:bio"),
    "rwku": DataSet(rwku.parts, rwku.load, "rwku:Stephen King"),
    "muse": DataSet(muse.parts, muse.load, "muse:news"),
}


def open_set(name: str, retain: str | None = None, limit: int | None = None) -> Corpus:
    """The rows behind a name that is none of the embedded world. See `unlearn.data.corpus.load_corpus`."""
    path = Path(name).expanduser()
    kept = None if retain is None else Path(retain).expanduser()
    if path.is_file():
        if kept is None:
            raise ValueError(
                "A forget set of your own needs rows to keep: name a second file for retain, in the same format."
            )
        return own.load_files(path, kept, limit)
    if path.is_dir():
        return _from_folder(path, "", kept, limit)
    head, _, part = name.partition(":")
    if head in SETS:
        return SETS[head].load(Place(None, limit, kept), part)
    # A folder's own name may hold a colon: the part stands after the last one.
    head, _, part = name.rpartition(":")
    if head and Path(head).expanduser().is_dir():
        return _from_folder(Path(head).expanduser(), part, kept, limit)
    examples = ", ".join(entry.example for entry in SETS.values())
    raise ValueError(
        f"The forget set {name!r} is unknown{did_you_mean(name, [*FORGET_AUTHORS, *_examples()])} Choose from "
        f"{', '.join(FORGET_AUTHORS)}, a data set of the Hub ({examples}), or name a file ({', '.join(FILE_KINDS)}) or "
        "a folder that exists."
    )


def _examples() -> list[str]:
    return [entry.example for entry in SETS.values()]


def _from_folder(folder: Path, part: str, retain: Path | None, limit: int | None) -> Corpus:
    for name, entry in SETS.items():
        parts = entry.parts(folder)
        if not parts:
            continue
        if not part and len(parts) > 1:
            shown = ", ".join(parts[:10]) + (f" and {len(parts) - 10} more" if len(parts) > 10 else "")
            raise ValueError(
                f"The folder {str(folder)!r} holds several sets of {name}: say which, such as {folder}:{parts[0]}. It "
                f"has {shown}."
            )
        return entry.load(Place(folder, limit, retain), part or parts[0])
    if own.is_folder(folder) and not part:
        return own.load_folder(folder, retain, limit)
    raise ValueError(
        f"The folder {str(folder)!r} holds no data set that is known: the files of {', '.join(SETS)}, or files named "
        f"forget and retain ({', '.join(FILE_KINDS)})."
    )
