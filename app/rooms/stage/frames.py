"""What a run shows on the stage, as plain JSON types: everything that is known, so that any frame can be the first.

{"phase": "queued" | "waiting" | "training" | "done" | "stopped", "run": its number, "replay 1", "prepared X" or None,
 "row": the id of the row asked, "question": str, "step": int, "of": int, "left": "8 s", "note": one sentence,
 "warned": bool, "before": str or None, "samples": [[step, answer], ...], "points": [[step, forgotten, kept], ...],
 "instead": [[[text, p], ...], ...] or None, "prepared": True on a run of the gallery alone}

Forgotten is the share of the facts recalled before that are recalled no more, kept the share of the facts to keep that
still are; both in [0, 1], None where the rows mark no facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.look.markup import describe, duration
from app.server.line import Place
from app.visit.session import KeptRun, Training, Visit
from app.visit.studio import MOST_ALTERNATIVES, MOST_TOKENS_WITH_ALTERNATIVES, Studio
from assets.gallery.prepared import Prepared
from attribution.lanes import listed
from unlearn import Step
from unlearn.metrics import Probe, latest, what_is_lost
from unlearn.replay import Replay, points_of

Frame = dict[str, Any]


def waiting_frame(visit: Visit, place: Place) -> Frame:
    """A run that waits for others to end."""
    first = "1 other run comes first" if place.before == 1 else f"{place.before} other runs come first"
    ends = "" if place.seconds is None else f" Yours ends in about {duration(place.seconds)}."
    return {
        "phase": "queued",
        "run": None,
        "row": visit.scores.example.id if visit.scores else visit.studio.opening.example.id,
        "question": "",
        "step": 0,
        "of": 1,
        "before": None,
        "samples": [],
        "points": [],
        "left": "",
        "note": f"{first if place.before else 'Yours is next'}.{ends} You can look around meanwhile.",
        "warned": False,
    }


def training_frame(training: Training, studio: Studio) -> Frame:
    """A run while it trains, or before its first step."""
    steps = training.steps
    lost = what_is_lost(training.before, latest([step.probe for step in steps]))
    frame = _frame(training, training.before, steps, studio)
    if not steps:
        note = "Scoring every row to forget, then the steps begin."
    else:
        note = lost or describe(training.config) + _uncounted(training.before)
    return {
        **frame,
        "phase": "training" if steps else "waiting",
        "run": None,
        "left": duration(steps[-1].seconds_left) if steps else "",
        "note": note,
        "warned": bool(lost),
    }


def kept_frame(kept: KeptRun | None, studio: Studio, instead: bool = False) -> Frame | None:
    """A run that has ended; None where there is none.

    Args:
        instead: with what its model would say at each token of the row that it was asked, as `lanes_props` has it.
    """
    if kept is None:
        return None
    example = studio.corpus.forget[kept.row].example
    fits = instead and len(studio.model.encode(example)) <= MOST_TOKENS_WITH_ALTERNATIVES
    lost = what_is_lost(kept.before, latest([step.probe for step in kept.steps[: kept.stands_at]]))
    how = "stopped early, the model is kept as it was then" if kept.stopped else "done"
    at = "" if kept.rolled_back_to is None else f", back at step {kept.rolled_back_to}"
    done = f"{describe(kept.config)}; {how}{at}, in {duration(kept.seconds)}.{_uncounted(kept.before)}"
    return {
        **_frame(kept, kept.before, kept.steps[: kept.stands_at], studio),
        "phase": "stopped" if kept.stopped else "done",
        "run": kept.number,
        "left": "",
        "note": lost or f"{kept.name}: {done}",
        "warned": bool(lost),
        "instead": listed(kept.alternatives(example, MOST_ALTERNATIVES).as_is) if fits else None,
    }


def replay_frame(replay: Replay, studio: Studio, number: int) -> Frame:
    """A run of somebody's that made the visit's model, as `kept_frame` shows one of the visit's own.

    Args:
        number: no two frames that are to be played have the same.
    """
    instead = studio.alternatives(replay.example)
    said = listed(instead.as_is) if instead else None
    return _played(replay, f"replay {number}", f"A replay. {replay.note}", said)


def prepared_frame(prepared: Prepared) -> Frame:
    """A run of the gallery, by what lies in its file. `prepared` tells the stage that it is none of the visitor's."""
    replay = prepared.replay
    at = f"Made beforehand: {replay.note}"
    return {**_played(replay, f"prepared {prepared.wanted.name}", at, prepared.after), "prepared": True}


def _played(replay: Replay, run: str, note: str, instead: list[Any] | None) -> Frame:
    return {
        "row": replay.example.id,
        "question": replay.example.prompt,
        "step": replay.steps,
        "of": replay.of,
        "before": replay.before,
        "samples": [list(sample) for sample in replay.samples],
        "points": [list(point) for point in replay.points],
        "phase": "stopped" if replay.stopped else "done",
        "run": run,
        "left": "",
        "note": note,
        "warned": replay.warned,
        "instead": instead,
    }


def _frame(run: Training | KeptRun, before: Probe | None, steps: Sequence[Step], studio: Studio) -> Frame:
    example = studio.corpus.forget[run.row].example
    last = len(steps)
    return {
        "row": example.id,
        "question": example.prompt,
        "step": last,
        "of": run.config.steps,
        # Asked only once the run has begun: the answer is made by then.
        "before": studio.answer_before(run.row) if steps else "",
        "samples": [[sample.step, sample.answer] for sample in run.samples if sample.step <= last],
        "points": [list(point) for point in points_of(before, steps)],
    }


def _uncounted(before: Probe | None) -> str:
    """Why there is no line of what is forgotten, as a sentence to be added; empty where there is one."""
    if before is None or before.forget_recall:
        return ""
    if before.forget_recall is None:
        return " No facts are marked in these rows, so nothing can be counted: read the answers."
    return " The model gave none of these facts before, so there is nothing to count."
