"""What a run does, from the command line: a preset, and every flag that changes it."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any, get_args

from attribution.scorers import MASK_SCOPES, SCORERS
from attribution.selection import Rule, RuleKind
from attribution.suggestions import did_you_mean
from unlearn.cli.common import log
from unlearn.objectives import NORMALISERS, OBJECTIVES, RETENTIONS
from unlearn.presets import DEFAULT_PRESET, HARD_SHARE, PRESETS, SOFT_TEMPERATURE, preset
from unlearn.run.config import Learning, RunConfig
from unlearn.run.processes import WAYS

STRATEGIES: dict[str, RuleKind] = {
    "hard": "top",
    "soft": "soft",
    "proportional": "proportional",
    "raw": "raw",
    "sequence": "sequence",
}
# Flags that set a field of `RunConfig` as it is.
FIELDS = {
    "objective": "objective",
    "retain_loss": "retain",
    "steps": "steps",
    "lr": "learning_rate",
    "beta": "beta",
    "beta2": "beta2",
    "delta": "delta",
    "gamma": "gamma",
    "alpha": "alpha",
    "normaliser": "normaliser",
    "score_every": "score_every",
    "learn": "learn",
    "layer": "layer",
    "layer_position": "layer_position",
    "micro_batch": "micro_batch",
    "seed": "seed",
    "lora": "lora",
    "precision": "precision",
    "until_recall": "until_recall",
}


def add_run_options(parse: argparse.ArgumentParser) -> None:
    """Every setting of a run. What is left out is the preset's."""
    ours = PRESETS[DEFAULT_PRESET].config
    parse.add_argument(
        "--preset",
        default=DEFAULT_PRESET,
        metavar="NAME",
        help=f"a run with a name; every flag below changes it. {DEFAULT_PRESET} unless told, whose settings are given "
        f"in brackets; others: {', '.join(name for name in PRESETS if name != DEFAULT_PRESET)}",
    )
    parse.add_argument("--list-presets", action="store_true", help="say what each preset does, and stop")

    tokens = parse.add_argument_group("which tokens")
    tokens.add_argument("--scorer", help=f"{', '.join(info.name for info in SCORERS)} [{ours.rule.scorer}]")
    tokens.add_argument("--mask-scope", default="subject", help=f"what masking hides: {', '.join(MASK_SCOPES)}")
    tokens.add_argument(
        "--strategy",
        help="hard (the best tokens), soft (a softmax over ranks), proportional (to the scores, ETW), raw (the scores, "
        "ATWU) or sequence (all tokens) [hard]",
    )
    tokens.add_argument("--top", type=float, help=f"hard: share of each answer that is selected [{ours.rule.cut:g}]")
    tokens.add_argument("--threshold", type=float, help="hard: keep scores from here on, instead of a top share")
    tokens.add_argument("--tau", type=float, help=f"soft: temperature of the softmax [{SOFT_TEMPERATURE:g}]")
    tokens.add_argument(
        "--keep-given",
        action=argparse.BooleanOptionalAction,
        help="also select the subject's name, which the prompt gives [no]",
    )
    tokens.add_argument(
        "--score-every", type=int, metavar="K", help="score again every K steps; 1 is live, 0 scores once [0]"
    )
    tokens.add_argument(
        "--learn", help=f"where the learned scorer comes from: {', '.join(get_args(Learning))} [{ours.learn}]"
    )

    loss = parse.add_argument_group("the loss")
    loss.add_argument("--objective", help=f"{', '.join(OBJECTIVES)} [{ours.objective}]")
    loss.add_argument("--retain-loss", help=f"{', '.join(RETENTIONS)} [the objective's own]")
    loss.add_argument("--beta", type=float, help="the objective's temperature [its own default]")
    loss.add_argument("--beta2", type=float, help="SatImp's second power [its own default]")
    loss.add_argument("--delta", type=float, help="SimNPO's margin in nats [its own default]")
    loss.add_argument("--gamma", type=float, help="weight of the forget term [the objective's own]")
    loss.add_argument("--alpha", type=float, help="weight of the retain term [the objective's own]")
    loss.add_argument("--normaliser", help=f"mean over tokens: per {' or per '.join(NORMALISERS)} [{ours.normaliser}]")
    loss.add_argument("--layer", type=int, help="RMU's layer, from 1 [at a third of the depth]")
    loss.add_argument("--layer-position", help=f"the state RMU takes: own or predicting [{ours.layer_position}]")

    training = parse.add_argument_group("the training")
    training.add_argument("--steps", type=int, help=f"optimiser steps [{ours.steps}]")
    training.add_argument("--lr", type=float, help=f"learning rate [{ours.learning_rate:g}]")
    training.add_argument("--micro-batch", type=int, metavar="ROWS", help="rows in one forward [all of a step's]")
    training.add_argument("--lora", type=int, metavar="RANK", help="train adapters of this rank instead of all weights")
    training.add_argument("--precision", help=f"what forwards compute in: float32 or bfloat16 [{ours.precision}]")
    training.add_argument(
        "--gradient-checkpointing", action="store_true", help="less memory for about a third more time"
    )
    training.add_argument(
        "--until-recall", type=float, metavar="R", help="stop once the forget recall of a few probed rows is R or less"
    )
    training.add_argument(
        "--roll-back", action="store_true", help="when the rest goes too, end, and go back to the best sound step"
    )
    training.add_argument(
        "--processes", type=int, metavar="N", help="stop unless the launcher (torchrun, accelerate) started N"
    )
    training.add_argument(
        "--parallel", default="ddp", help=f"how several processes hold the model: {' or '.join(WAYS)} [ddp]"
    )
    training.add_argument("--seed", type=int, help=f"of the order of rows and everything drawn [{ours.seed}]")


