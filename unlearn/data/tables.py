"""A data set of the field, and its tables, from the Hub or from a local folder that holds the same files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from attribution.data.records import FILE_KINDS, Record, file_records, hub_records
from unlearn.data.corpus import Corpus, HubSet


@dataclass(frozen=True)
class Table:
    """Records with a name for errors, and where each stands."""

    name: str
    stem: str
    records: tuple[tuple[str, Record], ...]

    def __iter__(self) -> Iterator[tuple[str, Record]]:
        """(`Line 3 of 'rows.jsonl'`, record), one after another."""
        for where, record in self.records:
            yield f"{where} of {self.name!r}", record

    def __len__(self) -> int:
        return len(self.records)

    def need(self, *names: str) -> Table:
        """The table itself. ValueError when a record lacks one of the fields; it is named."""
        for where, record in self:
            absent = [name for name in names if name not in record]
            if absent:
                raise ValueError(
                    f"{where} has no field {absent[0]!r}: its fields are {', '.join(map(str, record)) or 'none'}, and "
                    f"{', '.join(names)} are needed."
                )
        return self


@dataclass
class Place:
    """Where tables are read from, and what was noticed on the way.

    Attributes:
        folder: a local folder; None for the Hub.
        first: read only so many records of a table.
        retain: a file of rows to keep, instead of the data set's own.
        notes: sentences for people.
    """

    folder: Path | None = None
    first: int | None = None
    retain: Path | None = None
    notes: list[str] = field(default_factory=list)

    def on_hub(self, hub: str, config: str | None, split: str) -> HubSet | None:
        """A table's place on the Hub; None where it was read from a folder, which may hold anything."""
        return HubSet(hub, config, split) if self.folder is None else None

    def table(self, hub: str, config: str | None, split: str, stems: Sequence[str] = ()) -> Table:
        """One table: of the Hub data set `hub`, or of the folder.

        Args:
            config: the Hub's configuration, and the first name that is looked for in the folder.
            split: the Hub's split.
            stems: other names of the same file.

        Raises:
            ValueError: it is not there, or empty.
        """
        if self.folder is None:
            name = f"{hub} {config or ''}".strip()
            records = tuple(hub_records(hub, config, split, self.first).read())
        else:
            names = [stem for stem in (config, *stems) if stem]
            files = find(self.folder, names, split)
            if not files:
                raise ValueError(
                    f"The folder {str(self.folder)!r} lacks {names[0]!r}: a file {names[0]}{FILE_KINDS[0]} (or "
                    f"{', '.join(FILE_KINDS[1:])}), or a folder {names[0]} with {split!r} in it, is needed."
                )
            return file_table(files, self.first, names[0])
        if not records:
            raise ValueError(f"The data {name!r} has no rows.")
        return Table(name, config or hub.split("/")[-1], records)

    def optional(self, hub: str, config: str | None, split: str, stems: Sequence[str] = ()) -> Table | None:
        """The same where a data set may do without it: None, and a note, when it is not there."""
        if self.folder is not None and not find(self.folder, [stem for stem in (config, *stems) if stem], split):
            return None
        try:
            return self.table(hub, config, split, stems)
        except ValueError as error:
            self.notes.append(f"Left out: {error}")
            return None


Load = Callable[[Place, str], Corpus]


class DataSet(NamedTuple):
    """A data set of the field.

    Attributes:
        load: reads one part from a place.
        example: how to ask for it.
        parts: what a local folder holds of it, nothing when the folder is no such data set; None: it comes along.
    """

    load: Load
    example: str
    parts: Callable[[Path], list[str]] | None = None


SETS: dict[str, DataSet] = {}
"""Every data set by name, in the order of files."""


def data_set(name: str, example: str, parts: Callable[[Path], list[str]] | None = None) -> Callable[[Load], Load]:
    """Put the loader below among `SETS`, with the facts about the data set: the fields of `DataSet`."""

    def put_down(load: Load) -> Load:
        SETS[name] = DataSet(load, example, parts)
        return load

    return put_down


def file_table(files: Sequence[Path], first: int | None = None, stem: str = "") -> Table:
    """The records of one file, or of the parts of a table one after another. ValueError when they cannot be read."""
    name = str(files[0]) if len(files) == 1 else f"{files[0].parent}/{files[0].name.split('-')[0]}*"
    records = tuple(record for file in files for record in file_records(file).read())[:first]
    if not records:
        raise ValueError(f"The data {name!r} has no rows.")
    return Table(name, stem or files[0].stem, records)


def find(folder: Path, stems: Sequence[str], split: str) -> list[Path]:
    """Files that hold a table, the first layout that is there.

    `stem.jsonl`; `stem/split.json`; the Hub's own `stem/split-00000-of-00002.parquet`, several of them one after
    another; `stem_split.json`. `All/` is looked into too (RWKU).

    Raises:
        ValueError: the same table stands there as files of two kinds, and one of them would not be read.
    """
    for base in (folder, folder / "All"):
        for stem in stems:
            for pattern in (stem, f"{stem}/{split}", f"{stem}/{split}-*", f"{stem}_{split}"):
                kinds = [files for kind in FILE_KINDS if (files := sorted(base.glob(f"{pattern}{kind}")))]
                if len(kinds) > 1:
                    raise ValueError(
                        f"The folder {str(folder)!r} has {kinds[0][0].name!r} and {kinds[1][0].name!r}, and only one "
                        "of them would be read: take one away."
                    )
                if kinds:
                    return kinds[0]
    return []
