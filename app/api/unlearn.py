"""The `/unlearn` endpoint: a run by a program, with every setting that the command line has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from app.visit.studio import Studio
from app.visit.training import train
from app.visit.visits import Visits, refused
from app.visit.wished import PRESET, Wished, with_wishes
from unlearn.presets import DEFAULT_PRESET, preset_for
from unlearn.wishes import run_config

HEAD = """Train a copy of your session's model on the selected tokens; streams the run as it stands after each step.

The embedded model forgets forget05 unless `/open` was called.

The run stays with your session: `/compare` reads it. One run per session at a time. What is left out is the preset's;
without a preset it is our own, whose values stand in brackets: the top 30% of the tokens learn from a teacher.
"""
PLACE = {"row": ("forget:0", "the forget row whose weights are returned."), **PRESET}
RETURNS = """Returns:
    {"config", "seconds", "stopped", "rolled_back_to", "notes": [...], "steps": [...],
    "selection": {"row", "tokens", "weights"}}"""


def unlearn_endpoint(visits: Visits) -> Callable[..., Iterator[dict[str, Any]]]:
    """The function behind `/unlearn`, with a parameter for every setting that may be wished for."""

    def answer(wished: Wished) -> Iterator[dict[str, Any]]:
        try:
            visit = visits.of(wished.request.session_hash)
            studio = visit.studio
            fit = preset_for(studio.corpus.name)
            preset = wished.given["preset"] or (fit if fit != DEFAULT_PRESET else "")
            config = run_config(preset, wished.wishes, studio.settings.max_steps)
            number = forget_row(studio, wished.given["row"])
            tokens = [token.text for token in studio.model.encode(studio.corpus.forget[number].example).tokens]
            for training in train(visit, config, preset):
                if not training.steps:
                    continue
                yield {
                    "config": config.to_dict(),
                    "seconds": training.steps[-1].seconds,
                    "stopped": visit.stopping and len(training.steps) < config.steps,
                    "rolled_back_to": training.rolled_back_to,
                    "notes": list(training.notes),
                    "steps": [step.to_dict() for step in training.steps],
                    "selection": {
                        "row": f"forget:{number}",
                        "tokens": tokens,
                        "weights": list(training.selections[number].weights),
                    },
                }
        except ValueError as error:
            raise refused(error) from error

    return with_wishes("unlearn", HEAD, RETURNS, answer, Iterator[dict[str, Any]], PLACE)


def forget_row(studio: Studio, name: str) -> int:
    """The number in `forget:12`. ValueError when there is no such forget row."""
    split, _, number = name.partition(":")
    if split.strip() != "forget" or not number.strip().isdigit():
        raise ValueError(f"The row {name!r} is no row to forget: write forget: and a number, such as forget:0.")
    studio.row("forget", int(number))
    return int(number)
