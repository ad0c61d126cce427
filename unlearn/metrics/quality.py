"""ATWU's three figures (arXiv 2606.06320), with fact recall in the place of the paper's judge model."""

from __future__ import annotations

from unlearn.metrics.examination import Examination


def measure(examination: Examination) -> None:
    """FQ, RD and UQ against the original model's recall."""
    if examination.original is None:
        examination.note("ATWU's quality compares with the model before unlearning: none was given.")
        return
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