def config_from(options: argparse.Namespace) -> RunConfig:
    """The run that the command line asks for. ValueError names what cannot be."""
    base = preset(options.preset).config
    changes: dict[str, Any] = {
        field: getattr(options, flag) for flag, field in FIELDS.items() if getattr(options, flag) is not None
    }
    base = base.with_objective(changes.get("objective", base.objective))
    changes |= {name: True for name in ("roll_back", "gradient_checkpointing") if getattr(options, name)}
    # The shell asks before and after, not on the way.
    probed = options.until_recall is not None or options.roll_back
    changes["probe_every"] = base.probe_every if probed else 0
    return dataclasses.replace(base, rule=_rule(options, base.rule), **changes)


def _rule(options: argparse.Namespace, base: Rule) -> Rule:
    kind, cut = base.kind, base.cut
    if options.strategy is not None:
        if options.strategy not in STRATEGIES:
            raise ValueError(
                f"The strategy {options.strategy!r} is unknown{did_you_mean(options.strategy, STRATEGIES)} "
                f"Choose from {', '.join(STRATEGIES)}."
            )
        kind = STRATEGIES[options.strategy]
    strategy = next(name for name, its in STRATEGIES.items() if its == ("top" if kind == "threshold" else kind))
    if options.threshold is not None:
        if strategy != "hard":
            raise ValueError(f"--threshold belongs to --strategy hard, not to {strategy}.")
        if options.top is not None:
            raise ValueError("--top and --threshold are two ways to cut: give one of them.")
    for flag, wanted in (("top", "hard"), ("tau", "soft")):
        if getattr(options, flag) is not None and strategy != wanted:
            log.info("--%s plays no part in --strategy %s.", flag, strategy)
    if options.threshold is not None:
        kind, cut = "threshold", options.threshold
    elif options.top is not None and strategy == "hard":
        kind, cut = "top", options.top
    elif options.tau is not None and strategy == "soft":
        cut = options.tau
    elif kind != base.kind:
        # The preset's cut belongs to its own kind of rule.
        cut = SOFT_TEMPERATURE if kind == "soft" else HARD_SHARE
    keep_given = base.keep_given if options.keep_given is None else options.keep_given
    return Rule(base.scorer if options.scorer is None else options.scorer, kind, cut, keep_given)
