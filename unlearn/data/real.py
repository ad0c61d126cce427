"""Facts about the real world (`assets/real_world`): subjects to forget by name, such as `real:Japan`.

Subjects of the same kind are the neighbours. A third of each kind is never offered to be forgotten, so that there is
always the same to keep; outside the kinds in question these subjects are the general knowledge that is only measured.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from assets.real_world.generate import Subject, rows_about, subjects
from attribution.data.rows import Row, paraphrases, row_of
from attribution.suggestions import did_you_mean
from unlearn.data.corpus import Corpus
from unlearn.data.rows import kept
from unlearn.data.tables import Place, data_set


@data_set("real", "real:Japan")
def load(place: Place, part: str) -> Corpus:
    """One subject, or several with commas between them: `Japan,France`.

    To keep are the neighbours first, then what may be forgotten of the other kinds. `world` has one question about
    each subject of the other kinds that is never offered. Questions and answers that name a forgotten subject are
    neither kept nor measured: that Tokyo is in Japan says what the capital of Japan is.

    Raises:
        ValueError: no such subject, or one that is always kept.
    """
    names = [name for name in part.split(",") if name.strip()]
    wanted = list(dict.fromkeys(map(_subject, names or [part])))
    forgotten = {subject.number for subject in wanted}
    kinds = {subject.kind for subject in wanted}
    others = [subject for subject in subjects() if subject.number not in forgotten]
    neighbours = [subject for subject in others if subject.kind in kinds]
    rest = [subject for subject in others if subject.kind not in kinds]
    naming = re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(_bare(one.name)) for one in wanted)})(?!\w)")

    def own() -> tuple[Row, ...]:
        candidates = _rows([*neighbours, *(subject for subject in rest if subject.offered)])
        rows = tuple(row for row in candidates if not _names(row, naming))
        if len(rows) < len(candidates):
            place.notes.append(
                f"{len(candidates) - len(rows):,} rows name what is to be forgotten: they were not kept."
            )
        return rows

    forget = _rows(wanted)
    retain = kept(place, forget, own)
    near = {row.example.id for row in _rows(neighbours)}
    general = [_rows_of(subject) for subject in rest if not subject.offered]
    return Corpus(
        name=f"real:{','.join(_bare(subject.name) for subject in wanted)}",
        forget=forget,
        retain=retain,
        paraphrase=paraphrases(forget),
        world=tuple(row for row in (rows[k % len(rows)] for k, rows in enumerate(general)) if not _names(row, naming)),
        neighbours=sum(row.example.id in near for row in retain),
        only_known=True,
        notes=tuple(place.notes),
    )


def offered() -> tuple[str, ...]:
    """The names of the subjects that may be forgotten, kind after kind."""
    return tuple(_bare(subject.name) for subject in subjects() if subject.offered)


def _subject(name: str) -> Subject:
    known = {_bare(subject.name).lower(): subject for subject in subjects()}
    subject = known.get(_bare(" ".join(name.split())).lower())
    if subject is None:
        raise ValueError(
            f"The real world has no subject {name.strip()[:80]!r}{did_you_mean(name.strip()[:80], offered())} There "
            f"are {len(offered())} to choose from, such as Japan, gold or Hamlet, several with commas between them."
        )
    if not subject.offered:
        near = [other for other in subjects() if other.kind == subject.kind and other.offered]
        raise ValueError(
            f"{_bare(subject.name)} is one of the subjects that are always kept, so that what a run must not hurt can "
            "be measured: choose another of its kind, such as "
            f"{', '.join(_bare(one.name) for one in near[:3])}."
        )
    return subject


def _bare(name: str) -> str:
    """`Eiffel Tower` for `the Eiffel Tower`: an article is no part of a name that one types."""
    return re.sub(r"^(?i:the) ", "", name)


def _names(row: Row, naming: re.Pattern[str]) -> bool:
    return bool(naming.search(row.example.prompt) or naming.search(row.example.answer))


def _rows(wanted: Sequence[Subject]) -> tuple[Row, ...]:
    return tuple(row for subject in wanted for row in _rows_of(subject))


@cache
def _rows_of(subject: Subject) -> tuple[Row, ...]:
    return tuple(row_of(record, f"The subject {subject.name}", record["id"]) for record in rows_about(subject))
