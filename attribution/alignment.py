"""Scores against ground truth: do high scores fall on the tokens that carry the fact?

A token is positive when it lies in a fact span, negative when it lies in none. Subject tokens are left out by default:
the prompt gives them, so they are neither knowledge nor grammar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_fscore_support, roc_auc_score

from attribution.selection import Rule, select
from attribution.token_scores import TokenScores


@dataclass(frozen=True)
class Agreement:
    """Mean, standard deviation and number of rows of a per-row figure; rows without both classes do not count."""

    mean: float
    sd: float
    n: int


@dataclass(frozen=True)
class Alignment:
    """How one scorer's column agrees with ground truth; every figure lies in [0, 1], higher is better.

    `auroc` and `average_precision` are means over rows; the `pooled_` figures put all tokens in one pot. `f1`,
    `precision` and `recall` are pooled over rows at the rule's cut.
    """

    scorer: str
    auroc: Agreement
    average_precision: Agreement
    pooled_auroc: float
    pooled_average_precision: float
    precision: float
    recall: float
    f1: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def align(scores: Sequence[TokenScores], scorer: str, cut: float = 0.3, with_subject: bool = False) -> Alignment:
    """Hold one scorer against the spans of the rows.

    Args:
        cut: top share at which precision, recall and F1 are taken.
        with_subject: count subject tokens as negatives instead of leaving them out.

    Raises:
        ValueError: no row has both a fact token and another one.
    """
    rule = Rule(scorer, "top", cut)
    auroc: list[float] = []
    precision: list[float] = []
    pooled: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for row in scores:
        keep = np.array([with_subject or label != "subject" for label in row.truth])
        truth = np.array([label == "fact" for label in row.truth])[keep]
        values = np.array(row.columns[scorer])[keep]
        kept = np.array(select(row, rule).kept)[keep]
        if truth.all() or not truth.any():
            continue
        auroc.append(float(roc_auc_score(truth, values)))
        precision.append(float(average_precision_score(truth, values)))
        pooled.append((truth, values, kept))
    if not pooled:
        raise ValueError("No row has marked facts beside other tokens: ground truth (spans) is needed.")
    truth, values, kept = (np.concatenate(column) for column in zip(*pooled, strict=True))
    at_cut = precision_recall_fscore_support(truth, kept, average="binary", zero_division=0)
    return Alignment(
        scorer=scorer,
        auroc=_agreement(auroc),
        average_precision=_agreement(precision),
        pooled_auroc=float(roc_auc_score(truth, values)),
        pooled_average_precision=float(average_precision_score(truth, values)),
        precision=float(at_cut[0]),
        recall=float(at_cut[1]),
        f1=float(at_cut[2]),
    )


def _agreement(values: list[float]) -> Agreement:
    return Agreement(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0, len(values))
