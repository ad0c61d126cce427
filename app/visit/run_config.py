"""From what a form or a caller asks for to a `RunConfig`: pure, and every bad value is one sentence.

A run starts from a base: our default run for the visitor's own cut, or a preset. Whatever was changed is put on top of
it; whatever was not is exactly the base's, also what no form has a field for (how a scorer is learned, RMU's layer).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from app.server.settings import Settings
from attribution import Rule
from unlearn import RunConfig
from unlearn.presets import DEFAULT_PRESET, PRESETS, SOFT_TEMPERATURE, preset
from unlearn.run.config import OF_THE_OBJECTIVE

OWN_CUT = "cut"
"""In place of a preset's name: the cut that is visible in Inspect, with our default settings."""
ITS_OWN = "preset"
"""In place of a strategy: the tokens that the preset brings."""
STRATEGIES = {"hard": "Hard", "soft": "Soft", "sequence": "Whole sequence"}
DEFAULTS = preset(DEFAULT_PRESET).config
MOST_SEED = 2**31 - 1
MOST_RANK = 256

# The form's fields beside preset, strategy and softness: name in an address -> the setting of the run.
SETTINGS = {
    "objective": "objective",
    "steps": "steps",
    "rate": "learning_rate",
    "retain": "retain",
    "alpha": "alpha",
    "gamma": "gamma",
    "beta": "beta",
    "normaliser": "normaliser",
    "every": "score_every",
    "seed": "seed",
    "lora": "lora",
    "until": "until_recall",
    "rollback": "roll_back",
}
# As people call them, where a sentence is ours and not the run's.
_TITLES = {
    "steps": "The number of steps",
    "learning_rate": "The learning rate",
    "score_every": "Score again every",
    "lora": "The rank of adapters",
    "until_recall": "End at a forget recall of",
}


def base_of(name: str) -> RunConfig:
    """The run that a preset's name, or `cut`, starts from. ValueError names the presets."""
    return DEFAULTS if name == OWN_CUT else preset(name).config


def form_values(name: str, most_steps: int) -> dict[str, Any]:
    """What the form's fields show when this preset, or `cut`, is chosen: every number as it will be, none left out."""
    base = base_of(name)
    shown = {field: _shown(base, setting) for field, setting in SETTINGS.items()}
    return {
        "preset": name,
        "strategy": "hard" if name == OWN_CUT else ITS_OWN,
        "softness": SOFT_TEMPERATURE,
        **shown,
        "steps": min(base.steps, most_steps),
    }


def objective_values(name: str, objective: str) -> dict[str, Any]:
    """What the fields of the objective's constants show when another objective is chosen: its own."""
    config = base_of(name).with_objective(objective)
    return {field: _shown(config, setting) for field, setting in SETTINGS.items() if setting in OF_THE_OBJECTIVE}


def _shown(config: RunConfig, setting: str) -> Any:
    if setting in OF_THE_OBJECTIVE:
        return config.resolved[setting]
    value = getattr(config, setting)
    # A number field of the page cannot stand empty from the start: 0 stands for none.
    return 0 if value is None else value


def form_config(values: Mapping[str, Any], cut: dict[str, Any], settings: Settings) -> RunConfig:
    """The run that a filled form asks for, given the visible cut.

    Raises:
        ValueError: a field is empty or has a value that cannot be.
    """
    wishes = {setting: values[field] for field, setting in SETTINGS.items()}
    # By API 0 is a goal; in the form it says: not early.
    wishes["until_recall"] = wishes["until_recall"] or None
    for setting, value in wishes.items():
        if value is None and setting != "until_recall":
            raise ValueError(f"{_title(setting)} is empty: type a number, or choose the preset again for its own.")
    rule = chosen_rule(values["preset"], cut, values["strategy"], values["softness"])
    return make_config(rule, settings, values["preset"], **wishes)


def chosen_rule(name: str, cut: dict[str, Any], strategy: str, softness: float) -> Rule:
    """The rule that a run applies: the preset's own, or that of the visible cut under a strategy."""
    if strategy == ITS_OWN and name != OWN_CUT:
        return base_of(name).rule
    return make_rule(cut, strategy, softness)


def make_rule(rule: dict[str, Any], strategy: str, temperature: float) -> Rule:
    """The rule of the visible cut under a strategy.

    Raises:
        ValueError: a strategy or a rule that is none.
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"The strategy {strategy!r} is unknown: choose from {', '.join(STRATEGIES)}.")
    if not isinstance(rule, dict) or set(rule) - {"scorer", "kind", "cut", "keep_given"}:
        raise ValueError("The cut is none: it has a scorer, a kind, a cut and keep_given. Move it, then try again.")
    try:
        hard = Rule(**rule)
        temperature = float(temperature)
    except TypeError as error:
        raise ValueError("The cut holds something that is no number: move it, then try again.") from error
    if strategy == "sequence":
        return Rule(hard.scorer, "sequence")
    if strategy == "soft":
        return Rule(hard.scorer, "soft", temperature, hard.keep_given)
    return hard


def make_config(rule: Rule | None, settings: Settings, name: str = OWN_CUT, **wishes: Any) -> RunConfig:
    """The base that `name` stands for, with what is wished for on top.

    Args:
        rule: which tokens; None takes the base's own.
        wishes: fields of `RunConfig`; None leaves the base's value. `lora` 0 trains all weights.

    Raises:
        ValueError: a number outside its range, an unknown name, or settings that contradict each other.
    """
    base = base_of(name)
    base = base.with_objective(wishes.pop("objective", None) or base.objective)
    own = base.resolved
    changed: dict[str, Any] = {} if rule is None else {"rule": rule}
    for setting, value in wishes.items():
        if value is None:
            continue
        value = _checked(setting, value, settings)
        # A number that the objective would take by itself stays the objective's: the config is then the preset's.
        if setting not in OF_THE_OBJECTIVE or value != own[setting]:
            changed[setting] = value
    config = dataclasses.replace(base, **changed)
    _checked("steps", config.steps, settings)
    return config


def changed_from(name: str, config: RunConfig) -> bool:
    """Whether a run departs from its preset in more than its length and its seed."""
    base = base_of(name)
    return dataclasses.replace(config, steps=base.steps, seed=base.seed) != base


def _checked(setting: str, value: Any, settings: Settings) -> Any:
    ranges = {
        "steps": (1, settings.max_steps),
        "score_every": (0, settings.max_steps),
        "seed": (0, MOST_SEED),
        "lora": (0, MOST_RANK),
    }
    if setting in ranges:
        value = _whole(setting, value, *ranges[setting])
        return (value or None) if setting == "lora" else value
    if setting in ("learning_rate", "alpha", "gamma", "beta", "until_recall"):
        return _number(setting, value)
    return value


def _number(setting: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{_title(setting)} must be a number, not {str(value)[:40]!r}.") from None


def _whole(setting: str, value: Any, least: int, most: int) -> int:
    number = _number(setting, value)
    if not math.isfinite(number) or number != int(number):
        raise ValueError(f"{_title(setting)} must be a whole number, not {number:g}.")
    if not least <= number <= most:
        raise ValueError(f"{_title(setting)} must lie between {least} and {most} here, not {number:g}.")
    return int(number)


def _title(setting: str) -> str:
    return _TITLES.get(setting, f"The {setting}" if setting in ("seed", "normaliser") else setting)


PRESET_NAMES = (OWN_CUT, *PRESETS)
