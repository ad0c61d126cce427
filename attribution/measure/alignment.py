"""Scores against ground truth, and scores against each other.

A token is positive when it lies in a fact span, negative when it lies in none. Subject tokens are left out by default:
the prompt gives them, so they are neither knowledge nor grammar. A row counts when it has tokens of both classes.

Everything here reads `TokenScores` alone, so that words pooled from tokens are measured in the same way. The figures of
one row are scikit-learn's, to the last digits (a test holds them to it), in a thirtieth of its time: there is one for
every row and scorer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import rankdata

from attribution.scores import TokenScores
from attribution.selection import Rule, weights

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_CUT = 0.3


@dataclass(frozen=True)
class Agreement:
    """Mean, sample standard deviation (0 for one row) and number of rows of a figure taken row by row."""

    mean: float
    sd: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Agreement:
        """ValueError when there is no value."""
        if not len(values):
            raise ValueError("There is no row to take a mean over.")
        return cls(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0, len(values))


@dataclass(frozen=True)
class Alignment:
    """How one scorer's column agrees with ground truth; every figure lies in [0, 1], higher is better.

    The first five are means over rows; the `pooled_` figures put the tokens of all rows in one pot. Precision, recall
    and F1 are those of the selection at the cut. An AUROC of 0.5 is chance; the average precision of chance is the
    share of fact tokens, `pooled_fact_share`.
    """

    scorer: str
    auroc: Agreement
    average_precision: Agreement
    precision: Agreement
    recall: Agreement
    f1: Agreement
    pooled_auroc: float
    pooled_average_precision: float
    pooled_precision: float
    pooled_recall: float
    pooled_f1: float
    pooled_fact_share: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


# Figures of plain arrays ---------------------------------------------------------------------------------------------


def auroc(truth: np.ndarray, values: np.ndarray) -> float:
    """The chance that a positive scores above a negative, ties half: (R - n1 (n1 + 1) / 2) / (n1 n0), in [0, 1].

    Args:
        truth: which tokens are positive, bool `[n]`.
        values: scores, `[n]`.

    Raises:
        ValueError: one of the two classes is missing.
    """
    positives, negatives = _both_classes(truth)
    rank_sum = float(rankdata(values)[truth].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def average_precision(truth: np.ndarray, values: np.ndarray) -> float:
    """sum_k (recall_k - recall_(k-1)) precision_k over distinct scores, high to low, in [0, 1]; equal scores enter
    together. Arguments and errors as for `auroc`."""
    positives, _ = _both_classes(truth)
    order = np.argsort(-values, kind="stable")
    last_of_its_score = np.append(np.diff(values[order]) != 0, True)
    hits = np.cumsum(truth[order])[last_of_its_score]
    taken = np.flatnonzero(last_of_its_score) + 1
    return float((np.diff(hits, prepend=0) / positives * hits / taken).sum())


def precision_recall_f1(truth: np.ndarray, kept: np.ndarray) -> tuple[float, float, float]:
    """Precision, recall and F1 of a kept set, bool `[n]` each; 0 where the denominator is 0."""
    hits = float((truth & kept).sum())
    precision = hits / kept.sum() if kept.any() else 0.0
    recall = hits / truth.sum() if truth.any() else 0.0
    return float(precision), float(recall), float(2 * precision * recall / (precision + recall)) if hits else 0.0


def _both_classes(truth: np.ndarray) -> tuple[int, int]:
    positives = int(truth.sum())
    if not 0 < positives < len(truth):
        raise ValueError("Both classes are needed: fact tokens and others.")
    return positives, len(truth) - positives


# Against ground truth ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LabelledRow:
    """A row with what every scorer's alignment reads of it: which tokens count, which are facts, which may be kept."""

    scores: TokenScores
    counted: np.ndarray
    truth: np.ndarray
    eligible: tuple[bool, ...]

    def values(self, scorer: str) -> np.ndarray:
        """The scorer's numbers of the tokens that count."""
        return np.array(self.scores.columns[scorer])[self.counted]

    def kept(self, scorer: str, cut: float) -> np.ndarray:
        """Which of the tokens that count a selection of the top share `cut` keeps."""
        chosen = weights(self.scores.columns[scorer], self.eligible, Rule(scorer, "top", cut))
        return np.array(chosen)[self.counted] > 0


def labelled_rows(
    scores: Sequence[TokenScores], with_subject: bool = False, found_subject: bool = False
) -> list[LabelledRow]:
    """The rows that ground truth can say something about: with a fact token and another one that counts.

    `found_subject` leaves out the subject that was found automatically beside the one that is marked: for labels that
    mark facts alone.
    """
    rows = []
    for row in scores:
        subject = [
            label == "subject" or (found_subject and given and label is None)
            for label, given in zip(row.truth, row.given, strict=True)
        ]
        counted = np.array([with_subject or not flag for flag in subject])
        truth = np.array([label == "fact" for label in row.truth])[counted]
        if truth.any() and not truth.all():
            eligible = (True,) * len(row) if with_subject else tuple(not given for given in row.given)
            rows.append(LabelledRow(row, counted, truth, eligible))
    return rows


