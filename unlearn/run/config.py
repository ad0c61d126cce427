"""`RunConfig`: what a run does, each setting described beside its field, checked before anything starts."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from attribution.scorers import scorer_info
from attribution.selection import SEQUENCE_BY_HAND, TOKENS, Rule
from attribution.settings import check_settings, setting
from unlearn.objectives import OBJECTIVES, RETENTIONS, Constants, Normaliser, get_objective
from unlearn.run.hand import rows_by_hand, written_by_hand
from unlearn.run.scorer_learning import ScorerSettings

Learning = Literal["given", "alternate", "refit"]
Teacher = Literal["swap", "hidden"]
Optimiser = Literal["adamw", "sgd"]
Precision = Literal["float32", "bfloat16"]
# Settings that None leaves to the objective.
OF_THE_OBJECTIVE = ("beta", "beta2", "delta", "inner", "gamma", "alpha", "retain", "anchor")
ITS_OWN = "the objective's own"
LOSS, TRAINING = "The loss", "The training"
MOST_SEED = 2**31 - 1


def _objectives() -> dict[str, str]:
    """`NPO, arXiv 2404.05868 (paper)`: a title, where it comes from and its evidence mark."""
    sources = {name: entry.paper.rpartition(", ")[2] for name, entry in OBJECTIVES.items()}
    return {name: f"{entry.title}, {sources[name]} ({entry.evidence})" for name, entry in OBJECTIVES.items()}


def _retentions() -> dict[str, str]:
    return {name: f"{entry.title} ({entry.evidence})" for name, entry in RETENTIONS.items()}


@dataclass(frozen=True)
class RunConfig:
    """What a run does. Every setting is described where it stands; what needs more words has them here.

    The learning rate rises in a line over the first `warmup` steps and falls in one towards 0 over the last `cooldown`
    (a share of the steps), so that the last rows seen don't decide what is kept. `layer_position` is the state that RMU
    takes for token t: its `own`, as the authors' code does, or the `predicting` one, t - 1, ours: with a few tokens
    selected it forgets sooner and hurts the others less. Weights, gradients and moments are float32 whatever
    `precision` forwards compute in.

    Raises:
        ValueError: a value outside its range, an unknown name, or settings that contradict each other.
    """

    rule: Rule = field(default_factory=Rule)
    by_hand: str = setting(
        "",
        "By hand",
        "tokens put in (+) and taken out (-) of what the rule selects, by forget row and token, both from 0: "
        "36:+4-9; 40:-2",
        group=TOKENS,
        flag="--by-hand",
        key="hand",
    )
    score_every: int = setting(
        0,
        "Steps between scorings",
        "score a row again, with the model as it then is, once its scores are so many steps old; 0: once, with the "
        "original model; 1: live",
        low=0,
        step=1,
        group=TOKENS,
        flag="--score-every",
        key="every",
        form=True,
    )
    learn: Learning = setting(
        "given",
        "Learned scorer",
        "where the learned scorer comes from: fitted before (given), in alternation with the model (alternate), or so "
        "in a first run whose model is thrown away, then frozen (refit)",
        group=TOKENS,
        flag="--learn",
    )
    scorer_settings: ScorerSettings = field(default_factory=ScorerSettings)
    objective: str = setting(
        "wga",
        "Objective",
        "the loss that forgets",
        choices=_objectives,
        group=LOSS,
        flag="--objective",
        key="objective",
        form=True,
    )
    retain: str | None = setting(
        None,
        "What holds the rest",
        "the retain term",
        choices=_retentions,
        none=ITS_OWN,
        group=LOSS,
        flag="--retain-loss",
        key="retain",
        form=True,
    )
    alpha: float | None = setting(
        None,
        "alpha",
        "weight of what holds the rest",
        low=0,
        none=ITS_OWN,
        step=0.1,
        group=LOSS,
        flag="--alpha",
        key="alpha",
        form=True,
    )
    gamma: float | None = setting(
        None,
        "gamma",
        "weight of what forgets",
        low=0,
        none=ITS_OWN,
        step=0.1,
        group=LOSS,
        flag="--gamma",
        key="gamma",
        form=True,
    )
    anchor: float | None = setting(
        None,
        "lambda",
        "weight of the anchors, which hold every answer token that is not selected to what the original model says",
        low=0,
        none=ITS_OWN,
        step=0.1,
        group=LOSS,
        flag="--anchor",
        key="anchor",
        form=True,
    )
    teacher: Teacher = setting(
        "swap",
        "Teacher",
        "whom the counterfactual objective learns from: the original model",
        choices={"swap": "Asked about somebody else", "hidden": "With the subject hidden"},
        group=LOSS,
        flag="--teacher",
        key="teacher",
        form=True,
    )
    beta: float | None = setting(
        None,
        "beta",
        "the objective's temperature",
        low=0,
        none=ITS_OWN,
        step=0.1,
        group=LOSS,
        flag="--beta",
        key="beta",
        form=True,
    )
    beta2: float | None = setting(
        None, "beta2", "SatImp's second power", low=0, none=ITS_OWN, group=LOSS, flag="--beta2"
    )
    delta: float | None = setting(
        None, "delta", "SimNPO's margin", unit="nats", none=ITS_OWN, group=LOSS, flag="--delta"
    )
    inner: float | None = setting(
        None,
        "Inner states",
        "weight of the teacher's inner states beside what it says, in the counterfactual objective: 0 leaves what is "
        "not said any more in the states below",
        low=0,
        none=ITS_OWN,
        step=1,
        group=LOSS,
        flag="--inner",
        key="inner",
        form=True,
    )
    normaliser: Normaliser = setting(
        "weight",
        "The forget loss is a mean per",
        "the unit that the mean is over",
        choices={"weight": "Unit of weight", "label": "Token"},
        group=LOSS,
        flag="--normaliser",
        key="normaliser",
        form=True,
    )
    layer: int | None = setting(
        None, "Layer", "RMU's layer", low=1, none="a third of the depth", group=LOSS, flag="--layer"
    )
    layer_position: Literal["own", "predicting"] = setting(
        "predicting", "State", "the state that RMU takes for a token", group=LOSS, flag="--layer-position"
    )
    steps: int = setting(
        80,
        "Steps",
        "optimiser steps",
        low=1,
        step=1,
        slider=(5, None),
        group=TRAINING,
        flag="--steps",
        key="steps",
        form=True,
    )
    learning_rate: float = setting(
        4e-4,
        "Learning rate",
        "of the optimiser",
        above=0,
        step=1e-5,
        group=TRAINING,
        flag="--lr",
        key="rate",
        form=True,
    )
    warmup: int = setting(3, "Warm-up", "steps over which the learning rate rises", low=0)
    cooldown: float = setting(0.125, "Cool-down", "share of the steps over which it falls", low=0, high=1)
    optimiser: Optimiser = setting("adamw", "Optimiser", "AdamW without weight decay, or SGD without momentum")
    forget_batch: int = setting(16, "Forget batch", "rows to forget in a step", low=1)
    retain_batch: int = setting(16, "Retain batch", "rows to keep in a step", low=1)
    micro_batch: int | None = setting(
        None,
        "Rows in one forward",
        "a step of more rows adds up parts of this many, to the same gradient",
        low=1,
        none="all of a step's",
        group=TRAINING,
        flag="--micro-batch",
    )
    lora: int | None = setting(
        None,
        "Rank of adapters",
        "train low-rank adapters of this rank instead of all weights",
        low=1,
        high=256,
        none="all weights",
        zero=True,
        step=1,
        group=TRAINING,
        flag="--lora",
        key="lora",
        form=True,
    )
    train_from: int | None = setting(
        None,
        "Train from block",
        "the first block that is trained, 1 for all: what lies below is read once a row, which takes less time and "
        "leaves the knowledge in the lower blocks where it is",
        low=1,
        none="1, and half-way up for a large model without a GPU",
        zero=True,
        step=1,
        group=TRAINING,
        flag="--train-from",
        key="from",
        form=True,
    )
    precision: Precision = setting(
        "float32", "Precision", "what forwards compute in", group=TRAINING, flag="--precision"
    )
    gradient_checkpointing: bool = setting(
        False,
        "Gradient checkpointing",
        "make inner values again in the backward pass: less memory for about a third more time, the same gradient",
        group=TRAINING,
        flag="--gradient-checkpointing",
    )
    probe_every: int = setting(5, "Steps between probes", "measure a few rows on the way; 0 never does", low=0)
    until_recall: float | None = setting(
        None,
        "End at forget recall",
        "end once a few probed rows have no more recall than this",
        low=0,
        high=1,
        none="not early",
        step=0.05,
        group=TRAINING,
        flag="--until-recall",
        key="until",
        form=True,
    )
    roll_back: bool = setting(
        False,
        "Keep the best sound step",
        "when the rest goes too, end, and go back to the best sound step: takes one more copy of the weights",
        group=TRAINING,
        flag="--roll-back",
        key="rollback",
        form=True,
    )
    seed: int = setting(
        0,
        "Seed",
        "of the order of rows and everything drawn",
        low=0,
        high=MOST_SEED,
        step=1,
        group=TRAINING,
        flag="--seed",
        key="seed",
        form=True,
    )

    def __post_init__(self) -> None:
        check_settings(self)
        # Equal edits are equal runs, however they are written.
        object.__setattr__(self, "by_hand", written_by_hand(rows_by_hand(self.by_hand)))
        chosen = get_objective(self.objective)
        if self.until_recall is not None and not self.probe_every:
            raise ValueError("until_recall looks at the probe: set probe_every to some steps, such as 5.")
        if self.roll_back and not self.probe_every:
            raise ValueError("roll_back looks at the probe: set probe_every to some steps, such as 5.")
        if self.beta == 0 and chosen.divides_by_beta:
            raise ValueError(f"{chosen.title} divides by beta: it must be above 0.")
        if self.learn != "given" and (self.rule.scorer != "learned" or self.rule.kind == "sequence"):
            raise ValueError(
                f"A run that learns its scorer ({self.learn}) weighs tokens by 'learned', and this one by "
                f"{'the whole sequence' if self.rule.kind == 'sequence' else repr(self.rule.scorer)}."
            )
        if self.by_hand and self.rule.kind == "sequence":
            raise ValueError(SEQUENCE_BY_HAND)
        if self.by_hand and self.learn != "given":
            raise ValueError(
                f"A run that learns its scorer ({self.learn}) selects what nobody has seen before it, so nothing can "
                "be put in or taken out by hand: leave the edits out, or set learn to given."
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
        chosen = {name: self._or_default(name) for name in ("beta", "beta2", "delta", "inner")}
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


OURS = RunConfig(objective="counterfactual", learning_rate=5e-4, alpha=8.0, inner=4.0, retain_batch=40, cooldown=0.4)
"""What a run does when nothing else is said: the preset `ours`."""
