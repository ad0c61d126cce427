"""From what somebody wishes for to a `RunConfig`: the command line, the page's form and `/unlearn` all ask here.

A run starts from a preset. What was wished for is put on top of it; what was not is exactly the preset's, also what has
no flag and no field (how a scorer is learned). So equal wishes are equal runs, wherever they are uttered.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from attribution.selection import TOKENS, Rule, RuleKind
from attribution.settings import Described, setting, settings_of
from attribution.suggestions import did_you_mean
from unlearn.presets import DEFAULT_PRESET, HARD_SHARE, SOFT_TEMPERATURE, preset
from unlearn.run.config import OF_THE_OBJECTIVE, OURS, RunConfig

STRATEGIES: dict[str, RuleKind] = {
    "hard": "top",
    "soft": "soft",
    "proportional": "proportional",
    "raw": "raw",
    "sequence": "sequence",
}
_TITLES = {"proportional": "In proportion", "raw": "The score itself", "sequence": "Whole sequence"}


@dataclass(frozen=True)
class Cut:
    """How a rule cuts, in a person's words: a strategy, and the number that belongs to it."""

    strategy: str | None = setting(
        None,
        "What is pushed",
        "what is trained: the best tokens (hard), or all: by a softmax over ranks (soft), in proportion to the scores "
        "(proportional, ETW), by the scores themselves (raw, ATWU), or alike (sequence)",
        choices={name: _TITLES.get(name, name.capitalize()) for name in STRATEGIES},
        none="hard",
        group=TOKENS,
        flag="--strategy",
        key="strategy",
    )
    top: float | None = setting(
        None,
        "Top share",
        "hard: share of each answer that is selected",
        above=0,
        high=1,
        none=f"{HARD_SHARE:g}",
        group=TOKENS,
        flag="--top",
    )
    threshold: float | None = setting(
        None,
        "Threshold",
        "hard: keep scores from here on, instead of a top share",
        group=TOKENS,
        flag="--threshold",
    )
    temperature: float | None = setting(
        None,
        "Softness",
        "soft: small is nearly only the best token, large is nearly all alike",
        above=0,
        none=f"{SOFT_TEMPERATURE:g}",
        step=0.05,
        slider=(0.05, 2.0),
        group=TOKENS,
        flag="--tau",
        key="softness",
    )


def _as_ours(config: Any) -> dict[str, Described]:
    """The settings that may be wished for, with the values of our own run as what is left out."""
    found = {name: one for name, one in settings_of(config.__class__).items() if one.facts.flag}
    return {name: dataclasses.replace(one, default=getattr(config, name)) for name, one in found.items()}


_OF_RULE = _as_ours(OURS.rule) | settings_of(Cut)
WISHES: dict[str, Described] = _OF_RULE | _as_ours(OURS)
"""Everything that may be wished for, by name; a wish that is None is none."""


def run_config(name: str | RunConfig, wishes: Mapping[str, Any], most_steps: int | None = None) -> RunConfig:
    """The run of a preset, or of another's settings, with what is wished for on top.

    Args:
        name: of the preset; empty for our own run; or the run itself.
        wishes: settings by their names in `WISHES`; None leaves the preset's.
        most_steps: of the host; None for as many as one likes.

    Raises:
        ValueError: an unknown name, a value outside its range, or settings that contradict each other.
    """
    for wish in wishes:
        if wish not in WISHES:
            raise ValueError(f"There is no setting {wish!r}{did_you_mean(wish, WISHES)}")
    narrowed = {"steps": most_steps}
    given = {wish: WISHES[wish].read(value, narrowed.get(wish)) for wish, value in wishes.items() if value is not None}
    base = name if isinstance(name, RunConfig) else preset(name or DEFAULT_PRESET).config
    base = base.with_objective(given.pop("objective", base.objective))
    rule = _rule(base.rule, **{wish: given.pop(wish) for wish in _OF_RULE if wish in given})
    own = base.resolved
    # A number that the objective would take by itself stays the objective's: the config is then the preset's.
    changed = {wish: value for wish, value in given.items() if wish not in OF_THE_OBJECTIVE or value != own[wish]}
    config = dataclasses.replace(base, rule=rule, **changed)
    WISHES["steps"].read(config.steps, most_steps)
    return config


def _rule(
    base: Rule,
    strategy: str | None = None,
    top: float | None = None,
    threshold: float | None = None,
    temperature: float | None = None,
    **rest: Any,
) -> Rule:
    own = next(name for name, kind in STRATEGIES.items() if kind == ("top" if base.kind == "threshold" else base.kind))
    now = strategy or own
    if strategy is not None:
        # Who names a strategy means it, and a number of another one is left over.
        top = top if now == "hard" else None
        temperature = temperature if now == "soft" else None
    for value, title, its in (
        (top, "top share", "hard"),
        (threshold, "threshold", "hard"),
        (temperature, "softness", "soft"),
    ):
        if value is not None and now != its:
            raise ValueError(f"A {title} belongs to the strategy {its}, and this run's is {now}: name {its} with it.")
    if top is not None and threshold is not None:
        raise ValueError("A top share and a threshold are two ways to cut: give one of them.")
    kind, cut = base.kind, base.cut
    if now != own:
        # The preset's cut belongs to its own kind of rule.
        kind, cut = STRATEGIES[now], SOFT_TEMPERATURE if now == "soft" else HARD_SHARE
    if threshold is not None:
        kind, cut = "threshold", threshold
    elif top is not None:
        kind, cut = "top", top
    elif temperature is not None:
        cut = temperature
    return dataclasses.replace(base, kind=kind, cut=cut, **rest)
