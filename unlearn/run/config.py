"""`RunConfig`: what a run does, checked before anything starts."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from attribution.scorers import scorer_info
from attribution.selection import Rule
from unlearn.objectives import NORMALISERS, Constants, Normaliser, get_objective, get_retention
from unlearn.run.scorer_learning import ScorerSettings

Learning = Literal["given", "alternate", "refit"]
Optimiser = Literal["adamw", "sgd"]
Precision = Literal["float32", "bfloat16"]
# Settings that None leaves to the objective.
OF_THE_OBJECTIVE = ("beta", "beta2", "delta", "gamma", "alpha", "retain")


@dataclass(frozen=True)
class RunConfig:
    """What a run does.

    Attributes:
        rule: which tokens, and how strongly.
        score_every: 0 scores once, with the original model; k scores a row again, with the model as it then is, when
            its scores are k steps old; 1 is live.
        learn: where the `learned` scorer comes from: `given` (fitted before, or an option of the run), learned in
            `alternate` with the model during the run (ATWU), or `refit`: learned so in a first run whose model is
            thrown away, then frozen.
        scorer_settings: how it is learned.
        objective: a name of `unlearn.objectives.OBJECTIVES`.
        retain: the retain term, a name of `unlearn.objectives.RETENTIONS`; None takes the objective's own.
        steps: optimiser steps.
        learning_rate: of the optimiser: it rises in a line over the first `warmup` steps, and falls in one towards 0
            over the last `cooldown` (a share of the steps), so that the last rows seen don't decide what is kept.
        optimiser: `adamw` (no weight decay) or `sgd` (no momentum).
        beta, beta2, delta: the objective's constants (see its entry); None takes the objective's own default.
        gamma, alpha: the weights of the forget and of the retain term; likewise.
        normaliser: Z of the forget term: per unit of `weight` or per `label`.
        layer: RMU's layer, from 1; None for a third of the depth.
        layer_position: the state that RMU takes for token t: its `own`, as the authors' code does, or the `predicting`
            one, t - 1, ours: with a few tokens selected it forgets sooner and hurts the others less.
        forget_batch, retain_batch: rows of each kind in a step.
        micro_batch: rows in one forward; a step of more rows adds up parts of this many, to the same gradient. None
            takes a step's rows at once.
        lora: the rank of low-rank adapters that are trained instead of all weights (see `unlearn.run.adapters`); None
            trains all.
        precision: what forwards compute in; weights, gradients and moments stay float32.
        until_recall: stop once the probe's forget recall is this or less, in [0, 1]; needs `probe_every`.
        roll_back: end when the probe shows a collapse, and go back to the best sound step (`unlearn.run.collapse`);
            needs `probe_every`, and memory for one more copy of the trained weights.
        gradient_checkpointing: make inner values again in the backward pass instead of keeping them: less memory, about
            a third more time, the same gradient.
        seed: of the order of rows, of the controls, of RMU's direction and of the refusals.
        probe_every: steps between two probes (and after the last); 0 for none.

    Raises:
        ValueError: a number outside its range, an unknown name, or settings that contradict each other.
    """

    rule: Rule = field(default_factory=Rule)
    objective: str = "wga"
    steps: int = 80
    learning_rate: float = 4e-4
    beta: float | None = None
    gamma: float | None = None
    alpha: float | None = None
    normaliser: Normaliser = "weight"
    forget_batch: int = 16
    retain_batch: int = 16
    seed: int = 0
    probe_every: int = 5
    beta2: float | None = None
    delta: float | None = None
    retain: str | None = None
    score_every: int = 0
    learn: Learning = "given"
    scorer_settings: ScorerSettings = field(default_factory=ScorerSettings)
    layer: int | None = None
    layer_position: Literal["own", "predicting"] = "predicting"
    micro_batch: int | None = None
    optimiser: Optimiser = "adamw"
    warmup: int = 3
    cooldown: float = 0.125
    lora: int | None = None
    precision: Precision = "float32"
    until_recall: float | None = None
    roll_back: bool = False
    gradient_checkpointing: bool = False

    def __post_init__(self) -> None:
        chosen = get_objective(self.objective)
        if self.retain is not None:
            get_retention(self.retain)
        for name, allowed in (
            ("normaliser", NORMALISERS),
            ("learn", get_args(Learning)),
            ("layer_position", ("own", "predicting")),
            ("optimiser", get_args(Optimiser)),
            ("precision", get_args(Precision)),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}: choose {' or '.join(allowed)}.")
        for name in ("steps", "forget_batch", "retain_batch", "micro_batch", "lora"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}.")
        for name in ("score_every", "warmup", "probe_every"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, not {getattr(self, name)}.")
        if self.until_recall is not None:
            if not 0 <= self.until_recall <= 1:
                raise ValueError(f"until_recall is a share of the probe's rows, in [0, 1], not {self.until_recall}.")
            if not self.probe_every:
                raise ValueError("until_recall looks at the probe: set probe_every to some steps, such as 5.")
        if self.roll_back and not self.probe_every:
            raise ValueError("roll_back looks at the probe: set probe_every to some steps, such as 5.")
        if not 0 <= self.cooldown <= 1:
            raise ValueError(f"cooldown is a share of the steps, between 0 and 1, not {self.cooldown}.")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"The learning rate must be a number above 0, not {self.learning_rate}.")
        for name in ("beta", "beta2", "gamma", "alpha"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be a number of at least 0, not {value}.")
        if self.delta is not None and not math.isfinite(self.delta):
            raise ValueError(f"delta must be a finite number of nats, not {self.delta}.")
        if self.beta == 0 and chosen.divides_by_beta:
            raise ValueError(f"{chosen.title} divides by beta: it must be above 0.")
        if self.learn != "given" and (self.rule.scorer != "learned" or self.rule.kind == "sequence"):
            raise ValueError(
                f"A run that learns its scorer ({self.learn}) weighs tokens by 'learned', and this one by "
                f"{'the whole sequence' if self.rule.kind == 'sequence' else repr(self.rule.scorer)}."
            )
        if self.score_every and scorer_info(self.rule.scorer).across_rows:
            raise ValueError(
                f"The scorer {self.rule.scorer!r} scores all rows together, so it cannot follow the model row by row: "
                "set score_every to 0."
            )

    def rate_at(self, step: int) -> float:
        """The learning rate of step 1 to `steps`."""
        up = step / self.warmup if self.warmup else 1.0
        down = (self.steps + 1 - step) / (round(self.cooldown * self.steps) + 1)
        return self.learning_rate * min(up, 1.0, down)

    def with_objective(self, name: str) -> RunConfig:
        """This run with another objective, whose own constants, weights and retain term it then takes."""
        if name == self.objective:
            return self
        own: dict[str, Any] = dict.fromkeys(OF_THE_OBJECTIVE)
        return dataclasses.replace(self, objective=name, **own)

    @property
    def constants(self) -> Constants:
        """The numbers that the objective is given, its defaults filled in."""
        chosen = {name: self._or_default(name) for name in ("beta", "beta2", "delta")}
        return Constants(**chosen, normaliser=self.normaliser)

    @property
    def resolved(self) -> dict[str, Any]:
        """What None stands for: the objective's own constants, weights and retain term."""
        return {name: self._or_default(name) for name in OF_THE_OBJECTIVE}

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, defaults filled in."""
        return {**dataclasses.asdict(self), **self.resolved}

    def _or_default(self, name: str) -> Any:
        given = getattr(self, name)
        return getattr(get_objective(self.objective), name) if given is None else given
