"""MUSE (muse-bench/MUSE-News, muse-bench/MUSE-Books, arXiv 2407.06460): news articles, or whole books, to forget."""

from __future__ import annotations

from pathlib import Path

from attribution.suggestions import did_you_mean
from unlearn.data.corpus import Corpus
from unlearn.data.rows import kept, rows_of, texts_of
from unlearn.data.tables import Place, data_set, find

HUBS = {"news": "muse-bench/MUSE-News", "books": "muse-bench/MUSE-Books"}


def parts(folder: Path) -> list[str]:
    """A folder is one of the two, whichever: a single part without a name; none when it is no MUSE."""
    return [""] if find(folder, ["raw"], "forget") else []


@data_set("muse", "muse:news", parts)
def load(place: Place, part: str) -> Corpus:
    """`news` or `books`: `raw/forget` to forget, `raw/retain1` to keep, `raw/holdout` never seen, `knowmem` to ask."""
    if place.folder is None and part not in HUBS:
        raise ValueError(f"MUSE has no part {part!r}{did_you_mean(part, HUBS)} Choose from {', '.join(HUBS)}.")
    hub = HUBS.get(part, "")
    forget = texts_of(place.table(hub, "raw", "forget"), place.notes)
    holdout = place.optional(hub, "raw", "holdout")
    probes = []
    for name in ("forget_qa", "retain_qa"):
        table = place.optional(hub, "knowmem", name)
        if table is not None:
            probes.append((name, rows_of(table.need("question", "answer"), place.notes)))
    return Corpus(
        name=f"muse:{part}" if part else f"muse:{place.folder.name if place.folder else ''}",
        forget=forget,
        retain=kept(place, forget, lambda: texts_of(place.table(hub, "raw", "retain1"), place.notes)),
        holdout=texts_of(holdout, place.notes) if holdout is not None else (),
        probes=tuple(probes),
        notes=tuple(place.notes),
    )
