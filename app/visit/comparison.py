"""What stands side by side: the original, the current run, and the reference or another run; and when it is there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future

from app.look.answers import REFERENCE, REFERENCE_TITLE, Asked, Other
from app.visit.session import KeptRun, Visit
from unlearn import Evaluation

WAIT_SECONDS = 0.4


def others(visit: Visit) -> list[tuple[str, str]]:
    """What the visit's current run can be held against: (title, value) of the reference and of the other runs."""
    reference = [] if visit.studio.reference() is None else [(REFERENCE_TITLE, REFERENCE)]
    return reference + [(kept.name, str(kept.number)) for kept in reversed(visit.runs) if kept is not visit.last]


def other_run(visit: Visit, against: str | None) -> KeptRun | None:
    """The kept run that `against` is the number of; None for the reference, and for a run that has gone."""
    return next((kept for kept in visit.runs if str(kept.number) == against and kept is not visit.last), None)


def wanted_run(visit: Visit, against: str) -> KeptRun | None:
    """As `other_run`, for a caller who must not be given another column than they asked for.

    Raises:
        ValueError: `against` is neither `reference` nor another run of the visit; names those there are.
    """
    beside = other_run(visit, against)
    if against != REFERENCE and beside is None:
        numbers = ", ".join(str(kept.number) for kept in visit.runs if kept is not visit.last)
        raise ValueError(
            f"There is no other run {against!r} to hold against: choose {REFERENCE}"
            f"{f', or one of {numbers}' if numbers else ''}."
        )
    return beside


def other(visit: Visit, against: str | None) -> Other:
    """What stands beside the current run, as far as it is known."""
    kept = other_run(visit, against)
    if kept is None:
        return Other(REFERENCE_TITLE, "reference", known(visit.studio.reference()))
    return Other(kept.name, kept.name, kept.evaluation)


def waiting(visit: Visit, kept: KeptRun, beside: KeptRun | None = None) -> Iterator[str]:
    """Compute what a comparison needs and is not there yet; yields what is being done, some times a second.

    Args:
        beside: another run that is held against this one.
    """
    studio = visit.studio
    futures = [(studio.before(), "the original model"), (studio.reference(), "the retrained reference")]
    runs = [kept] if beside is None else [kept, beside]
    total = len(runs) + sum(future is not None for future, _ in futures)
    for number, each in enumerate(runs, start=1):
        if each.evaluation is None:
            yield f"Asking the model of {each.name} ({number} of {total})"
            each.evaluated(studio.corpus, studio.judge)
    for number, (future, who) in enumerate(futures, start=len(runs) + 1):
        while future is not None and not future.done():
            yield f"Asking {who} ({number} of {total})"
            time.sleep(WAIT_SECONDS)
        if future is not None:
            future.result()


def known(future: Future[Evaluation] | None) -> Evaluation | None:
    """The evaluation, if it is there; None while it is computed."""
    return future.result() if future is not None and future.done() else None


def side_by_side(before: Evaluation | None, after: Evaluation, beside: Evaluation | None) -> list[Asked]:
    """(before, after, beside) for every question, in the order they were asked."""
    if before is None:
        raise ValueError("The original model's answers are not there yet: try again in a few seconds.")
    thirds = beside.answers if beside is not None else (None,) * len(after.answers)
    return list(zip(before.answers, after.answers, thirds, strict=True))
