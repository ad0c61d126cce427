"""Evaluation logs as open-unlearning writes them: `*_EVAL.json` with a value per row, `*_SUMMARY.json` with aggregates.

A log is `{metric: {"agg_value": number, "value_by_index": {row: {value: number}}}}`, a summary `{metric: number}`. What
their code aggregates is aggregated here again, so that a figure is trusted because it follows from its rows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from unlearn.metrics.membership import membership_auc
from unlearn.metrics.model_utility import model_utility

AGREES = 1e-6
"""Largest difference between a stated aggregate and the one made from its rows."""

EPSILON = 1e-10
"""What their code adds to whatever it divides by."""

MOST_BYTES = 256_000_000
"""Of a file that is read whole; the log of 400 rows with every answer has about three million."""

MOST_METRICS = 1000
"""Of a log: a table of more would be no table. Theirs have dozens."""

WRONG_OVER_RIGHT = "P_wrong / P_right"
SHARE_OF_RIGHT = "P_right / (P_right + P_wrong)"
TRUTH_RATIO = "forget_truth_ratio"
UTILITY = tuple(
    f"{split}_{part}"
    for split, parts in (
        ("retain", ("Q_A_Prob", "Q_A_ROUGE", "Truth_Ratio")),
        ("ra", ("Q_A_Prob_normalised", "Q_A_ROUGE", "Truth_Ratio")),
        ("wf", ("Q_A_Prob_normalised", "Q_A_ROUGE", "Truth_Ratio")),
    )
    for part in parts
)
"""The nine figures whose harmonic mean is their `model_utility`."""

# What no row should hold makes a figure that no row should give, and is told as one; numpy need not warn of it.
BEYOND = np.errstate(over="ignore", divide="ignore", invalid="ignore")

Values = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Metric:
    """One entry of a log.

    Attributes:
        aggregate: the stated `agg_value`; None where there is none, or it is no number.
        rows: by row, its numbers by name; a list of them, one an answer, by its mean.
        parts: `forget` and `holdout` rows of a membership attack.
        empty: rows without a number.
    """

    aggregate: float | None
    rows: Values = field(default_factory=dict)
    parts: Mapping[str, Values] = field(default_factory=dict)
    empty: int = 0

    def column(self, name: str) -> np.ndarray:
        """The values of that name, `[rows that have it]`, in the order of the file."""
        return np.array([values[name] for values in self.rows.values() if name in values])


class Recomputed(NamedTuple):
    """An aggregate made from its rows: by which way, and whether it is the stated one within `AGREES`."""

    value: float
    way: str
    agrees: bool


@dataclass(frozen=True)
class Log:
    """A log, or a summary, whose metrics have no rows."""

    name: str
    metrics: Mapping[str, Metric]

    @cached_property
    @BEYOND
    def normalisation(self) -> tuple[str, str]:
        """What a row's truth ratio is in this log, which has changed between their versions, and how that was found.

        Told by the answers' own losses where they are logged, else by whether a value is above 1.
        """
        scores = self.metrics[TRUTH_RATIO].rows
        right, wrong = (self.metrics.get(f"forget_Q_A_{kind}_Prob") for kind in ("PARA", "PERT"))
        if right and wrong:
            shared = [row for row in scores if all("avg_loss" in part.rows.get(row, {}) for part in (right, wrong))]
            losses = [[part.rows[row]["avg_loss"] for row in shared] for part in (right, wrong)]
            stated = np.array([scores[row].get("score", np.nan) for row in shared])
            p_right, p_wrong = np.exp(-np.array(losses))
            for kind, made in (
                (WRONG_OVER_RIGHT, p_wrong / (p_right + EPSILON)),
                (SHARE_OF_RIGHT, p_right / (p_right + p_wrong + EPSILON)),
            ):
                if shared and np.allclose(made, stated, rtol=1e-4, atol=AGREES):
                    return kind, "as the answers' losses give it"
        if self.metrics[TRUTH_RATIO].column("score").max() > 1:
            return WRONG_OVER_RIGHT, "since some are above 1"
        # Below 1 min(R, 1/R) is R, so that the aggregate does not tell. As ratios they would be those of a model that
        # favours the right answer in every row.
        return SHARE_OF_RIGHT, "since none is above 1"

    def truth_ratios(self) -> dict[str, float]:
        """R = P_wrong / P_right of every row to forget that has one, by row; whichever of the two the log holds.

        From s = P_right / (P_right + P_wrong), R = 1 / s - 1; no more than 1 / `EPSILON`, as in their code.

        Raises:
            ValueError: the log holds no truth ratios row by row.
        """
        metric = self.metrics.get(TRUTH_RATIO)
        found = {row: values["score"] for row, values in metric.rows.items() if "score" in values} if metric else {}
        if not found:
            raise ValueError(
                f"{self.name} has no truth ratio of any row to forget ({TRUTH_RATIO}, value_by_index): name an "
                "evaluation log (*_EVAL.json) that has."
            )
        if self.normalisation[0] == SHARE_OF_RIGHT:
            found = {row: 1 / max(share, EPSILON) - 1 for row, share in found.items()}
        return {row: min(max(ratio, 0.0), 1 / EPSILON) for row, ratio in found.items()}

    @BEYOND
    def recomputed(self, name: str) -> Recomputed | None:
        """The aggregate of a metric from its rows, by the way of theirs that gives the stated one, else the first.

        None for what has no rows, or is made of two logs (forget quality, PrivLeak).
        """
        found = [Recomputed(value, way, self._agrees(name, value)) for value, way in self._ways(name)]
        return next((one for one in found if one.agrees), found[0] if found else None)

    def _agrees(self, name: str, value: float) -> bool:
        stated = self.metrics[name].aggregate
        return stated is not None and _close(value, stated)

    def _ways(self, name: str) -> Iterator[tuple[float, str]]:
        metric = self.metrics[name]
        if name == "model_utility":
            parts = [self.metrics[part].aggregate for part in UTILITY if part in self.metrics]
            known = [part for part in parts if part is not None]
            if len(known) == len(UTILITY):
                yield model_utility(known), "harmonic mean of the nine"
            return
        if metric.parts:
            mine, others = (
                np.array([values["score"] for values in metric.parts[part].values() if "score" in values])
                for part in ("forget", "holdout")
            )
            if len(mine) and len(others):
                # Their scores are losses: low for what was trained on.
                yield membership_auc(-mine, -others), "AUC of forget against holdout"
            return
        if "truth_ratio" in name.lower():
            values = metric.column("score")
            aggregates = AGGREGATES if name == TRUTH_RATIO else AGGREGATES[::-1]
            yield from ((way(values), said) for way, said in aggregates if len(values))
            return
        for value in ("prob", "rougeL_recall", "rougeL_f1", "rouge1_recall", "score"):
            if len(column := metric.column(value)):
                yield float(column.mean()), MEAN if value == "score" else f"mean of {value}"


MEAN = "mean"


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=AGREES, abs_tol=AGREES)


def _closer_to_one(ratios: np.ndarray) -> float:
    return float(np.minimum(ratios, 1 / (ratios + EPSILON)).mean())


def _true_better(ratios: np.ndarray) -> float:
    return float(np.maximum(0, 1 - ratios).mean())


def _mean(shares: np.ndarray) -> float:
    return float(shares.mean())


AGGREGATES: Sequence[tuple[Callable[[np.ndarray], float], str]] = (
    (_closer_to_one, "mean of min(R, 1/R)"),
    (_mean, MEAN),
    (_true_better, "mean of max(0, 1 - R)"),
)
"""Their three ways to aggregate a truth ratio: `closer_to_1_better`, `prob_mean` and `true_better`."""


# Reading -------------------------------------------------------------------------------------------------------------


def read_log(path: Path, most_bytes: int = MOST_BYTES) -> Log:
    """An evaluation log, or a summary.

    Raises:
        ValueError: the file cannot be read, is too large or no JSON, or holds no metric in either layout.
    """
    try:
        size = path.stat().st_size
        text = path.read_text(encoding="utf-8-sig") if size <= most_bytes else ""
    except OSError as error:
        raise ValueError(f"The log {path.name!r} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name!r} is no UTF-8 text: name a *_EVAL.json or *_SUMMARY.json.") from error
    if size > most_bytes:
        raise ValueError(f"{path.name!r} is larger than {most_bytes // 10**6} MB: an evaluation log is smaller.")
    try:
        found = json.loads(text)
    except (RecursionError, ValueError) as error:
        raise ValueError(f"{path.name!r} is no JSON: name a *_EVAL.json or *_SUMMARY.json of an evaluation.") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path.name!r} is JSON, but no log: an object with a metric under each name is needed.")
    if len(found) > MOST_METRICS:
        raise ValueError(f"{path.name!r} has {len(found):,} entries: a log has a metric in each, and dozens of them.")
    metrics = {_shown(name): metric for name, entry in found.items() if (metric := _metric(entry)) is not None}
    if not metrics:
        raise ValueError(
            f"{path.name!r} holds no metric: an evaluation log has numbers, or objects with agg_value, by metric."
        )
    return Log(path.name, metrics)


def _shown(name: str) -> str:
    """A name that can be printed: nothing in it moves a terminal's cursor."""
    return "".join(character if character.isprintable() else "?" for character in name[:80])


