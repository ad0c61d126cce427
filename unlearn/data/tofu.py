"""TOFU (locuslab/TOFU, arXiv 2401.06121): 200 invented authors with 20 questions each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from attribution.data.records import Record
from attribution.data.rows import Row, paraphrases
from attribution.suggestions import did_you_mean
from unlearn.data.corpus import Corpus
from unlearn.data.rows import kept, rows_of
from unlearn.data.tables import Place, data_set, find

HUB = "locuslab/TOFU"
FORGET = {"forget01": 1, "forget05": 5, "forget10": 10}
ROWS, PER_AUTHOR = 4000, 20


def parts(folder: Path) -> list[str]:
    """The forget sets that a folder holds; none when it is no TOFU."""
    return [name for name in FORGET if find(folder, [name], "train")]


@data_set("tofu", "tofu:forget10", parts)
def load(place: Place, part: str) -> Corpus:
    """`forget01`, `forget05` or `forget10`, with everything TOFU has beside it.

    Rows to forget carry their paraphrased and their wrong answers, rows to keep where `retain_perturbed` has them.
    """
    if part not in FORGET:
        raise ValueError(
            f"TOFU has no forget set {part!r}{did_you_mean(part, FORGET)} Choose from {', '.join(FORGET)}."
        )
    share = FORGET[part]
    read = partial(_read, place)
    first = ROWS - ROWS * share // 100
    forget = _with_details(read(part, _authors_from(first)), read(f"{part}_perturbed", optional=True))
    return Corpus(
        name=f"tofu:{part}",
        forget=forget,
        retain=kept(
            place,
            forget,
            lambda: _with_details(_retain(place, part, forget), read("retain_perturbed", optional=True)),
        ),
        paraphrase=paraphrases(forget),
        world=read("world_facts_perturbed", optional=True) or read("world_facts", optional=True),
        holdout=read(f"holdout{share:02d}", optional=True),
        real_authors=read("real_authors_perturbed", optional=True) or read("real_authors", optional=True),
        notes=tuple(place.notes),
        hub=place.on_hub(HUB, part, "train"),
    )


def _retain(place: Place, part: str, forget: tuple[Row, ...]) -> tuple[Row, ...]:
    """The retain set, or what it is made of: `full`, or a smaller retain set with the rest of a larger forget set."""
    name = f"retain{100 - FORGET[part]}"
    if place.folder is None or find(place.folder, [name], "train"):
        return _read(place, name, _authors_from(0))
    forgotten = {(row.example.prompt, row.example.answer) for row in forget}
    if find(place.folder, ["full"], "train"):
        made_of = ["full"]
    elif find(place.folder, ["retain90"], "train") and find(place.folder, ["forget10"], "train"):
        made_of = ["retain90", "forget10"]
    else:
        # The sentence that names what is missing.
        return _read(place, name)
    first = {"forget10": ROWS * 9 // 10}
    rows = [row for source in made_of for row in _read(place, source, _authors_from(first.get(source, 0)))]
    kept = tuple(row for row in rows if (row.example.prompt, row.example.answer) not in forgotten)
    place.notes.append(f"{name} is not there: it was put together from {' and '.join(made_of)}.")
    return kept


def _read(
    place: Place, config: str, author: Callable[[int], int | None] | None = None, optional: bool = False
) -> tuple[Row, ...]:
    table = place.optional(HUB, config, "train") if optional else place.table(HUB, config, "train")
    if table is None:
        return ()
    return rows_of(table.need("question", "answer"), place.notes, _with_options, author)


def _authors_from(first: int) -> Callable[[int], int]:
    """Rows stand author after author, 20 each; sets to forget are the last ones of all."""
    return lambda number: (first + number) // PER_AUTHOR


def _with_options(record: Record) -> Record:
    """`world_facts` and `real_authors` keep the wrong answers as options beside the right one."""
    options = [value for name, value in record.items() if name.startswith("option")]
    wrong: dict[str, Any] = {"perturbed_answer": [option for option in options if option != record["answer"]]}
    return dict(record) | wrong if options else record


def _with_details(rows: tuple[Row, ...], details: tuple[Row, ...]) -> tuple[Row, ...]:
    """Rows with the paraphrase and the wrong answers that the same row has elsewhere."""
    known = {(row.example.prompt, row.example.answer): row for row in details}
    found = []
    for row in rows:
        more = known.get((row.example.prompt, row.example.answer))
        if more is not None:
            row = dataclasses.replace(row, paraphrase=more.paraphrase, perturbed=more.perturbed)
        found.append(row)
    return tuple(found)
