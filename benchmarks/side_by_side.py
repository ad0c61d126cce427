"""Two ways to do the same thing, timed in turns in one process: a ratio and its spread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


def seconds_of(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@dataclass(frozen=True)
class Ratio:
    """Times of two things done in turns, and how many times longer the second took.

    Attributes:
        what: "the first / the second" in words.
        first, second: wall-clock seconds, one of each in every round.
    """

    what: str
    first: tuple[float, ...]
    second: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """second / first of each round: what slowed a whole round down cancels."""
        return tuple(b / a for a, b in zip(self.first, self.second, strict=True))

    @property
    def median(self) -> float:
        return statistics.median(self.ratios)

    def __str__(self) -> str:
        a, b = statistics.median(self.first), statistics.median(self.second)
        return (
            f"{self.what:<72}{a:>9.3f} s {b:>9.3f} s   x {self.median:.2f} "
            f"({min(self.ratios):.2f} to {max(self.ratios):.2f}, n = {len(self.ratios)})"
        )


def side_by_side(what: str, first: Callable[[], object], second: Callable[[], object], rounds: int) -> Ratio:
    """Time both in turns, after a round that is not counted."""
    first(), second()
    times = [(seconds_of(first), seconds_of(second)) for _ in range(rounds)]
    return Ratio(what, tuple(a for a, _ in times), tuple(b for _, b in times))
