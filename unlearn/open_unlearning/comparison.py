"""Two evaluation logs side by side: how far apart their truth ratios are, and every aggregate that both have."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from scipy.stats import ks_2samp

from unlearn.metrics import metric_info
from unlearn.metrics.forget_quality import forget_quality
from unlearn.metrics.privleak import privleak
from unlearn.open_unlearning.logs import AGREES, SHARE_OF_RIGHT, TRUTH_RATIO, Log
from unlearn.open_unlearning.names import COUNTERPARTS

ALIKE = 0.05
"""The p-value above which two samples of truth ratios are said to be alike, as TOFU does."""


@dataclass(frozen=True)
class Distance:
    """The two-sample Kolmogorov-Smirnov test between the truth ratios of two logs.

    Attributes:
        d: largest distance between the two distributions of R, in [0, 1].
        p: of the test, which is TOFU's forget quality where one of the two is the retrained model.
        n, against: rows of the first and of the second log.
        higher: whether the first log's ratios are the higher ones where the two are furthest apart.
    """

    d: float
    p: float
    n: int
    against: int
    higher: bool


@dataclass(frozen=True)
class Line:
    """One metric of both logs; `better` is `lower`, `higher`, `toward 0.5`, or empty for what is not known here."""

    name: str
    first: float
    second: float
    better: str


@dataclass(frozen=True)
class Comparison:
    """What two logs, A and B, say of each other.

    Attributes:
        first, second: their names.
        distance: None where one of them has no truth ratio by row.
        lines: the aggregates that both have, in the order of the first.
        notes: which normalisation was found, and what does not follow from its rows.
    """

    first: str
    second: str
    distance: Distance | None
    lines: tuple[Line, ...]
    notes: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What the distance means, for a person."""
        found = self.distance
        if found is None:
            return "The truth ratios cannot be compared: that takes a log with values by row (*_EVAL.json) of both."
        numbers = f"D = {found.d:.4f}, p = {found.p:.3g}, n = {found.n:,} and {found.against:,}"
        if found.p > ALIKE:
            return f"The truth ratios of the two cannot be told apart with this many rows ({numbers})."
        how, whom = ("higher", "less") if found.higher else ("lower", "more")
        return (
            f"The truth ratios of the two can be told apart ({numbers}): A's are {how}, so it favours the right answer "
            f"over wrong ones {whom} than B does."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {**dataclasses.asdict(self), "sentence": self.sentence}


def compare_logs(first: Log, second: Log) -> Comparison:
    """The two-sample test on truth ratios, every shared aggregate, and what is to be known about both.

    Ratios are compared as R = P_wrong / P_right whichever form a log holds: the test gives the same D and p for both
    forms, since one falls where the other rises.

    Raises:
        ValueError: the two have no metric in common.
    """
    shared = [name for name in first.metrics if name in second.metrics]
    if not shared:
        raise ValueError(
            f"{first.name!r} and {second.name!r} have no metric in common: name two logs of the same benchmark."
        )
    notes: list[str] = []
    names = first.name, second.name
    # Most logs are called TOFU_EVAL.json.
    first, second = dataclasses.replace(first, name="A"), dataclasses.replace(second, name="B")
    distance = _distance(first, second, notes)
    for log in (first, second):
        notes += _unlike_their_rows(log)
    notes += _of_both(first, second, distance)
    lines = []
    for name in shared:
        a, b = first.metrics[name].aggregate, second.metrics[name].aggregate
        if a is not None and b is not None:
            lines.append(Line(name, a, b, _better(name, first, second)))
    return Comparison(*names, distance, tuple(lines), tuple(notes))


def _better(name: str, first: Log, second: Log) -> str:
    """Which way is good. An aggregate of the other form of truth ratio falls where ours rises."""
    known = COUNTERPARTS.get(name)
    if known is None:
        return ""
    if name == TRUTH_RATIO and all(log.metrics[name].column("score").size for log in (first, second)):
        forms = {log.normalisation[0] for log in (first, second)}
        if SHARE_OF_RIGHT in forms:
            return "lower" if len(forms) == 1 else "not comparable: two forms"
    return metric_info(known.figure).direction


def _distance(first: Log, second: Log, notes: list[str]) -> Distance | None:
    try:
        mine, theirs = first.truth_ratios(), second.truth_ratios()
    except ValueError as error:
        notes.append(str(error))
        return None
    for log, ratios in ((first, mine), (second, theirs)):
        kind, why = log.normalisation
        notes.append(f"In {log.name} a truth ratio is {kind}, {why}.")
        without = len(log.metrics[TRUTH_RATIO].rows) + log.metrics[TRUTH_RATIO].empty - len(ratios)
        if without:
            notes.append(f"{without:,} rows of {log.name} have no truth ratio and were left out.")
    if mine.keys() != theirs.keys():
        alone = len(mine.keys() ^ theirs.keys())
        notes.append(f"The two were measured on other rows: {alone:,} row numbers stand in one of them alone.")
    values, against = list(mine.values()), list(theirs.values())
    d, p = forget_quality(values, against)
    # The sign is + where the first distribution has risen further: its values are the lower ones there.
    sign = ks_2samp(values, against, method="auto").statistic_sign
    return Distance(d, p, len(values), len(against), bool(sign < 0))


def _unlike_their_rows(log: Log) -> list[str]:
    """Aggregates that do not follow from the rows beside them."""
    found = []
    for name, metric in log.metrics.items():
        made = log.recomputed(name)
        if made and metric.aggregate is not None and not made.agrees:
            found.append(
                f"{name} of {log.name} is stated as {metric.aggregate:.6g}, but its rows give {made.value:.6g} "
                f"({made.way})."
            )
    return found


def _of_both(first: Log, second: Log, distance: Distance | None) -> list[str]:
    """Figures of one log that are made with the other: forget quality and PrivLeak, where the other is the one."""
    found = []
    for log, other in ((first, second), (second, first)):
        stated = {name: metric.aggregate for name, metric in log.metrics.items()}
        quality, leak = stated.get("forget_quality"), stated.get("privleak")
        if quality is not None and distance is not None:
            follows = abs(quality - distance.p) <= AGREES
            found.append(_made_with(log, other, "forget quality", quality, distance.p, follows))
        mine, theirs = (
            one.metrics["mia_min_k"].aggregate if "mia_min_k" in one.metrics else None for one in (log, other)
        )
        if leak is not None and mine is not None and theirs is not None and theirs < 1:
            made = privleak(mine, theirs)
            # Theirs divides by 1 - AUC + 1e-10.
            found.append(_made_with(log, other, "PrivLeak", leak, made, abs(leak - made) <= 1e-4 * max(1, abs(made))))
    return found


def _made_with(log: Log, other: Log, figure: str, stated: float, made: float, follows: bool) -> str:
    if follows:
        return f"The {figure} that {log.name} states, {stated:.4g}, is the one against {other.name}."
    return (
        f"The {figure} that {log.name} states, {stated:.4g}, was made against another log: against {other.name} "
        f"it is {made:.4g}."
    )
