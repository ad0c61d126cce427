"""The `/unlearn` endpoint: a run by a program, with every setting that the command line has."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from app.visit.studio import Studio
from app.visit.training import train
from app.visit.visits import Visits, refused
from unlearn.wishes import WISHES, run_config

HEAD = """Train a copy of the model on the selected tokens of forget05; streams the run as it stands after each step.

The run stays with your session: `/compare` reads it. One run per session at a time. What is left out is the preset's;
without a preset it is our own, whose values stand in brackets: WGA on the top 30% of the learned scores.
"""
PLACE = {
    "row": ("forget:0", "the forget row whose weights are returned."),
    "preset": ("", "a run by its name: etw, tokenunlearn-npo-hard, atwu, sequence-npo, ..."),
}
RETURNS = """Returns:
    {"config", "seconds", "stopped", "rolled_back_to", "notes": [...], "steps": [...],
    "selection": {"row", "tokens", "weights"}}"""


def unlearn_endpoint(visits: Visits) -> Callable[..., Iterator[dict[str, Any]]]:
    """The function behind `/unlearn`, with a parameter for every setting that may be wished for."""
    given = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter("request", given, annotation=gr.Request)]
    parameters += [inspect.Parameter(name, given, default=one[0], annotation=str) for name, one in PLACE.items()]
    for name, described in WISHES.items():
        parameters.append(inspect.Parameter(name, given, default=None, annotation=described.kind | None))
    signature = inspect.Signature(parameters, return_annotation=Iterator[dict[str, Any]])

    def unlearn(*arguments: Any, **named: Any) -> Iterator[dict[str, Any]]:
        bound = signature.bind(*arguments, **named)
        bound.apply_defaults()
        request, row, preset, *wishes = bound.args
        try:
            visit = visits.of(request.session_hash)
            studio = visit.studio
            config = run_config(preset, dict(zip(WISHES, wishes, strict=True)), studio.settings.max_steps)
            number = forget_row(studio, row)
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

    unlearn.__signature__ = signature  # type: ignore[attr-defined]
    unlearn.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    texts = [f"    {name}: {text}" for name, (_, text) in PLACE.items()]
    texts += [f"    {name}: {described.summary}." for name, described in WISHES.items()]
    unlearn.__doc__ = "\n".join((HEAD, "Args:", *texts, "", RETURNS))
    return unlearn


def forget_row(studio: Studio, name: str) -> int:
    """The number in `forget:12`. ValueError when there is no such forget row."""
    split, _, number = name.partition(":")
    if split.strip() != "forget" or not number.strip().isdigit():
        raise ValueError(f"The row {name!r} is no row to forget: write forget: and a number, such as forget:0.")
    studio.row("forget", int(number))
    return int(number)
