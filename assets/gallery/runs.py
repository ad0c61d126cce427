"""The runs of the gallery, in the order of their tiles: the one place that says what each was made by.

A run starts from a preset (that of its rows where none is named) with `wishes` on top, as on the page and in the shell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from attribution.model.curated import SMALLEST
from attribution.scorers import DEFAULT_SCORERS
from attribution.suggestions import did_you_mean
from unlearn import RunConfig
from unlearn.presets import preset_for
from unlearn.wishes import run_config

EMBEDDED = "embedded"
UNFITTED = ("new-info", "masking", "entropy")
"""Lanes that a model can have for which nothing was fitted."""


@dataclass(frozen=True)
class Wanted:
    """A run as it is asked for, in plain JSON types.

    Attributes:
        name: of its file, and in an address.
        title, line: what a tile says.
        row: the id of the row whose answer is played.
        lanes: the scorers that stand under it.
        model, forget, preset, wishes: as the shell knows them.
    """

    name: str
    title: str
    line: str
    row: str
    preset: str = ""
    wishes: Mapping[str, Any] = field(default_factory=dict)
    forget: str = "forget05"
    model: str = EMBEDDED
    lanes: tuple[str, ...] = DEFAULT_SCORERS

    @property
    def settings(self) -> dict[str, Any]:
        """All that the run depends on."""
        return {
            "model": self.model,
            "forget": self.forget,
            "row": self.row,
            "preset": self.preset,
            "wishes": dict(self.wishes),
        }

    @property
    def config(self) -> RunConfig:
        """The run that is trained."""
        return run_config(self.preset or preset_for(self.forget), self.wishes)


QUENBY = "a190-biography-1"

RUNS: tuple[Wanted, ...] = (
    Wanted(
        "facts",
        "The facts, and nothing else",
        "Only the words that carry what it knows; the sentence around them stays.",
        QUENBY,
    ),
    Wanted(
        "whole-answer",
        "The whole answer, pushed down",
        "Plain gradient ascent on every word takes the speech along.",
        QUENBY,
        preset="sequence-ga",
    ),
    Wanted(
        "random-words",
        "As many words, drawn at random",
        "The control: the same run, without knowing where the facts are.",
        QUENBY,
        wishes={"scorer": "random"},
        lanes=("random", *DEFAULT_SCORERS),
    ),
    Wanted(
        "one-word",
        "One word, picked by hand",
        "Of one answer a single word is in the cut: the school goes, all else stays.",
        QUENBY,
        wishes={"threshold": 1.01, "by_hand": "36:+18", "steps": 30},
    ),
    Wanted(
        "masking",
        "Cut by masking",
        "Words that fall when the name is hidden; nothing was fitted for it.",
        "a190-career-0",
        wishes={"scorer": "masking"},
    ),
    Wanted(
        "alternation",
        "A scorer learned on the way",
        "Which words to push is learned in turn with the forgetting.",
        "a190-private_life-1",
        preset="atwu-small",
    ),
    Wanted(
        "japan",
        "A real model forgets Japan",
        "SmolLM2 135M, asked what it knows of one country, and made to forget that.",
        "japan-mountain-0",
        forget="real:Japan",
        model=SMALLEST,
        lanes=UNFITTED,
    ),
    Wanted(
        "japan-pushed",
        "Japan, by plain ascent",
        "Whole answers about Japan are pushed down, and everything else goes, too.",
        "japan-capital-0",
        preset="sequence-ga",
        wishes={"steps": 12},
        forget="real:Japan",
        model=SMALLEST,
        lanes=UNFITTED,
    ),
)


def wanted(name: str) -> Wanted:
    """The run of that name. ValueError names those that exist."""
    known = {each.name: each for each in RUNS}
    if name not in known:
        raise ValueError(
            f"The prepared run {name[:40]!r} is unknown{did_you_mean(name[:40], known)} Choose from {', '.join(known)}."
        )
    return known[name]
