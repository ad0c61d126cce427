"""What a run will cost, before it starts: a few steps of it are tried on the weights, read, and undone.

    job = run(model, corpus, config)
    predict(job).figures        # {"retain": -0.02, "structure": -0.01, "subject": -0.4, "sense": -0.03}

How well these rank the costs of whole runs is measured by `python -m benchmarks predict`: see docs/results.md.
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
from attribution.text.example import Encoded
from unlearn.metrics.answers import TrueAnswers, read, spaced
from unlearn.metrics.judge import Judge
from unlearn.run.loop import Run, draws, optimiser_of

TRIAL_STEPS = 4
# Rows of each kind that are read before and after, and those whose words are weighed.
READ, WEIGHED = 32, 8


@dataclass(frozen=True)
class Prediction:
    """What a trial changed. Below 0: something is lost, and the more so, the more the whole run will cost.

    Attributes:
        figures: by name, where the rows have it: `retain`, `structure` and `subject`, the change of mean log p in nats
            of the facts to keep (of whole answers where none are marked), of the words around the facts to forget, and
            of the subject's name; `sense`, the change of the probability that the next word is one that the original
            could have said of somebody.
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
        ValueError: the run has begun, or is spread over several processes.
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
    return Prediction(figures, steps, time.perf_counter() - started)


def _train(job: Run, steps: int) -> None:
    config = job.config
    parameters = [p for p in job.model.model.parameters() if p.requires_grad]
    optimiser = optimiser_of(config, parameters)
    forget = draws(len(job.targets), config.forget_batch, config.seed)
    refusals = draws(max(1, len(job.gradients.refusals)), config.forget_batch, config.seed + 2)
    retain = draws(len(job.corpus.retain), config.retain_batch, config.seed + 1)
    for _ in range(steps):
        job.gradients.add(next(forget), next(refusals), next(retain))
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)


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
    """What is read of a model: figures on the same few rows."""

    def __init__(self, job: Run) -> None:
        corpus = job.corpus
        self.forget, self.retain = spaced(corpus.forget, READ), spaced(corpus.retain, READ)
        asked = spaced([row for row in corpus.forget if row.example.prompt], WEIGHED)
        self.weighed = Judge(job.base, corpus.retain).impossible([row.example for row in asked]) if asked else []

    def __call__(self, model: LanguageModel) -> dict[str, float]:
        forget, retain = read(model, self.forget), read(model, self.retain)
        found = {
            "retain": _of_kind(retain, self.retain, "fact") or _whole(retain),
            "structure": _of_kind(forget, self.forget, None),
            "subject": _of_kind(forget, self.forget, "subject"),
            "sense": self._sense(model),
        }
        return {name: float(np.mean(values)) for name, values in found.items() if len(values)}

    def _sense(self, model: LanguageModel) -> list[float]:
        """1 less the probability of words that nobody would say, at every word of the weighed answers."""
        rows: list[Encoded] = [row for row, _, _ in self.weighed]
        values: list[float] = []
        for one, (_, tokens, gone) in zip(model.token_statistics(rows, states=True), self.weighed, strict=True):
            assert one.predicting is not None
            q = torch.softmax(model.logits(one.predicting[tokens]).float(), dim=-1)
            values += (q * ~gone).sum(dim=-1).tolist()
        return values


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
