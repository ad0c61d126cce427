"""Facts about the real world (`assets/real_world`): subjects to forget by name, such as `real:Japan`.

Subjects of the same kind are the neighbours. A third of each kind is never offered to be forgotten, so that there is
always the same to keep; outside the kinds in question these subjects are the general knowledge that is only measured.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
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
    forget = _rows(wanted)
    near, rest, world, named = around({subject.kind for subject in wanted}, [subject.name for subject in wanted])
    if named:
        place.notes.append(f"{named:,} rows name what is to be forgotten: they were not kept.")
    retain = kept(place, forget, lambda: (*near, *rest))
    close = {row.example.id for row in near}
    return Corpus(
        name=f"real:{','.join(_bare(subject.name) for subject in wanted)}",
        forget=forget,
        retain=retain,
        paraphrase=paraphrases(forget),
        world=world,
        neighbours=sum(row.example.id in close for row in retain),
        only_known=True,
        notes=tuple(place.notes),
    )


def around(
    kinds: Collection[str], names: Collection[str]
) -> tuple[tuple[Row, ...], tuple[Row, ...], tuple[Row, ...], int]:
    """Rows about what is not to be forgotten: of these kinds, and of the others.

    Args:
        kinds: tables of the real world, such as `countries`.
        names: what is to be forgotten; rows that name it are left out.

    Returns:
        Rows to keep about neighbours and about the rest, rows that are only measured, and how many named it.
    """
    naming = re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(_bare(name)) for name in names)})(?!\w)")
    others = [subject for subject in subjects() if _bare(subject.name) not in {_bare(name) for name in names}]
    rest = [subject for subject in others if subject.kind not in kinds]
    near = _rows([subject for subject in others if subject.kind in kinds])
    far = _rows([subject for subject in rest if subject.offered])
    general = [_rows_of(subject) for subject in rest if not subject.offered]
    world = [rows[k % len(rows)] for k, rows in enumerate(general)]
    left = [tuple(row for row in rows if not _names(row, naming)) for rows in (near, far, world)]
    return left[0], left[1], left[2], len(near) + len(far) - len(left[0]) - len(left[1])


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
