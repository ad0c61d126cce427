"""Arms against each other at equal forgetting, with intervals and paired tests.

Every arm is read along its run: at the first point whose forget figure is at most the target, interpolated in a line
from the point before. An arm that never gets there is said to.

Intervals: percentile bootstrap over two levels at once, seeds and groups of rows (authors; rows that have none). Groups
are drawn once for all arms, and seeds too, so differences between arms are paired.

Tests: two-sided paired permutation over groups (`scipy.stats.permutation_test`) of the mean difference, each group's
figure averaged over the seeds that both arms share. Over seeds a test could not fall below 0.0625 with five of them, so
how many seeds go which way is counted instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import permutation_test

from unlearn.arms.curves import Curves, Sample, at_place
from unlearn.arms.trial import Trial

DRAWS = 2000
SPLITS = ("paraphrase", "retain", "world")


@dataclass(frozen=True)
class Interval:
    """A figure, its 95% interval, and over how many seeds; None where there is nothing to take it over."""

    value: float | None
    low: float | None
    high: float | None
    seeds: int

    def __str__(self) -> str:
        if self.value is None or self.low is None:
            return "-"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Difference:
    """An arm less the reference at equal forgetting.

    Attributes:
        interval: of the difference, over the seeds in which both arms got there.
        p: of the paired permutation test over groups; None where there is nothing to test.
        groups: how many groups the test had.
        better_seeds: in how many seeds the reference is ahead (a higher figure).
    """

    interval: Interval
    p: float | None
    groups: int
    better_seeds: int


@dataclass(frozen=True)
class AtTarget:
    """An arm at one forgetting target.

    Attributes:
        reached: in how many seeds it got there.
        step, update_size: where, on average over these.
        figures: by name.
        against: by name, this arm less the reference.
    """

    target: float
    reached: int
    step: float | None
    update_size: float | None
    figures: dict[str, Interval]
    against: dict[str, Difference]


@dataclass(frozen=True)
class ArmResult:
    """What is said of one arm.

    Attributes:
        lowest: of the forget figure along each run, the mean over seeds.
        final: figures after the last step.
        forget_quality: mean p, smallest and largest p, mean D and n after the last step.
        notes: of single trials.
    """

    arm: str
    title: str
    seeds: tuple[int, ...]
    selected_share: float
    lowest: float
    update_size: float
    seconds: float
    final: dict[str, Interval]
    forget_quality: dict[str, float]
    at: tuple[AtTarget, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """The arms of one experiment, the reference first."""

    reference: str
    forgetting: str
    figures: tuple[str, ...]
    targets: tuple[float, ...]
    arms: tuple[ArmResult, ...]
    original: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)


def compare(
    trials: Sequence[Trial], reference: str, targets: Sequence[float] = (0.1,), draws: int = DRAWS, seed: int = 0
) -> Comparison:
    """Hold trials against each other.

    Args:
        trials: of any arms and seeds, on one model and one corpus.
        reference: the arm that differences are taken against.
        targets: values of the forget figure at which arms are read.
        draws: of the bootstrap and of the permutation test.

    Raises:
        ValueError: no trial of the reference, or a target outside (0, 1).
    """
    outside = [target for target in targets if not 0 < target < 1]
    if outside or not targets:
        raise ValueError(f"A target is a share of what is recalled, between 0 and 1, not {outside or 'nothing'}.")
    by_arm: dict[str, list[Trial]] = {}
    for trial in trials:
        by_arm.setdefault(trial.arm, []).append(trial)
    if reference not in by_arm:
        raise ValueError(f"There is no trial of the reference {reference!r}: choose from {', '.join(by_arm)}.")
    names = [reference, *(name for name in by_arm if name != reference)]
    sample = Sample(by_arm[reference][0], sorted({t.seed for t in trials}), draws, seed)
    curves = {name: Curves(by_arm[name], sample) for name in names}
    first = by_arm[reference][0]
    original = first.figures(first.points[0])
    late = [target for target in targets if original[sample.forgetting] <= target]
    if late:
        raise ValueError(
            f"{late[0]:g} is no target: the original model's {sample.forgetting} is {original[sample.forgetting]:.3f} "
            "already. Name a lower one."
        )
    results = [_result(curves[name], curves[reference], tuple(targets), sample) for name in names]
    return Comparison(reference, sample.forgetting, sample.figures, tuple(targets), tuple(results), original)


def _result(arm: Curves, reference: Curves, targets: tuple[float, ...], sample: Sample) -> ArmResult:
    trials = [arm.trials[seed] for seed in arm.seeds()]
    names = (sample.forgetting, *sample.figures)
    final = {name: _interval(arm.all_seeds(lambda s, n=name: arm.figure(s, n)[:, -1]), sample) for name in names}
    lowest = [min(t.figures(point)[sample.forgetting] for point in t.points) for t in trials]
    return ArmResult(
        arm=trials[0].arm,
        title=trials[0].title,
        seeds=tuple(arm.seeds()),
        selected_share=float(np.mean([t.selected / t.tokens for t in trials])),
        lowest=float(np.mean(lowest)),
        update_size=float(np.mean([t.points[-1].update_size for t in trials])),
        seconds=float(np.mean([t.seconds for t in trials])),
        final=final,
        forget_quality=_quality(trials),
        at=tuple(_at_target(arm, reference, target, sample) for target in targets),
        notes=tuple(f"seed {t.seed}: {t.note}" for t in trials if t.note),
    )


def _quality(trials: Sequence[Trial]) -> dict[str, float]:
    known = [t.forget_quality for t in trials if t.forget_quality]
    if not known:
        return {}
    p = [one["p"] for one in known]
    return {
        "p_mean": float(np.mean(p)),
        "p_low": min(p),
        "p_high": max(p),
        "d": float(np.mean([one["d"] for one in known])),
        "n": known[0]["n"],
    }


def _at_target(arm: Curves, reference: Curves, target: float, sample: Sample) -> AtTarget:
    places = {seed: arm.places(seed, target) for seed in arm.seeds()}
    reached = [seed for seed, place in places.items() if not np.isnan(place[0])]
    figures, against = {}, {}
    for name in sample.figures:
        mine = arm.all_seeds(lambda s, n=name: at_place(arm.figure(s, n), places[s]))
        figures[name] = _interval(mine, sample)
        if arm is not reference:
            theirs = reference.all_seeds(
                lambda s, n=name: at_place(reference.figure(s, n), reference.places(s, target))
            )
            against[name] = _difference(arm, reference, name, target, mine - theirs, sample)
    steps, sizes = [], []
    for seed in reached:
        points = arm.trials[seed].points
        where = places[seed][:1]
        steps.append(at_place(np.array([[float(p.step) for p in points]]), where)[0])
        sizes.append(at_place(np.array([[p.update_size for p in points]]), where)[0])
    return AtTarget(
        target=target,
        reached=len(reached),
        step=float(np.mean(steps)) if reached else None,
        update_size=float(np.mean(sizes)) if reached else None,
        figures=figures,
        against=against,
    )


def _interval(values: np.ndarray, sample: Sample) -> Interval:
    """Of `[draws + 1, seeds]`, the first row the data's, the others with redrawn groups; seeds are redrawn here."""
    data = values[0][~np.isnan(values[0])]
    if not len(data):
        return Interval(None, None, None, 0)
    drawn = np.take_along_axis(values[1:], sample.drawn_seeds, axis=1)
    known = (~np.isnan(drawn)).sum(axis=1)
    means = np.nansum(drawn, axis=1)[known > 0] / known[known > 0]
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(data.mean()), float(low), float(high), len(data))


def _difference(
    arm: Curves, reference: Curves, name: str, target: float, differences: np.ndarray, sample: Sample
) -> Difference:
    interval = _interval(differences, sample)
    both = [seed for i, seed in enumerate(sample.seeds) if not np.isnan(differences[0, i])]
    if not both:
        return Difference(interval, None, 0, 0)

    def by_group(curves: Curves) -> np.ndarray:
        found = []
        for seed in both:
            groups = curves.groups(seed, name)
            found.append(at_place(groups, np.repeat(curves.places(seed, target)[:1], len(groups))))
        return np.mean(found, axis=0)

    mine, theirs = by_group(arm), by_group(reference)
    p = 1.0
    if len(mine) > 1 and np.any(mine != theirs):
        test = permutation_test(
            (mine, theirs),
            lambda a, b, axis: np.mean(a - b, axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=10_000,
            rng=sample.generator,
        )
        p = float(test.pvalue)
    ahead = int(np.nansum(differences[0] < 0))
    return Difference(interval, p, len(mine), ahead)
