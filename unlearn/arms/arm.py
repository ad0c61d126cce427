"""What an arm is: a run with a name, which may be a control of another one."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from attribution.scorers import SCORERS
from attribution.selection import Rule
from attribution.settings import settings_of
from attribution.suggestions import did_you_mean
from unlearn.presets import HARD_SHARE, PRESETS, SOFT_TEMPERATURE
from unlearn.run.config import RunConfig

CONTROLS = {
    "random": "as many tokens, drawn at random",
    "permuted": "the same scores, shuffled inside each answer",
    "inverse": "as many tokens, lowest scores first",
    "others": "exactly the tokens that the reference leaves out, but for what the prompt gives",
    "oracle": "the marked facts alone: the ceiling",
    "sequence": "every token, the end included",
    "sequence-matched": "every token, stopped where the weights have moved as far as the reference's",
}
_SWAPPED = str.maketrans("+-", "-+")
STRATEGIES = {"hard": ("top", HARD_SHARE), "soft": ("soft", SOFT_TEMPERATURE)}


@dataclass(frozen=True)
class Arm:
    """One run of a comparison; its seed is set by the trial.

    Attributes:
        name: as it was asked for.
        title: what it does, in words.
        config: the run.
        options: fields of `attribution.ScoreOptions`.
        matches: name of the arm whose |delta theta| it stops at, None for none.
    """

    name: str
    title: str
    config: RunConfig
    options: dict[str, Any] = field(default_factory=dict)
    matches: str | None = None


def parse_arms(names: Sequence[str], reference: str | Arm) -> list[Arm]:
    """Arms from their names, the reference first.

    A name is one of
        a preset, such as `ours` or `etw`;
        a control of the reference (`CONTROLS`), which differs from it in the tokens alone;
        a scorer, such as `masking`, or a scorer and a strategy, such as `fused/soft`: the reference with other tokens;
    and any of them with changes to the run: `etw+learning_rate=1e-4+steps=40`, `ours+top=0.25`, `ours+by_hand=3:+4-9`.

    Tokens put in and taken out by hand are the reference's own: `others` takes what they leave out, and every other
    control follows its rule alone (`Trial.selected` counts the tokens of each).

    Args:
        reference: a name, or an arm that no name describes, such as a cut somebody made by hand.

    Raises:
        ValueError: an unknown name or setting, a reference that is itself a control, or a name given twice.
    """
    if isinstance(reference, Arm):
        first = reference
    elif _base(reference) in CONTROLS:
        raise ValueError(f"The reference {reference!r} is a control itself: name the arm that it should control.")
    else:
        # A reference by a scorer's name is the default preset with other tokens.
        first = _parse(reference, PRESETS["ours"].config, None)
    wanted = [name for name in names if name != first.name]
    if len(set(wanted)) < len(wanted):
        raise ValueError(f"An arm is named twice: {', '.join(sorted({n for n in wanted if wanted.count(n) > 1}))}.")
    return [first, *(_parse(name, first.config, first.name) for name in wanted)]


def _base(name: str) -> str:
    return _parts(name)[0]


def _parts(name: str) -> list[str]:
    # The + of an edit by hand stands before a number.
    return re.split(r"\+(?!\d)", name)


def _parse(name: str, reference: RunConfig, reference_name: str | None) -> Arm:
    base, *changes = _parts(name)
    arm = _known(base, reference, reference_name)
    return dataclasses.replace(arm, name=name, config=_changed(arm.config, changes, name))


def _known(name: str, reference: RunConfig, reference_name: str | None) -> Arm:
    if name in PRESETS:
        return Arm(name, PRESETS[name].title, dataclasses.replace(PRESETS[name].config, probe_every=0))
    # A control scores once: what it controls for is the choice of tokens.
    given = dataclasses.replace(reference, learn="given", score_every=0, probe_every=0, by_hand="")
    rule = given.rule
    if name in ("sequence", "sequence-matched"):
        config = dataclasses.replace(given, rule=Rule(rule.scorer, "sequence", rule.cut, rule.keep_given))
        matches = reference_name if name == "sequence-matched" else None
        return Arm(name, CONTROLS[name], config, matches=matches)
    if name == "others":
        if rule.kind != "top":
            raise ValueError(f"The arm 'others' needs a reference that selects a top share, not {rule.kind!r}.")
        rest, swapped = dataclasses.replace(rule, kind="rest"), reference.by_hand.translate(_SWAPPED)
        return Arm(name, CONTROLS[name], dataclasses.replace(given, rule=rest, by_hand=swapped))
    if name in ("permuted", "inverse"):
        changed = dataclasses.replace(rule, scorer=name)
        return Arm(name, CONTROLS[name], dataclasses.replace(given, rule=changed), {"of": rule.scorer})
    scorer, _, strategy = name.partition("/")
    scorers = [info.name for info in SCORERS]
    if scorer not in scorers or strategy not in ("", *STRATEGIES):
        known = [*PRESETS, *CONTROLS, *scorers]
        raise ValueError(
            f"The arm {name!r} is unknown{did_you_mean(name, known)} Choose a preset ({', '.join(PRESETS)}), a control "
            f"({', '.join(CONTROLS)}), or a scorer ({', '.join(scorers)}), with /hard or /soft behind it if you like."
        )
    kind, cut = STRATEGIES[strategy] if strategy else (rule.kind, rule.cut)
    changed = Rule(scorer, kind, cut, rule.keep_given)  # type: ignore[arg-type]
    if scorer == "oracle":
        # All marked tokens, however many: a share would leave some out or draw others in.
        changed = Rule("oracle", "threshold", 0.5, rule.keep_given)
    return Arm(name, CONTROLS.get(name, f"tokens by {name}"), dataclasses.replace(given, rule=changed))


def _changed(config: RunConfig, changes: Sequence[str], name: str) -> RunConfig:
    settings = settings_of(RunConfig)
    for change in changes:
        key, _, text = change.partition("=")
        if key in ("top", "tau"):
            kind = "top" if key == "top" else "soft"
            cut = settings_of(Rule)["cut"].read(text)
            config = dataclasses.replace(config, rule=dataclasses.replace(config.rule, kind=kind, cut=cut))  # type: ignore[arg-type]
        elif key == "objective":
            config = config.with_objective(text)
        elif key in settings and key not in ("seed", "probe_every"):
            config = dataclasses.replace(config, **{key: settings[key].read(text)})
        else:
            raise ValueError(
                f"The arm {name!r} changes {key!r}, which is no setting{did_you_mean(key, settings)} "
                f"Choose from top, tau, {', '.join(settings)}."
            )
    return config
