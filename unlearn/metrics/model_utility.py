"""TOFU's model utility (arXiv 2401.06121): what the model is still good for, in one number."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.stats import hmean

from unlearn.metrics.base import metric
from unlearn.metrics.examination import Examination
from unlearn.metrics.probability import measure as measure_probability
from unlearn.metrics.rouge import measure as measure_rouge
from unlearn.metrics.truth_ratio import measure as measure_truth_ratio

PARTS = tuple(
    f"{split}_{part}"
    for split, parts in (
        ("retain", ("probability", "rouge_l", "truth_ratio")),
        ("real_authors", ("probability_normalised", "rouge_l", "truth_ratio")),
        ("world", ("probability_normalised", "rouge_l", "truth_ratio")),
    )
    for part in parts
)


@metric(
    "model_utility",
    title="Model utility",
    group="tofu",
    better="higher",
    unit="share",
    of="figures",
    formula="harmonic mean of {probability, ROUGE-L, truth ratio} x {retain, real authors, world}",
    sentence="What the model is still good for, in one number that any single failure pulls to 0.",
    paper="TOFU, arXiv 2401.06121",
    evidence="code",
)
def measure(examination: Examination) -> None:
    """Over those of the nine figures that the rows give; none without the three of the rows to keep."""
    for part in (measure_probability, measure_rouge, measure_truth_ratio):
        examination.once(part)
    parts = {name: value for name in PARTS if (value := examination.metric(name)) is not None}
    if not {name for name in PARTS if name.startswith("retain_")} <= set(parts):
        examination.note("Model utility needs wrong answers beside the true ones on the rows to keep: there are none.")
        return
    examination.figure("model_utility", model_utility(list(parts.values())), len(parts))
    absent = [name for name in PARTS if name not in parts]
    if absent:
        examination.note(
            f"Model utility is over {len(parts)} of its nine figures: these rows do not give {', '.join(absent)}."
        )


def model_utility(parts: Sequence[float]) -> float:
    """Harmonic mean; 0 as soon as one part is."""
    return float(hmean(parts)) if min(parts) > 0 else 0.0