def align(
    scores: Sequence[TokenScores] | Sequence[LabelledRow],
    scorer: str,
    cut: float = DEFAULT_CUT,
    with_subject: bool = False,
) -> Alignment:
    """Hold one scorer against the spans of the rows.

    Args:
        scores: scored rows, or what `labelled_rows` made of them (to hold many scorers against the same rows).
        cut: top share at which precision, recall and F1 are taken.
        with_subject: count subject tokens as negatives, and let the selection keep them; otherwise they are left out,
            and so is from the selection what the prompt gives.

    Raises:
        ValueError: no row has both a fact token and another one, or a row lacks the scorer's column.

    >>> align(score(model, rows, ["masking"]), "masking").auroc.mean       # doctest: +SKIP
    """
    rows = _labelled(scores, with_subject)
    _check_column([row.scores for row in rows], scorer)
    truths = [row.truth for row in rows]
    values = [row.values(scorer) for row in rows]
    kept = [row.kept(scorer, cut) for row in rows]
    at_cut = np.array([precision_recall_f1(truth, chosen) for truth, chosen in zip(truths, kept, strict=True)])
    truth, pool, chosen = np.concatenate(truths), np.concatenate(values), np.concatenate(kept)
    precision, recall, f1 = precision_recall_f1(truth, chosen)
    return Alignment(
        scorer=scorer,
        auroc=Agreement.of([auroc(t, v) for t, v in zip(truths, values, strict=True)]),
        average_precision=Agreement.of([average_precision(t, v) for t, v in zip(truths, values, strict=True)]),
        precision=Agreement.of(at_cut[:, 0].tolist()),
        recall=Agreement.of(at_cut[:, 1].tolist()),
        f1=Agreement.of(at_cut[:, 2].tolist()),
        pooled_auroc=auroc(truth, pool),
        pooled_average_precision=average_precision(truth, pool),
        pooled_precision=precision,
        pooled_recall=recall,
        pooled_f1=f1,
        pooled_fact_share=float(truth.mean()),
    )


def _labelled(scores: Sequence[TokenScores] | Sequence[LabelledRow], with_subject: bool) -> list[LabelledRow]:
    rows = [row for row in scores if isinstance(row, LabelledRow)]
    if not rows:
        rows = labelled_rows([row for row in scores if isinstance(row, TokenScores)], with_subject)
    if not rows:
        raise ValueError("No row has marked facts beside other tokens: ground truth (spans) is needed.")
    return rows


def _check_column(scores: Sequence[TokenScores], scorer: str) -> None:
    for row in scores:
        if scorer not in row.columns:
            raise ValueError(
                f"The row {row.example.id or row.example.answer[:40]!r} was not scored by {scorer!r} but by "
                f"{', '.join(row.columns)}: score it with that scorer."
            )


# Against each other --------------------------------------------------------------------------------------------------


def rank_correlations(columns: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of every two columns of one row, in [-1, 1], ties sharing their average rank.

    Args:
        columns: `[scorers, n]`.

    Returns:
        `[scorers, scorers]`; NaN where one of the two has one value only.
    """
    found = np.full((len(columns), len(columns)), np.nan)
    varies = np.flatnonzero(np.ptp(columns, axis=1))
    if len(varies):
        found[np.ix_(varies, varies)] = np.corrcoef(rankdata(columns[varies], axis=1)).reshape(len(varies), -1)
    return found


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Share of the smaller kept set that the other one holds too, in [0, 1]; independent sets share their own share."""
    return float((first & second).sum() / max(1, min(first.sum(), second.sum())))


def compare(
    scores: Sequence[TokenScores], scorers: Sequence[str], cut: float = DEFAULT_CUT, with_subject: bool = False
) -> pd.DataFrame:
    """How alike scorers are, pair by pair, taken row by row; no ground truth is read.

    Args:
        scorers: names of columns; every pair of them is compared.
        cut: the top share whose overlap is taken.
        with_subject: count the tokens that the prompt gives, too.

    Returns:
        `first`, `second`; `spearman`, `spearman_sd` and `spearman_rows` (rows in which both columns vary);
        `overlap`, `overlap_sd` and `rows`.

    Raises:
        ValueError: no rows, or a row lacks a column.
    """
    import pandas as pd

    for scorer in scorers:
        _check_column(scores, scorer)
    if not scores:
        raise ValueError("There are no rows to compare scorers on.")
    masks = [np.array([with_subject or not given for given in row.given]) for row in scores]
    used = [(row, mask) for row, mask in zip(scores, masks, strict=True) if mask.any()]
    kept = {
        name: [np.array(weights(row.columns[name], mask.tolist(), Rule(name, "top", cut))) > 0 for row, mask in used]
        for name in scorers
    }
    # [rows, scorers, scorers]
    ranks = np.array([rank_correlations(np.array([row.columns[n] for n in scorers])[:, mask]) for row, mask in used])
    lines = []
    for (i, first), (j, second) in combinations(enumerate(scorers), 2):
        known = ranks[:, i, j][~np.isnan(ranks[:, i, j])].tolist()
        correlation = Agreement.of(known) if known else Agreement(float("nan"), float("nan"), 0)
        shared = Agreement.of([overlap(a, b) for a, b in zip(kept[first], kept[second], strict=True)])
        lines.append(
            {
                "first": first,
                "second": second,
                "spearman": correlation.mean,
                "spearman_sd": correlation.sd,
                "spearman_rows": correlation.n,
                "overlap": shared.mean,
                "overlap_sd": shared.sd,
                "rows": shared.n,
            }
        )
    return pd.DataFrame(lines)
