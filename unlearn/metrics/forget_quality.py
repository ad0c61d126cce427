"""TOFU's forget quality (arXiv 2401.06121): could the model's truth ratios be the retrained model's?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from scipy.stats import ks_2samp

from unlearn.metrics.base import metric
from unlearn.metrics.examination import Examination
from unlearn.metrics.truth_ratio import measure as measure_truth_ratio

_quality = partial(metric, group="tofu", of="rows of each model", paper="TOFU, arXiv 2401.06121", evidence="code")


@_quality(
    "forget_quality_d",
    title="Forget quality, distance",
    better="lower",
    unit="distance",
    formula="D = largest distance between the two distributions of R",
    sentence="How far the truth ratios are from the retrained model's, whatever the number of rows.",
)
@_quality(
    "forget_quality",
    title="Forget quality",
    better="higher",
    unit="p-value",
    formula="p of the two-sample Kolmogorov-Smirnov test on R, this model against the retrained one",
    sentence="Whether the model's truth ratios could be the retrained model's: above 0.05 they cannot be told apart "
    "with this many rows.",
)
def measure(examination: Examination) -> None:
    """p and D against the retrained model, where its truth ratios are known."""
    if examination.reference is None:
        examination.note("Forget quality compares with a model retrained without the rows to forget: none was given.")
        return
    examination.once(measure_truth_ratio)
    mine = examination.values("forget", "truth_ratio")
    theirs = examination.reference.values("forget", "truth_ratio")
    if not mine or not theirs:
        examination.note("Forget quality needs truth ratios of both models: one has none.")
        return
    distance, p = forget_quality(mine, theirs)
    examination.figure("forget_quality", p, len(mine), len(theirs))
    examination.figure("forget_quality_d", distance, len(mine), len(theirs))


def forget_quality(ratios: Sequence[float], retrained: Sequence[float]) -> tuple[float, float]:
    """(D, p) of the two-sided two-sample Kolmogorov-Smirnov test between truth ratios of two models.

    p is exact, not the limit for many rows, up to 10,000 of them. It falls with n for one and the same D: read both.

    >>> distance, p = forget_quality([1, 2, 3], [4, 5, 6])
    >>> distance, round(p, 9)  # 2 of the 20 orders of six values are this far apart
    (1.0, 0.1)
    """
    result = ks_2samp(ratios, retrained, method="auto")
    return float(result.statistic), float(result.pvalue)
