"""One unlearning run: a copy of the model, trained on exactly the selected tokens, a step at a time.

job = run(load_model("embedded"), load_corpus("forget05"), RunConfig())
for step in job:          # each is one optimiser step; leave the loop, or call job.stop(), to end early
    print(step.number, step.forget_loss)
job.model                 # the model that has forgotten; the one given is untouched
"""

from __future__ import annotations

import copy
import dataclasses
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from attribution.language_model import LanguageModel
from attribution.selection import Rule
from unlearn.corpus import Corpus
from unlearn.labels import Target, label_batch, uniform_target
from unlearn.metrics import Probe, Prober
from unlearn.objectives import Normaliser, objective, retain_nll
from unlearn.weighting import forget_targets


@dataclass(frozen=True)
class RunConfig:
    """What a run does.

    Attributes:
        rule: which tokens, and how strongly.
        objective: `wga`, `npo`, `graddiff` or `satga`.
        steps: optimiser steps.
        learning_rate: AdamW's, after three steps of warm-up.
        beta, gamma, alpha: the objective's temperature, the weight of the forget term, the weight of the retain term;
            None takes the objective's own default.
        normaliser: Z of the forget term: per unit of `weight` or per `label`.
        forget_batch, retain_batch: rows of each kind in a step.
        seed: of the order of rows and of the random control.
        probe_every: steps between two probes (and after the last); 0 for none.

    Raises:
        ValueError: a number outside its range, or an unknown objective.
    """

    rule: Rule = field(default_factory=Rule)
    objective: str = "wga"
    steps: int = 60
    learning_rate: float = 5e-4
    beta: float | None = None
    gamma: float | None = None
    alpha: float | None = None
    normaliser: Normaliser = "weight"
    forget_batch: int = 16
    retain_batch: int = 16
    seed: int = 0
    probe_every: int = 5

    def __post_init__(self) -> None:
        objective(self.objective)
        if self.normaliser not in ("weight", "label"):
            raise ValueError(f"normaliser is {self.normaliser!r}: choose weight or label.")
        for name in ("steps", "forget_batch", "retain_batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}.")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"The learning rate must be a number above 0, not {self.learning_rate}.")
        for name in ("beta", "gamma", "alpha"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be a number of at least 0, not {value}.")
        if self.beta == 0 and self.objective == "npo":
            raise ValueError("NPO divides by beta: it must be above 0.")

    @property
    def resolved(self) -> dict[str, float]:
        """beta, gamma and alpha, the objective's defaults filled in."""
        chosen = objective(self.objective)
        return {
            name: getattr(self, name) if getattr(self, name) is not None else getattr(chosen, name)
            for name in ("beta", "gamma", "alpha")
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, defaults filled in."""
        return {**dataclasses.asdict(self), **self.resolved}


@dataclass(frozen=True)
class Step:
    """One optimiser step.

    Attributes:
        number, of: 1-based number, and how many there will be.
        forget_loss, retain_loss: the two terms before gamma and alpha, measured before the update. The forget loss of
            an ascent objective is negative: lower is more forgotten.
        forget_nll: mean -log p of the selected tokens in nats, weighted as they are trained; it rises as they go.
        seconds: training time so far, probes left out.
        seconds_left: estimate for the steps to come.
        probe: recall and structure on a few fixed rows, every `probe_every` steps and after the last.
    """

    number: int
    of: int
    forget_loss: float
    retain_loss: float
    forget_nll: float
    seconds: float
    seconds_left: float
    probe: Probe | None = None

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


class Run:
    """A run in progress, or done. Iterate to train; nothing happens before.

    Attributes:
        config: what was asked for.
        model: the copy that is being trained; after the last step, the result.
        selections: the weights of every forget row, in the order of the corpus.
        steps: the steps so far.
        seconds: training time so far.
        stopped: whether it ended early.
    """

    def __init__(self, model: LanguageModel, corpus: Corpus, config: RunConfig, **score_options: Any) -> None:
        self.config = config
        self.corpus = corpus
        self.base = model
        self.steps: list[Step] = []
        self.seconds = 0.0
        self.stopped = False
        self._stop = False
        chosen = objective(config.objective)
        options = {"seed": config.seed} if config.rule.scorer == "random" else {}
        self.targets, self.selections = forget_targets(
            model, [row.example for row in corpus.forget], config.rule, **options, **score_options
        )
        if not any(float(target.weights.sum()) > 0 for target in self.targets):
            raise ValueError(
                f"The cut {config.rule.cut:g} on {config.rule.scorer!r} selects no token of the forget set: lower it."
            )
        if chosen.needs_reference:
            self.targets = with_reference(model, self.targets)
        self.retain_rows = corpus.retain
        self.model = trainable_copy(model)
        self._prober = Prober(corpus) if config.probe_every else None

    def stop(self) -> None:
        """End after the step that is running."""
        self._stop = True

    def __iter__(self) -> Iterator[Step]:
        """Train, and yield a `Step` after every optimiser step."""
        config, chosen = self.config, objective(self.config.objective)
        constants = config.resolved
        parameters = [p for p in self.model.model.parameters() if p.requires_grad]
        optimiser = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=0.0)
        forget_order = draws(len(self.targets), config.forget_batch, config.seed)
        retain_order = draws(len(self.retain_rows), config.retain_batch, config.seed + 1)
        for number in range(1, config.steps + 1):
            started = time.perf_counter()
            for group in optimiser.param_groups:
                group["lr"] = config.learning_rate * min(1.0, number / 3)
            forget = label_batch(self.model, [self.targets[i] for i in next(forget_order)])
            forget_loss = chosen.forget(forget, constants["beta"], config.normaliser)
            (constants["gamma"] * forget_loss).backward()
            retain = label_batch(
                self.model, [uniform_target(self.model.encode(self.retain_rows[i].example)) for i in next(retain_order)]
            )
            retain_loss = retain_nll(retain)
            (constants["alpha"] * retain_loss).backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            self.seconds += time.perf_counter() - started
            step = Step(
                number=number,
                of=config.steps,
                forget_loss=forget_loss.item(),
                retain_loss=retain_loss.item(),
                forget_nll=_weighted_nll(forget.log_probs, forget.weights),
                seconds=self.seconds,
                seconds_left=self.seconds / number * (config.steps - number),
                probe=self._probe(number),
            )
            if not math.isfinite(step.forget_loss + step.retain_loss):
                raise ValueError(
                    f"The loss is no longer a number at step {number}: lower the learning rate "
                    f"({config.learning_rate:g}) or choose a bounded objective such as wga."
                )
            self.steps.append(step)
            yield step
            if self._stop:
                self.stopped = number < config.steps
                return

    def _probe(self, number: int) -> Probe | None:
        due = self._prober is not None and (
            number % self.config.probe_every == 0 or number in (1, self.config.steps) or self._stop
        )
        return self._prober(self.model) if due and self._prober else None


def run(model: LanguageModel, corpus: Corpus, config: RunConfig | None = None, **score_options: Any) -> Run:
    """Prepare a run: score the forget set with the original model, apply the rule, copy the model.

    Args:
        score_options: fields of `attribution.ScoreOptions`, such as `mask_scope`.

    Raises:
        ValueError: the rule selects nothing, or the scores cannot be made.
    """
    return Run(model, corpus, config or RunConfig(), **score_options)


def trainable_copy(model: LanguageModel) -> LanguageModel:
    """A float32 copy whose weights may change; the original keeps its own, bit for bit."""
    weights = copy.deepcopy(model.model).float().requires_grad_(True)
    # No dropout: the forward that is trained is the forward that was scored.
    return LanguageModel(weights, model.tokenizer, name=f"{model.name}, unlearned", template=model.template)


def with_reference(model: LanguageModel, targets: Sequence[Target], batch: int = 32) -> list[Target]:
    """The targets with the frozen model's log-probabilities of their labels."""
    result: list[Target] = []
    with torch.no_grad():
        for start in range(0, len(targets), batch):
            part = targets[start : start + batch]
            labels = label_batch(model, part)
            sizes = [len(target.weights) for target in part]
            result += [
                dataclasses.replace(target, reference=reference)
                for target, reference in zip(part, labels.log_probs.split(sizes), strict=True)
            ]
    return result


def draws(rows: int, batch: int, seed: int) -> Iterator[list[int]]:
    """Row numbers, `batch` at a time, for ever: every row once in random order before any comes again."""
    generator = torch.Generator().manual_seed(seed)
    waiting: list[int] = []
    while True:
        while len(waiting) < min(batch, rows):
            waiting += torch.randperm(rows, generator=generator).tolist()
        yield waiting[:batch]
        waiting = waiting[batch:]


def _weighted_nll(log_probs: Tensor, weights: Tensor) -> float:
    total = float(weights.sum())
    return float(-(log_probs.detach() * weights).sum()) / total if total else 0.0
