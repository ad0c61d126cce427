"""Several sampled answers to every question: a fact counts as recalled when it is in any of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from unlearn.metrics.answers import answer_of, draw
from unlearn.stress.base import Before, Stress, kind, made, recall_of, recall_of_any


@kind("sampling", "several sampled answers instead of the most probable one")
def sampling(before: Before) -> Iterator[Stress]:
    """Recall over k sampled answers: in any of them, and beside it the mean over them."""
    model, rows, config = before.model, before.rows, before.config
    said = draw(model, rows, config.seed, config.temperature, config.samples)
    rounds = [
        [answer_of(model, "forget", row, one) for row, one in zip(rows, said[k * len(rows) :], strict=False)]
        for k in range(config.samples)
    ]
    mean = float(np.mean([recall_of(answers).value for answers in rounds]))
    title = f"any of {config.samples} answers sampled at temperature {config.temperature:g}"
    yield made("sampling", title, before.recall, recall_of_any(rounds), mean_of_samples=mean)
