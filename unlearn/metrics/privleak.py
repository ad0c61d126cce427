"""PrivLeak (MUSE, arXiv 2407.06460): how far membership is from what the retrained model shows."""

from __future__ import annotations

from functools import partial

from unlearn.metrics.base import metric
from unlearn.metrics.examination import Examination
from unlearn.metrics.membership import ATTACKS
from unlearn.metrics.membership import measure as measure_membership

_privleak = partial(
    metric,
    group="membership",
    better="toward",
    target=0.0,
    unit="percent",
    of="rows to forget against holdout rows",
    low=-100.0,
    high=float("inf"),
    formula="100 [(1 - AUC) - (1 - AUC_retrained)] / (1 - AUC_retrained)",
    sentence="How far membership is from the retrained model's: below 0 forgotten too little, above 0 forgotten too "
    "conspicuously.",
    paper="MUSE, arXiv 2407.06460",
    evidence="summary",
)


@_privleak("privleak_min_k_plus", title="PrivLeak by Min-K%++")
@_privleak("privleak_min_k", title="PrivLeak by Min-K%")
@_privleak("privleak_loss", title="PrivLeak by loss")
def measure(examination: Examination) -> None:
    """By each attack, where the retrained model's AUC is known."""
    examination.once(measure_membership)
    mine = {name: auc for name in ATTACKS if (auc := examination.metric(f"membership_{name}")) is not None}
    if not mine:
        return
    if examination.reference is None:
        examination.note("PrivLeak compares with a model retrained without the rows to forget: none was given.")
        return
    forget, holdout = (len(examination.rows(split)) for split in examination.members)
    for attack, auc in mine.items():
        retrained = examination.reference.metrics.get(f"membership_{attack}")
        if retrained is None or retrained == 1:
            why = "was not measured" if retrained is None else "is 1, which it divides by the distance to"
            examination.note(f"PrivLeak by {attack} cannot be had: the retrained model's AUC {why}.")
            continue
        examination.figure(f"privleak_{attack}", privleak(auc, retrained), forget, holdout)


def privleak(auc: float, retrained: float) -> float:
    """100 [(1 - AUC) - (1 - AUC_retrained)] / (1 - AUC_retrained), in percent (MUSE, arXiv 2407.06460).

    -100 when the rows still look trained on for sure, 0 at the retrained model's AUC.

    >>> privleak(1.0, 0.5), privleak(0.5, 0.5), privleak(0.25, 0.5)
    (-100.0, 0.0, 50.0)
    """
    return 100 * ((1 - auc) - (1 - retrained)) / (1 - retrained)
