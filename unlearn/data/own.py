"""Your own rows: JSON Lines, JSON, CSV or Parquet with `question` (or `prompt`) and `answer`, or with `text`."""

from __future__ import annotations

from pathlib import Path

from attribution.data.rows import paraphrases
from unlearn.data.corpus import Corpus
from unlearn.data.rows import read_file, without
from unlearn.data.tables import find

OPTIONAL = ("paraphrase", "world", "holdout", "real_authors")


def load_files(forget: Path, retain: Path, first: int | None = None) -> Corpus:
    """Two files: rows to forget, rows to keep."""
    notes: list[str] = []
    rows = read_file([forget], notes, first)
    kept = without(read_file([retain], notes, first), rows, notes)
    return Corpus(name=forget.stem, forget=rows, retain=kept, paraphrase=paraphrases(rows), notes=tuple(notes))


def is_folder(folder: Path) -> bool:
    """Whether a folder holds a file named `forget`."""
    return bool(find(folder, ["forget"], "train"))


def load_folder(folder: Path, retain: Path | None = None, first: int | None = None) -> Corpus:
    """A folder with files named `forget` and `retain`, and optionally those in `OPTIONAL`."""
    notes: list[str] = []
    found = {name: find(folder, [name], "train") for name in ("forget", "retain", *OPTIONAL)}
    if retain is not None:
        found["retain"] = [retain]
    if not found["retain"]:
        raise ValueError(
            f"The folder {str(folder)!r} has rows to forget and none to keep: put a file named retain beside them."
        )
    rows = {name: read_file(files, notes, first) for name, files in found.items() if files}
    return Corpus(
        name=folder.name,
        forget=rows["forget"],
        retain=without(rows["retain"], rows["forget"], notes),
        paraphrase=rows.get("paraphrase") or paraphrases(rows["forget"]),
        world=rows.get("world", ()),
        holdout=rows.get("holdout", ()),
        real_authors=rows.get("real_authors", ()),
        notes=tuple(notes),
    )
