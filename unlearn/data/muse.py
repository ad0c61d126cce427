"""MUSE (muse-bench/MUSE-News, muse-bench/MUSE-Books, arXiv 2407.06460): news articles, or whole books, to forget."""

from __future__ import annotations

from pathlib import Path

from attribution.data.records import Record
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
    """`news` or `books`: `raw/forget` to forget, `raw/retain1` to keep, `raw/holdout` never seen, `knowmem` to ask.

    What only MUSE's own protocol takes, where it is there: `verbmem`, the examples of `knowmem`, `privleak`.
    """
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
    own = []
    for config, split in (("knowmem", "forget_qa_icl"), ("knowmem", "retain_qa_icl")):
        table = place.optional(hub, config, split)
        if table is not None:
            own.append((split, rows_of(table.need("question", "answer"), place.notes)))
    texts = place.optional(hub, "verbmem", "forget")
    if texts is not None:
        own.append(("verbmem", rows_of(texts.need("prompt", "gt"), place.notes, _beginning)))
    for split in ("forget", "holdout"):
        table = place.optional(hub, "privleak", split)
        if table is not None:
            own.append((f"privleak_{split}", texts_of(table, place.notes)))
    return Corpus(
        name=f"muse:{part}" if part else f"muse:{place.folder.name if place.folder else ''}",
        forget=forget,
        retain=kept(place, forget, lambda: texts_of(place.table(hub, "raw", "retain1"), place.notes)),
        holdout=texts_of(holdout, place.notes) if holdout is not None else (),
        probes=tuple(probes),
        own=tuple(own),
        notes=tuple(place.notes),
        hub=place.on_hub(hub, "raw", "forget"),
    )


def _beginning(record: Record) -> Record:
    """The beginning of a text and what follows it, as a question and its answer."""
    return {"question": record["prompt"], "answer": record["gt"]}
