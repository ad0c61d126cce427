"""ATWU's three figures (arXiv 2606.06320), with fact recall in the place of the paper's judge model."""

from __future__ import annotations

from functools import partial

from unlearn.metrics.base import metric
from unlearn.metrics.examination import Examination
from unlearn.metrics.recall import measure as measure_recall

_quality = partial(
    metric, group="quality", unit="share", of="facts", paper="ATWU, arXiv 2606.06320", evidence="summary"
)


@_quality(
    "atwu_unlearning_quality",
    title="ATWU unlearning quality",
    better="higher",
    formula="UQ = [FQ - RD]+",
    sentence="What was forgotten less what was damaged, with fact recall in the judge's place.",
)
@_quality(
    "atwu_retain_damage",
    title="ATWU retain damage",
    better="lower",
    formula="RD = [1 - J / J_original]+ on the rows to keep, J = fact recall",
    sentence="Share of what the original model recalled of the facts to keep that is gone. "
    "The paper's J is a judge model; here it is fact recall.",
)
@_quality(
    "atwu_forget_quality",
    title="ATWU forget quality",
    better="higher",
    formula="FQ = [1 - J / J_original]+ on the rows to forget, J = fact recall",
    sentence="Share of what the original model recalled of the facts to forget that is gone. "
    "The paper's J is a judge model; here it is fact recall.",
)
def measure(examination: Examination) -> None:
    """FQ, RD and UQ against the original model's recall."""
    if examination.original is None:
        examination.note("ATWU's quality compares with the model before unlearning: none was given.")
        return
    examination.once(measure_recall)
    found = {}
    for name, split in (("atwu_forget_quality", "forget"), ("atwu_retain_damage", "retain")):
        now, before = examination.metric(f"{split}_recall"), examination.original.metrics.get(f"{split}_recall")
        if now is None or not before:
            why = "has no marked facts" if now is None else "was recalled by the original model not at all"
            examination.note(f"ATWU's quality cannot be had: the {split} set {why}.")
            return
        found[name] = loss_of(now, before)
        examination.figure(name, found[name], examination.original.counts[f"{split}_recall"])
    unlearning = max(0.0, found["atwu_forget_quality"] - found["atwu_retain_damage"])
    examination.figure("atwu_unlearning_quality", unlearning, examination.original.counts["forget_recall"])


def loss_of(now: float, before: float) -> float:
    """[1 - J / J_original]+: the share that is gone; 0 when nothing is, or more is there.

    >>> loss_of(0.25, 0.5), loss_of(0.6, 0.5)
    (0.5, 0.0)
    """
    return max(0.0, 1 - now / before)
