"""One arm under one seed: trained, and measured along the way."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from attribution import ScoreOptions
from attribution.files import write_atomically
from attribution.model.language_model import LanguageModel
from unlearn.arms.arm import Arm
from unlearn.arms.measure import Measure, Sums
from unlearn.data.corpus import Corpus
from unlearn.metrics import RETAIN_ROWS, Judge
from unlearn.metrics.forget_quality import forget_quality
from unlearn.metrics.sense import JUDGED
from unlearn.metrics.truth_ratio import log_probabilities_with_wrong, truth_ratio
from unlearn.run.adapters import scale_update
from unlearn.run.checkpoints import made_of
from unlearn.run.diagnostics import Diagnostics, update_size
from unlearn.run.loop import Run
from unlearn.run.state import LossNotFiniteError

log = logging.getLogger(__name__)
FIRST_POINT = 5
VERSION = 3


@dataclass(frozen=True)
class Point:
    """A model on its way.

    Attributes:
        step: optimiser steps so far.
        update_size: |delta theta|, the Euclidean distance of all weights from the original's.
        sums: by figure, a sum for each group of rows; over `Trial.counts` it is the figure.
    """

    step: int
    update_size: float
    sums: Sums


@dataclass(frozen=True)
class Trial:
    """One arm under one seed.

    Attributes:
        arm, title, seed: which.
        setup: everything that decides the result, as plain JSON.
        counts: by figure, n for each group of rows: an author, or a row that has none.
        groups: by figure, the names of the groups.
        points: along the run, the original model first; the last one is the result.
        selected, tokens: forget tokens with any weight when the run began, and all of them.
        seconds: training time.
        forget_quality: p, D and n of the KS test of the result's truth ratios against the retrained model's; empty
            where there is no such model.
        note: what a person should know about this trial.
        diagnostics: per step, where asked for.
    """

    arm: str
    title: str
    seed: int
    setup: dict[str, Any]
    counts: Sums
    groups: dict[str, list[str]]
    points: tuple[Point, ...]
    selected: int
    tokens: int
    seconds: float
    forget_quality: dict[str, float] = field(default_factory=dict)
    note: str = ""
    diagnostics: tuple[dict[str, Any], ...] = ()

    def figures(self, point: Point) -> dict[str, float]:
        """Every figure over all groups."""
        return {name: sum(sums) / sum(self.counts[name]) for name, sums in point.sums.items()}

    def save(self, path: Path) -> None:
        """Write all of it, or nothing."""
        with write_atomically(path) as unfinished:
            unfinished.write_text(json.dumps(dataclasses.asdict(self), allow_nan=False), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Trial:
        """Read what `save` wrote. ValueError when it is something else."""
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            points = tuple(Point(**point) for point in record.pop("points"))
            return cls(**{**record, "points": points, "diagnostics": tuple(record["diagnostics"])})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{str(path)!r} holds no trial ({error}): delete it, and it is made again.") from None


def point_steps(steps: int, points: int) -> list[int]:
    """At most `points` step numbers up to the last, denser early, where forgetting is fastest.

    >>> point_steps(80, 6)
    [5, 9, 15, 26, 46, 80]
    """
    spaced = np.geomspace(min(FIRST_POINT, steps), steps, points)
    return sorted({int(step) for step in spaced.round()})


class Bench:
    """Where trials are made: a model, what it is to forget, and how it is measured.

    Attributes:
        model, corpus: of every trial; the model is left as it is.
        reference: the model retrained without the rows to forget, for forget quality; None for none.
        points: how often a run is measured on its way.
        diagnostics: log `unlearn.run.diagnostics` at every step.
        measure: made of `asked`, a corpus with fewer rows to ask; of the whole one unless told. Of the answers to its
            rows to forget at most `judged` are judged, by the model.
    """

    def __init__(
        self,
        model: LanguageModel,
        corpus: Corpus,
        reference: LanguageModel | None = None,
        points: int = 6,
        retain_rows: int = RETAIN_ROWS,
        diagnostics: bool = False,
        asked: Corpus | None = None,
        judged: int = JUDGED,
    ) -> None:
        if points < 2:
            raise ValueError(f"points must be at least 2, not {points}: the first and the last.")
        self.model = model
        self.corpus = corpus
        self.reference = reference
        self.points = points
        self.retain_rows = retain_rows
        self.diagnostics = diagnostics
        self.measure = Measure(asked or corpus, retain_rows, Judge(model, corpus.retain), judged)
        self._original: tuple[dict[str, list[str]], Sums, Sums] | None = None
        self._ratios: list[float] = []

    def setup(self, arm: Arm, seed: int) -> dict[str, Any]:
        """Everything that decides a trial's result, as plain JSON."""
        config = dataclasses.replace(arm.config, seed=seed)
        made = made_of(self.model, self.corpus, config, ScoreOptions(**{"seed": seed, **arm.options}))
        mine = {"trial": VERSION, "points": self.points, "retain_rows": self.retain_rows, "matches": arm.matches}
        return {**made, **mine}

    def trial(self, arm: Arm, seed: int, size: float | None = None) -> Trial:
        """Train and measure.

        Args:
            size: |delta theta| of the arm that this one `matches`, under the same seed.

        Raises:
            ValueError: the size to match is missing, or the run cannot start.
        """
        *_, whole = self.along(arm, seed, size)
        return whole

    def along(
        self, arm: Arm, seed: int, size: float | None = None, begun: Callable[[Run], None] | None = None
    ) -> Iterator[Trial]:
        """The trial as it stands after every step, the whole one last.

        Args:
            size: as `trial`.
            begun: given the run before its first step, to stop it by.
        """
        if arm.matches and size is None:
            raise ValueError(f"{arm.name!r} stops at the update size of {arm.matches!r}: run that one first.")
        config = dataclasses.replace(arm.config, seed=seed)
        job = Run(self.model, self.corpus, config, **arm.options)
        if self.diagnostics:
            job.observer = Diagnostics(job)
        kept = [mark for selection in job.selections for mark in selection.kept]
        if self._original is None:
            self._original = self.measure(self.model)
        groups, sums, counts = self._original
        points, note, setup = [Point(0, 0.0, sums)], "", self.setup(arm, seed)
        if begun is not None:
            begun(job)

        def made(quality: dict[str, float], diagnostics: tuple[dict[str, Any], ...] = ()) -> Trial:
            return Trial(
                arm=arm.name,
                title=arm.title,
                seed=seed,
                setup=setup,
                counts=counts,
                groups=groups,
                points=tuple(points),
                selected=sum(kept),
                tokens=len(kept),
                seconds=job.seconds,
                forget_quality=quality,
                note=note,
                diagnostics=diagnostics,
            )

        due = set(point_steps(config.steps, self.points))
        try:
            for number in _steps(job, size):
                if number in due and not job.stopped:
                    points.append(self._point(job, number))
                yield made({})
        except LossNotFiniteError as error:
            # The run ends here, and what it reached is its result.
            note = str(error)
        if size is not None and not note:
            note = _matched(job, size)
        broken = not math.isfinite(update_size(self.model, job.model))
        if not broken and (size is not None or points[-1].step < len(job.steps)):
            points.append(self._point(job, len(job.steps)))
        diagnostics = tuple(dataclasses.asdict(step.diagnostics) for step in job.steps if step.diagnostics)
        yield made({} if broken else self._forget_quality(job.model), diagnostics)

    def _point(self, job: Run, number: int) -> Point:
        _, sums, _ = self.measure(job.model)
        return Point(number, update_size(self.model, job.model), sums)

    def _forget_quality(self, model: LanguageModel) -> dict[str, float]:
        if self.reference is None or not any(row.perturbed for row in self.corpus.forget):
            return {}
        if not self._ratios:
            self._ratios = _truth_ratios(self.reference, self.corpus)
        mine = _truth_ratios(model, self.corpus)
        distance, p = forget_quality(mine, self._ratios)
        return {"p": p, "d": distance, "n": len(mine)}


def _truth_ratios(model: LanguageModel, corpus: Corpus) -> list[float]:
    return [truth_ratio(*logs) for logs in log_probabilities_with_wrong(model, corpus.forget) if logs is not None]


def _steps(job: Run, size: float | None) -> Iterator[int]:
    """Step numbers of the run; with a size, it ends on the first step where |delta theta| is at least that."""
    for step in job:
        if size is not None and not job.stopped and update_size(job.base, job.model) >= size:
            job.stop()
        yield step.number


def _matched(job: Run, size: float) -> str:
    """Scale delta theta to the size, and say by how much: down a little after a stop, up where a run fell short."""
    have = update_size(job.base, job.model)
    factor = size / have
    scale_update(job.base, job.model, factor)
    if factor > 1:
        return f"|delta theta| was {have:.4g} after the last step: scaled up {factor:.3f} times to {size:.4g}."
    return f"Stopped after step {len(job.steps)}, scaled {factor:.3f} times to |delta theta| {size:.4g}."
