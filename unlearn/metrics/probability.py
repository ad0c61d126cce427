"""How probable the true answers are, by length-normalised probability (TOFU, arXiv 2401.06121)."""

from __future__ import annotations

from functools import partial

from unlearn.metrics.base import metric
from unlearn.metrics.examination import SPLITS, Examination

_probability = partial(
    metric,
    "probability",
    title="Probability of answers",
    sentence="How probable the true answer is, per token.",
    unit="probability",
    formula="mean over rows of exp(-mean l_t)",
    paper="TOFU, arXiv 2401.06121",
    evidence="paper",
)


@_probability(SPLITS, group="recall")
def measure(examination: Examination) -> None:
    """Of every split."""
    for split in examination.splits:
        examination.mean(split, "probability", examination.true_answers(split).probabilities)


@_probability(("real_authors",), group="tofu")
def measure_real_authors(examination: Examination) -> None:
    """Of TOFU's questions on real authors."""
    if examination.rows("real_authors"):
        examination.mean("real_authors", "probability", examination.true_answers("real_authors").probabilities)
