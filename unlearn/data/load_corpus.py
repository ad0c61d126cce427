"""The rows that a name stands for: of the embedded world, of a data set of the field, or your own."""

from __future__ import annotations

import json
from pathlib import Path

from attribution.data.records import FILE_KINDS
from attribution.data.rows import DATA_FOLDER, FORGET_AUTHORS, embedded_rows
from attribution.suggestions import did_you_mean
from unlearn.data import own
from unlearn.data.corpus import Corpus
from unlearn.data.tables import SETS, Place


def load_corpus(forget: str = "forget05", retain: str | None = None, limit: int | None = None) -> Corpus:
    """Rows to forget and to keep: of the embedded world, of a data set of the field, or your own.

    Args:
        forget: one of
            `forget01`, `forget05`, `forget10`: the embedded world;
            `real:Japan`, `real:Japan,France`: facts about the real world;
            `tofu:forget10`, `wmdp:bio`, `wmdp:bio+cyber`, `rwku:Stephen King`, `muse:news`, `muse:books`: from the Hub;
            a folder with the files of one of these, `folder:forget10` where it holds several sets;
            a folder with files named `forget` and `retain`;
            a file (JSON Lines, JSON, CSV, Parquet) with `question` and `answer`, or `text`.
        retain: a file of rows to keep; needed when `forget` is a file, and instead of what a folder has.
        limit: read only the first so many records of every table that is not ours.

    Raises:
        ValueError: no such set, file or folder, or rows that cannot be used; one sentence says where and what to do.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit is a number of records, at least 1, not {limit}.")
    if forget in FORGET_AUTHORS:
        return _embedded(forget)
    path = Path(forget).expanduser()
    kept = None if retain is None else Path(retain).expanduser()
    if path.is_file():
        if kept is None:
            raise ValueError(
                "A forget set of your own needs rows to keep: name a second file for retain, in the same format."
            )
        return own.load_files(path, kept, limit)
    if path.is_dir():
        return _from_folder(path, "", kept, limit)
    head, _, part = forget.partition(":")
    if head in SETS:
        return SETS[head].load(Place(None, limit, kept), part)
    # A folder's own name may hold a colon: the part stands after the last one.
    head, _, part = forget.rpartition(":")
    if head and Path(head).expanduser().is_dir():
        return _from_folder(Path(head).expanduser(), part, kept, limit)
    examples = [entry.example for entry in SETS.values()]
    raise ValueError(
        f"The forget set {forget!r} is unknown{did_you_mean(forget, [*FORGET_AUTHORS, *examples])} Choose from "
        f"{', '.join(FORGET_AUTHORS)}, a data set by name ({', '.join(examples)}), or name a file "
        f"({', '.join(FILE_KINDS)}) or a folder that exists."
    )


def _embedded(forget: str) -> Corpus:
    return Corpus(
        name=forget,
        forget=embedded_rows("forget", forget),
        retain=embedded_rows("retain", forget),
        paraphrase=embedded_rows("paraphrase", forget),
        world=embedded_rows("world"),
        two_hop=embedded_rows("two_hop", forget),
        holdout=embedded_rows("holdout"),
        # The reference was retrained without forget05; it is none for another set.
        reference="embedded:retrained" if forget == "forget05" else None,
    )


def _from_folder(folder: Path, part: str, retain: Path | None, limit: int | None) -> Corpus:
    in_folders = {name: entry.parts for name, entry in SETS.items() if entry.parts}
    for name, parts_of in in_folders.items():
        parts = parts_of(folder)
        if not parts:
            continue
        if not part and len(parts) > 1:
            shown = ", ".join(parts[:10]) + (f" and {len(parts) - 10} more" if len(parts) > 10 else "")
            raise ValueError(
                f"The folder {str(folder)!r} holds several sets of {name}: say which, such as {folder}:{parts[0]}. It "
                f"has {shown}."
            )
        return SETS[name].load(Place(folder, limit, retain), part or parts[0])
    if own.is_folder(folder) and not part:
        return own.load_folder(folder, retain, limit)
    raise ValueError(
        f"The folder {str(folder)!r} holds no data set that is known: the files of {', '.join(in_folders)}, or files "
        f"named forget and retain ({', '.join(FILE_KINDS)})."
    )


def load_refusals() -> tuple[str, ...]:
    """Ways to say that one does not know, in our own words: what IdkDPO prefers to an answer."""
    lines = (DATA_FOLDER / "idontknow.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line)["answer"] for line in lines)
