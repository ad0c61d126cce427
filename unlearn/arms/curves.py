"""Arms along their runs: the figure of every draw at every point, and where it crosses a target."""

from __future__ import annotations

from typing import Any

import numpy as np

from unlearn.arms.trial import Trial


class Sample:
    """The bootstrap's draws, the same for every arm: weights of groups `[draws, groups]` and seeds `[draws, seeds]`."""

    def __init__(self, first: Trial, seeds: list[int], draws: int, seed: int) -> None:
        self.generator = np.random.default_rng(seed)
        self.seeds = seeds
        self.draws = draws
        self.forgetting = next(name for name in first.counts if name.startswith("forget_"))
        self.figures = tuple(name for name in first.counts if name != self.forgetting)
        self.drawn_seeds = self.generator.integers(len(seeds), size=(draws, len(seeds)))
        self._by_groups: dict[tuple[str, ...], np.ndarray] = {}
        self.weights = {name: self._weights(tuple(groups)) for name, groups in first.groups.items()}
        self.counts = {name: np.array(counts) for name, counts in first.counts.items()}

    def _weights(self, groups: tuple[str, ...]) -> np.ndarray:
        """How often each group is drawn; figures over the same groups share their draws. The first row is the data."""
        if groups not in self._by_groups:
            drawn = self.generator.multinomial(len(groups), [1 / len(groups)] * len(groups), size=self.draws)
            self._by_groups[groups] = np.vstack([np.ones(len(groups)), drawn]).astype(float)
        return self._by_groups[groups]


class Curves:
    """One arm along its runs, for the data (draw 0) and every draw of groups."""

    def __init__(self, trials: list[Trial], sample: Sample) -> None:
        self.trials = {trial.seed: trial for trial in trials}
        self.sample = sample

    def seeds(self) -> list[int]:
        return [seed for seed in self.sample.seeds if seed in self.trials]

    def figure(self, seed: int, name: str) -> np.ndarray:
        """`[draws + 1, points]`."""
        sums = np.array([point.sums[name] for point in self.trials[seed].points])
        weights = self.sample.weights[name]
        return (weights @ sums.T) / (weights @ self.sample.counts[name])[:, None]

    def groups(self, seed: int, name: str) -> np.ndarray:
        """Each group's own figure, `[groups, points]`."""
        sums = np.array([point.sums[name] for point in self.trials[seed].points])
        return (sums / self.sample.counts[name]).T

    def places(self, seed: int, target: float) -> np.ndarray:
        """Where the forget figure reaches the target, in points from 0, `[draws + 1]`; NaN where it never does."""
        return crossing(self.figure(seed, self.sample.forgetting), target)

    def all_seeds(self, read: Any) -> np.ndarray:
        """`read(seed)`, `[draws + 1]`, for every seed, NaN where this arm lacks it: `[draws + 1, seeds]`."""
        nothing = np.full(self.sample.draws + 1, np.nan)
        return np.stack([read(seed) if seed in self.trials else nothing for seed in self.sample.seeds], axis=1)


def crossing(curves: np.ndarray, target: float) -> np.ndarray:
    """The place, in points from 0, where each curve first is at most the target; in a line from the point before.

    >>> crossing(np.array([[1.0, 0.5, 0.1], [1.0, 0.9, 0.8]]), 0.3)
    array([1.5, nan])
    """
    below = curves <= target
    first = below.argmax(axis=1)
    rows = np.arange(len(curves))
    after, before = curves[rows, first], curves[rows, np.maximum(first - 1, 0)]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(first > 0, (before - target) / (before - after), 1.0)
    return np.where(below.any(axis=1), np.maximum(first - 1, 0) + np.where(first > 0, share, 0.0), np.nan)


def at_place(curves: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Each curve at its place, in a line between points; NaN where there is none. `[n, points]` and `[n]` to `[n]`."""
    known = ~np.isnan(places)
    place = np.where(known, places, 0.0)
    low = np.minimum(np.floor(place).astype(int), curves.shape[1] - 1)
    high = np.minimum(low + 1, curves.shape[1] - 1)
    rows = np.arange(len(curves))
    values = curves[rows, low] + (place - low) * (curves[rows, high] - curves[rows, low])
    return np.where(known, values, np.nan)
