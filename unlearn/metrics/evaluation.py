"""Measure a model: the default figures, and whatever else is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attribution.model.language_model import LanguageModel
from unlearn.data.corpus import Corpus
from unlearn.metrics.base import check_groups, measures
from unlearn.metrics.examination import RETAIN_ROWS, Evaluation, Examination
from unlearn.metrics.judge import Judge
from unlearn.metrics.protocol import Protocol


def evaluate(
    model: LanguageModel,
    corpus: Corpus,
    progress: Callable[[str], None] | None = None,
    *,
    metrics: Sequence[str] = (),
    reference: Evaluation | None = None,
    original: Evaluation | None = None,
    judge: Judge | None = None,
    retain_rows: int = RETAIN_ROWS,
    seed: int = 0,
    protocol: Protocol | None = None,
    said: Mapping[str, str] | None = None,
) -> Evaluation:
    """Ask every evaluation row and read the probabilities of its true answer.

    Always measured: figures named `{split}_recall` and `{split}_probability`, and `structure`, `subject`, `fluent` and
    `sensible` on forget rows. A figure without rows (no spans, no such split) is left out; further ones that cannot be
    had are named in the result's `notes`.

    Args:
        progress: called with what is measured next.
        metrics: further groups (keys of `GROUPS`), such as `("tofu", "membership")`; `("all",)` for every one.
        reference: figures of the model retrained without the forget rows, with the same groups: forget quality and
            PrivLeak compare with it.
        original: figures of the model before unlearning: ATWU's quality compares with it.
        judge: says with the model before unlearning whether the answers are language; None leaves `speaks` out.
        retain_rows: how many rows to keep are asked.
        seed: of answers that are drawn.
        protocol: how figures are made where the field knows several ways; ours unless told.
        said: what this very model has answered already, greedily, by question: it is not asked these again.

    Raises:
        ValueError: an unknown group, or a row that the model cannot read.
    """
    if retain_rows < 1:
        raise ValueError(f"retain_rows must be at least 1, not {retain_rows}.")
    groups = check_groups(("recall", *metrics))
    examination = Examination(model, corpus, reference, original, retain_rows, progress, judge, seed, protocol, said)
    for group in groups:
        for measure in measures(group):
            examination.once(measure)
    return examination.evaluation()
