"""What a run will cost, before it starts: a few steps of it are tried on the weights, read, and undone.

    job = run(model, corpus, config)
    predict(job).figures        # {"retain": -0.02, "structure": -0.01, "subject": -0.4, "sense": 0.9}

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
from unlearn.metrics.answers import TrueAnswers, read, spaced
from unlearn.metrics.judge import Judge
from unlearn.run.loop import Run, draws, optimiser_of

TRIAL_STEPS = 8
# Rows of each kind that are read before and after, and those whose words are weighed.
READ, WEIGHED = 32, 8


@dataclass(frozen=True)
class Prediction:
    """What a trial changed: the lower a figure, the more the whole run will cost of it.

    Attributes:
        figures: by name, where the rows have it: `retain`, `structure` and `subject`, the change of mean log p in nats
            of the facts to keep (of whole answers where none are marked), of the words around the facts to forget, and
            of the subject's name; `sense`, 1 less the share of words that nobody would say among all that could stand
            in a selected word's place.
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
        after, sense = reading(job.model), reading.sense(job.model)
    figures = {name: after[name] - value for name, value in before.items()} | sense
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
        asked = spaced([i for i, row in enumerate(corpus.forget) if row.example.prompt], WEIGHED)
        examples = [corpus.forget[i].example for i in asked]
        found = Judge(job.base, corpus.retain).impossible(examples) if asked else []
        selected = {id(corpus.forget[i].example): job.targets[i].weights > 0 for i in asked}
        self.weighed = []
        for example, one in zip(examples, found, strict=True):
            if one is not None:
                row, tokens, gone = one
                chosen = [k for k, token in enumerate(tokens) if selected[id(example)][token]]
                self.weighed.append((row, [tokens[k] for k in chosen], gone[chosen]))

    def __call__(self, model: LanguageModel) -> dict[str, float]:
        """Mean log p of what should stay."""
        forget, retain = read(model, self.forget), read(model, self.retain)
        found = {
            "retain": _of_kind(retain, self.retain, "fact") or _whole(retain),
            "structure": _of_kind(forget, self.forget, None),
            "subject": _of_kind(forget, self.forget, "subject"),
        }
        return {name: float(np.mean(values)) for name, values in found.items() if len(values)}

    def sense(self, model: LanguageModel) -> dict[str, float]:
        """1 less the share of impossible words among those that are not the true one, where a token is selected."""
        values: list[float] = []
        read = model.token_statistics([row for row, _, _ in self.weighed], states=True)
        for one, (row, tokens, gone) in zip(read, self.weighed, strict=True):
            assert one.predicting is not None
            q = torch.softmax(model.logits(one.predicting[tokens]).float(), dim=-1)
            ids = torch.tensor([row.tokens[k].id for k in tokens], device=q.device)
            q = q.scatter(1, ids[:, None], 0.0)
            values += ((q * ~gone).sum(dim=-1) / q.sum(dim=-1).clamp_min(1e-12)).tolist()
        return {"sense": float(np.mean(values))} if values else {}


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
