"""What a run will cost, before it starts: a few steps of it are tried on the weights, read, and undone.

    job = run(model, corpus, config)
    predict(job).figures        # {"retain": -0.005, "structure": -0.0004, "subject": -0.0003}

How well these rank the costs of whole runs is measured by `python -m benchmarks predict` (docs/results.md): the
subject's is foretold, structure's between objectives; that of the rows to keep, and of sense, is not.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attribution.data.rows import Row
from attribution.model.language_model import LanguageModel
from unlearn.metrics.answers import TrueAnswers, read, spaced
from unlearn.run.loop import Run, optimiser_of, update

TRIAL_STEPS = 8
# Rows of each kind that are read before and after.
READ = 32

THIRDS: dict[str, tuple[float, float]] = {"structure": (-3.5e-5, -1.1e-5), "subject": (-1.4e-3, -4.5e-4)}
"""Where the figures of 58 cuts of the embedded model fall into thirds, from the costliest on. Of those figures alone
that rank what was lost: `retain` does not."""


def costs_of(name: str, value: float) -> str:
    """`much`, `some` or `little`: in which third of the measured cuts a figure lies.

    >>> costs_of("subject", -5.0), costs_of("subject", 0.0)
    ('much', 'little')
    """
    low, high = THIRDS[name]
    return "much" if value < low else "some" if value < high else "little"


@dataclass(frozen=True)
class Prediction:
    """What a trial changed.

    Attributes:
        figures: by name, where the rows have it, the change of mean log p in nats: `retain` of the facts to keep (of
            whole answers where none are marked), `structure` of the words around the facts to forget, `subject` of the
            subject's name.
        steps: of the trial.
        seconds: that it took, beside preparing the run.
    """

    figures: dict[str, float]
    steps: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)


def predict(job: Run, steps: int = TRIAL_STEPS) -> Prediction:
    """Try the first steps of a run that has not begun, at its full rate, and put its weights back.

    Scores that the run would make anew on the way are those of its first step. In one process.

    Raises:
        ValueError: the run has begun, is spread over several processes, or is no number after the trial.
    """
    if job.steps or job.processes.count > 1:
        raise ValueError("A trial is made before a run's first step, in one process: prepare the run anew.")
    started = time.perf_counter()
    reading = _Reading(job)
    before = reading(job.base)
    with _undone(job.model):
        _train(job, steps)
        after = reading(job.model)
    figures = {name: after[name] - value for name, value in before.items()}
    if not np.isfinite(list(figures.values())).all():
        raise ValueError(
            f"After {steps} tried steps the model gives no numbers any more: lower the learning rate "
            f"({job.config.learning_rate:g}) or choose a bounded objective such as wga."
        )
    return Prediction(figures, steps, time.perf_counter() - started)


def _train(job: Run, steps: int) -> None:
    parameters = [p for p in job.model.model.parameters() if p.requires_grad]
    optimiser = optimiser_of(job.config, parameters)
    forget, retain, refusals = job.orders()
    for _ in range(steps):
        job.gradients.add(next(forget), next(refusals), next(retain))
        update(optimiser, parameters, 1.0)


@contextmanager
def _undone(model: LanguageModel) -> Iterator[None]:
    """Trained weights as they were, whatever happens."""
    parameters = [p for p in model.model.parameters() if p.requires_grad]
    kept = [p.detach().clone() for p in parameters]
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, old in zip(parameters, kept, strict=True):
                parameter.copy_(old)
                parameter.grad = None


class _Reading:
    """Mean log p of what should stay, on the same few rows of every model."""

    def __init__(self, job: Run) -> None:
        self.forget, self.retain = spaced(job.corpus.forget, READ), spaced(job.corpus.retain, READ)

    def __call__(self, model: LanguageModel) -> dict[str, float]:
        forget, retain = read(model, self.forget), read(model, self.retain)
        found = {
            "retain": _of_kind(retain, self.retain, "fact") or _whole(retain),
            "structure": _of_kind(forget, self.forget, None),
            "subject": _of_kind(forget, self.forget, "subject"),
        }
        return {name: float(np.mean(values)) for name, values in found.items() if len(values)}


def _of_kind(read: TrueAnswers, rows: Sequence[Row], kind: str | None) -> list[float]:
    """log p of the tokens of a kind, in rows that have marks."""
    found: list[float] = []
    for row, encoded, numbers in zip(rows, read.encoded, read.statistics, strict=True):
        if row.example.spans:
            mask = torch.tensor([label == kind for label in encoded.truth])
            found += _listed(numbers.log_probs[mask.to(numbers.log_probs.device)])
    return found


def _whole(read: TrueAnswers) -> list[float]:
    return [value for numbers in read.statistics for value in _listed(numbers.log_probs)]


def _listed(values: Tensor) -> list[float]:
    return values.tolist()
