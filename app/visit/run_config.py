"""From a filled form and the visible cut to a `RunConfig` (`unlearn.wishes`), and back. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from app.server.settings import Settings
from attribution import Rule, Selection, TokenScores, by_hand, select
from attribution.selection import read_edits, write_edits
from attribution.settings import Described
from unlearn import RunConfig
from unlearn.presets import PRESETS, SOFT_TEMPERATURE, preset
from unlearn.run.config import OF_THE_OBJECTIVE, OURS
from unlearn.run.hand import rows_by_hand, written_by_hand
from unlearn.wishes import WISHES, run_config

OWN_CUT = "cut"
"""In place of a preset's name: the cut that is visible in Inspect, with our default settings."""
ITS_OWN = "preset"
"""In place of a strategy: the tokens that the preset brings."""
HAND = "hand"
"""In the visible cut, beside the fields of its rule: what was put in and taken out by hand."""
PRESET_NAMES = (OWN_CUT, *PRESETS)
STRATEGIES = {name: WISHES["strategy"].titles[name] for name in ("hard", "soft", "sequence")}
FIELDS = {one.facts.key: name for name, one in WISHES.items() if one.facts.form}
"""The fields of the form beside preset, strategy and softness: name in an address -> the setting."""


def base_of(name: str) -> RunConfig:
    """The run that a preset's name, or `cut`, starts from. ValueError names the presets."""
    return OURS if name == OWN_CUT else preset(name).config


def shown_setting(name: str, most_steps: int) -> Described:
    """A setting within the bounds that the form shows it in."""
    described = WISHES[name]
    if described.facts.slider is None:
        return described
    least, most = described.facts.slider
    return described.narrowed(least, most_steps if most is None else most)


def form_values(name: str, most_steps: int) -> dict[str, Any]:
    """What the form's fields show when this preset, or `cut`, is chosen: every number as it will be, none left out."""
    base = base_of(name)
    return {
        "preset": name,
        "strategy": "hard" if name == OWN_CUT else ITS_OWN,
        "softness": SOFT_TEMPERATURE,
        **{field: shown(base, setting) for field, setting in FIELDS.items()},
        "steps": min(base.steps, most_steps),
    }


def form_of(name: str, config: RunConfig, row: int | None, most_steps: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the visible cut, what the form shows) by which `form_config` comes to this run; the way back.

    Args:
        name: of the preset that the run starts from, or `cut`.
        row: the number among the rows to forget of the one in view, whose edits by hand are shown.
    """
    rule, base = config.rule, base_of(name)
    values = {**form_values(name, most_steps), **{field: shown(config, setting) for field, setting in FIELDS.items()}}
    cut = {"scorer": rule.scorer, "kind": "top", "cut": Rule().cut, "keep_given": rule.keep_given}
    if rule.kind in ("top", "threshold"):
        cut |= {"kind": rule.kind, "cut": rule.cut}
        values["strategy"] = "hard"
    elif rule == base.rule:
        values["strategy"] = ITS_OWN
    else:
        values["strategy"] = rule.kind
        if rule.kind == "soft":
            values["softness"] = rule.cut
    if row is not None and (edits := rows_by_hand(config.by_hand).get(row)):
        cut[HAND] = edits
    return cut, values


def opened_with(cut: Mapping[str, Any], lanes: Sequence[str]) -> dict[str, Any]:
    """How the lanes are shown with a cut and nothing else of their view, in the shape of their `view` event.

    Where the cut's scorer has no lane, as that of a run on whole answers may, they open with the first.
    """
    if cut["scorer"] not in lanes:
        return {"view": "lanes", "units": "tokens", "colour": "rank", "active": lanes[0], "cuts": {}}
    rule = {"kind": cut["kind"], "cut": cut["cut"]}
    shown = {"active": cut["scorer"], "cuts": {cut["scorer"]: rule}, "keep_given": cut["keep_given"]}
    return {"view": "lanes", "units": "tokens", "colour": "rank", **shown, HAND: cut.get(HAND, "")}


def objective_values(name: str, objective: str) -> dict[str, Any]:
    """What the fields of the objective's constants show when another objective is chosen: its own."""
    config = base_of(name).with_objective(objective)
    return {field: shown(config, setting) for field, setting in FIELDS.items() if setting in OF_THE_OBJECTIVE}