def _metric(entry: Any) -> Metric | None:
    """The metric in an entry; None where it is none."""
    if not isinstance(entry, dict):
        number = _number(entry)
        return None if number is None else Metric(number)
    if "agg_value" not in entry and "value_by_index" not in entry:
        return None
    rows, empty = _rows(entry.get("value_by_index"))
    parts = {}
    for part in ("forget", "holdout"):
        inner = entry.get(part)
        parts[part] = _rows(inner.get("value_by_index") if isinstance(inner, dict) else None)[0]
    return Metric(_number(entry.get("agg_value")), rows, parts if all(parts.values()) else {}, empty)


def _rows(found: Any) -> tuple[dict[str, dict[str, float]], int]:
    """The numbers of every row that has some, and how many have none."""
    if not isinstance(found, dict):
        return {}, 0
    rows = {}
    for row, values in found.items():
        named = values.items() if isinstance(values, dict) else ()
        numbers = {name: number for name, value in named if (number := _number(value)) is not None}
        if numbers:
            rows[str(row)] = numbers
    return rows, len(found) - len(rows)


def _number(value: Any) -> float | None:
    """A finite number, or the mean of a list of some."""
    if isinstance(value, list):
        numbers = [_number(one) for one in value if not isinstance(one, list)]
        known = [number for number in numbers if number is not None]
        # Divided first: a sum of large numbers may be no number.
        return sum(number / len(known) for number in known) if value and len(known) == len(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
