"""RWKU (jinzhuoran/RWKU, arXiv 2406.10890): 200 famous people, one of them to be forgotten at a time.

RWKU gives no rows to keep, on purpose: its setting is a model and a name. For objectives that need some, ours are the
passages about other people. The rows to forget are the passages about the person, which do not depend on a model, as
the generated texts of RWKU do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from attribution.data.records import Record
from attribution.data.rows import Row
from attribution.suggestions import did_you_mean
from unlearn.data.corpus import Corpus
from unlearn.data.rows import kept, rows_of
from unlearn.data.rwku_utility import utility_sets
from unlearn.data.tables import Place, Table, data_set, find

HUB = "jinzhuoran/RWKU"
PASSAGES = ("train_original_passage", ("passage",))
PROBES = {
    "fill_in": "forget_level1",
    "qa": "forget_level2",
    "adversarial": "forget_level3",
    "neighbour_fill_in": "neighbor_level1",
    "neighbour_qa": "neighbor_level2",
}
FILL_IN = "Please complete the blank in the following sentence: "
RETAINED_PEOPLE = 40


def parts(folder: Path) -> list[str]:
    """The people that a folder has probes for; none when it is no RWKU."""
    if not find(folder, ["forget_level1", "forget_level2"], "test"):
        return []
    return people(Place(folder).table(HUB, "forget_level1", "test", ("forget_level2",)))


@data_set("rwku", "rwku:Stephen King", parts)
def load(place: Place, part: str) -> Corpus:
    """One person by name, with the three kinds of probes about them and the two about their neighbours."""
    first, place.first = place.first, None
    passages = place.table(HUB, PASSAGES[0], "train", PASSAGES[1]).need("text", "subject")
    everybody = people(passages)
    if part not in everybody:
        raise ValueError(f"RWKU has no person {part!r}{did_you_mean(part, everybody)} It has {len(everybody)}.")
    tables = {name: table for name, config in PROBES.items() if (table := place.optional(HUB, config, "test"))}
    probes = tuple((name, _probes(place, table, name, part)) for name, table in tables.items())
    forget = rows_of(passages, place.notes, _about(lambda subject: subject == part))[:first]

    def others() -> tuple[Row, ...]:
        names = [subject for subject in everybody if subject != part][:RETAINED_PEOPLE]
        if not names:
            raise ValueError(
                f"{passages.name!r} has passages about {part} alone, and RWKU has no rows to keep: name a file of such "
                "rows for retain."
            )
        place.notes.append(f"RWKU has no rows to keep: ours are the passages about {len(names)} other people.")
        return rows_of(passages, place.notes, _about(lambda subject: subject in names))[:first]

    return Corpus(
        name=f"rwku:{part}",
        forget=forget,
        retain=kept(place, forget, others),
        probes=tuple((name, rows) for name, rows in probes if rows),
        own=tuple(_own(tables, part)),
        utility=utility_sets(place, HUB, part),
        notes=tuple(place.notes),
        hub=place.on_hub(HUB, PASSAGES[0], "train"),
    )


def people(table: Table) -> list[str]:
    """The subjects of a table, in the order in which they first appear."""
    return list(dict.fromkeys(str(record["subject"]) for _, record in table.need("subject")))


def _probes(place: Place, table: Table, name: str, person: str) -> tuple[Row, ...]:
    before = FILL_IN if name.endswith("fill_in") else ""

    def prepare(record: Record) -> dict[str, Any] | None:
        if record["subject"] != person:
            return None
        question = record["query"]
        return {"question": before + question if isinstance(question, str) else question, "answer": record["answer"]}

    return rows_of(table.need("query", "answer", "subject"), place.notes, prepare)


def _own(tables: Mapping[str, Table], person: str) -> Iterator[tuple[str, tuple[Row, ...]]]:
    """The questions as they stand, for RWKU's own prompts: adversarial ones by their kind, `adversarial/role play`."""
    for name, table in tables.items():
        kinds = dict.fromkeys(
            str(record.get("type") or "") if name == "adversarial" else ""
            for _, record in table
            if record["subject"] == person
        )
        for kind in kinds:

            def prepare(record: Record, kind: str = kind) -> dict[str, Any] | None:
                mine = record["subject"] == person and (not kind or str(record.get("type")) == kind)
                return {"question": record["query"], "answer": record["answer"]} if mine else None

            # What was left out or cut is told of the same rows already.
            yield (f"{name}/{kind}" if kind else name), rows_of(table, [], prepare)


def _about(wanted: Callable[[str], bool]) -> Callable[[Record], Record | None]:
    return lambda record: {"text": record["text"]} if wanted(str(record["subject"])) else None