def shown(config: RunConfig, setting: str) -> Any:
    """What a field shows of a run."""
    value = config.resolved[setting] if setting in OF_THE_OBJECTIVE else getattr(config, setting)
    # A number field of the page cannot stand empty from the start: 0 stands for none.
    return 0 if value is None else value


def form_config(
    values: Mapping[str, Any], cut: dict[str, Any], settings: Settings, row: int | None = None
) -> RunConfig:
    """The run that a filled form asks for, given the visible cut.

    Args:
        row: the number among the rows to forget of the one in view, whose selection the cut edits by hand; None where
            it is none of them, and the edits are not used.

    Raises:
        ValueError: a field is empty or has a value that cannot be.
    """
    wishes = {}
    for field, setting in FIELDS.items():
        value, described = values[field], WISHES[setting]
        may_be_none = described.optional and setting not in OF_THE_OBJECTIVE
        if value is None and not may_be_none:
            raise ValueError(
                f"{described.facts.title} is empty: type a number, or choose the preset again for its own."
            )
        if not (may_be_none and not value):
            wishes[setting] = value
    name = values["preset"]
    if values["strategy"] != ITS_OWN or name == OWN_CUT:
        wishes |= cut_wishes(cut, values["strategy"], values["softness"], row)
    return run_config("" if name == OWN_CUT else name, wishes, settings.max_steps)


def cut_wishes(cut: dict[str, Any], strategy: str, softness: float, row: int | None = None) -> dict[str, Any]:
    """What the visible cut wishes for under a strategy.

    Args:
        cut: a rule's fields, and perhaps what was put in and taken out of the row in view by hand (`HAND`).
        row: as `form_config`.

    Raises:
        ValueError: a strategy, a rule or edits that are none.
    """
    rule, edits = _rule_of(cut), edits_of(cut)
    wishes = {"scorer": rule.scorer, "keep_given": rule.keep_given, "strategy": strategy}
    if strategy == "hard":
        wishes["threshold" if rule.kind == "threshold" else "top"] = rule.cut
    elif strategy == "soft":
        wishes["temperature"] = softness
    if edits and row is not None and strategy != "sequence":
        wishes["by_hand"] = written_by_hand({row: edits})
    return wishes


def cut_of(scores: TokenScores, cut: dict[str, Any]) -> Selection:
    """What the visible cut keeps of the row in view, edits by hand told in.

    Raises:
        ValueError: a rule or edits that are none, or by which nothing is left.
    """
    return by_hand(select(scores, _rule_of(cut)), edits_of(cut), may_be_empty=True)


def _rule_of(cut: dict[str, Any]) -> Rule:
    if not isinstance(cut, dict) or set(cut) - {HAND, *(entry.name for entry in dataclasses.fields(Rule))}:
        raise ValueError("The cut is none: it has a scorer, a kind, a cut and keep_given. Move it, then try again.")
    return Rule(**{name: value for name, value in cut.items() if name != HAND})


def edits_of(cut: Mapping[str, Any]) -> str:
    """What the visible cut puts in and takes out by hand, `+4-9`. ValueError when that is no such text."""
    edits = cut.get(HAND) or ""
    if not isinstance(edits, str):
        raise ValueError("The cut's edits by hand are no text, such as +4-9: take them back, then try again.")
    return write_edits(read_edits(edits))


def changed_from(name: str, config: RunConfig) -> bool:
    """Whether a run departs from its preset in more than its length and its seed."""
    base = base_of(name)
    return dataclasses.replace(config, steps=base.steps, seed=base.seed) != base
