"""A visit's run without the page: from the visible cut to a config, train, keep; and the `/unlearn` endpoint."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.kept_run import Sample
from app.markup import refused
from app.session import Visit, Visits
from app.settings import Settings
from app.studio import Studio
from attribution import Rule, Selection
from unlearn import Corpus, Run, RunConfig, Step, run
from unlearn.presets import DEFAULT_PRESET, SOFT_TEMPERATURE, preset

STRATEGIES = {"hard": "Hard", "soft": "Soft", "sequence": "Whole sequence"}
SAMPLE_EVERY = 5
DEFAULTS = preset(DEFAULT_PRESET).config


@dataclass(frozen=True)
class Training:
    """A run as it stands: no steps yet while the rows are scored.

    Attributes:
        row: the forget row whose answer is sampled: the one in view, if it is one of them.
        selections: the weights of every forget row; empty while they are being made.
    """

    config: RunConfig
    row: int
    steps: Sequence[Step] = ()
    samples: Sequence[Sample] = ()
    selections: Sequence[Selection] = ()


def train(studio: Studio, visit: Visit, config: RunConfig) -> Iterator[Training]:
    """Run for a visit and keep the result: yields before the first step and after each.

    Raises:
        ValueError: the visit trains already, the rule selects nothing, or the loss is no longer a number.
    """
    with visit.training():
        corpus, row = corpus_in_view(studio, visit)
        question = corpus.forget[row].example.prompt
        yield Training(config, row)
        with memory_said(studio):
            job = visit.begin(run(studio.model, corpus, config, mask_scope=visit.mask_scope))
        studio.answer_before(row)
        samples: list[Sample] = []
        deadline = time.monotonic() + studio.settings.run_seconds
        for step in _steps(job, studio):
            if time.monotonic() > deadline:
                visit.stop()
            if step.number % SAMPLE_EVERY == 0 or step.number in (1, config.steps) or visit.stopping:
                samples.append(Sample(step.number, job.model.generate([question])[0]))
            yield Training(config, row, job.steps, samples, job.selections)
        if visit.closed:
            return
        if samples[-1].step != len(job.steps):
            samples.append(Sample(len(job.steps), job.model.generate([question])[0]))
        studio.measured(job.seconds, len(job.steps))
        visit.keep(job, row, tuple(samples), studio.settings.max_runs)


def _steps(job: Run, studio: Studio) -> Iterator[Step]:
    with memory_said(studio):
        yield from job


@contextmanager
def memory_said(studio: Studio) -> Iterator[None]:
    """Work that may need more memory than there is: then a sentence, and what was there before is there still."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "memory" not in str(error).lower():
            raise
        raise ValueError(
            f"There is not enough memory for this run, which needs about {studio.run_megabytes:,.0f} MB beside the "
            "model: take a smaller model, fewer rows, or shorter ones."
        ) from error


def corpus_in_view(studio: Studio, visit: Visit) -> tuple[Corpus, int]:
    """What the visit's next run forgets, and which of its rows is shown beside the curves.

    A subject that the visitor chose for the row in view goes along, so that the run selects what the lanes underline.
    """
    if visit.scores is None or visit.split != "forget" or visit.row is None:
        return studio.corpus, studio.opening_row
    rows = list(studio.corpus.forget)
    shown = visit.scores.example
    rows[visit.row] = dataclasses.replace(rows[visit.row], example=shown)
    return dataclasses.replace(studio.corpus, forget=tuple(rows)), visit.row


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


def make_config(rule: Rule, objective: str, steps: float, rate: float, settings: Settings, seed: int = 0) -> RunConfig:
    """The run that the form asks for.

    Raises:
        ValueError: a number outside its range, or an unknown objective.
    """
    if steps is None or not math.isfinite(steps) or steps != int(steps):
        raise ValueError(f"The number of steps must be a whole number, not {steps}.")
    if not 1 <= steps <= settings.max_steps:
        raise ValueError(f"The number of steps must lie between 1 and {settings.max_steps} here, not {steps:g}.")
    if rate is None:
        raise ValueError("The learning rate is empty: type a number above 0, such as 0.0004.")
    base = DEFAULTS.with_objective(objective)
    return dataclasses.replace(base, rule=rule, steps=int(steps), learning_rate=float(rate), seed=seed)


# The API -------------------------------------------------------------------------------------------------------------


def unlearn_endpoint(shared: Studio, visits: Visits) -> Callable[..., Iterator[dict[str, Any]]]:
    """The function behind `/unlearn`."""

    def unlearn(
        request: gr.Request,
        scorer: str = DEFAULTS.rule.scorer,
        strategy: str = "hard",
        top: float = DEFAULTS.rule.cut,
        threshold: float | None = None,
        temperature: float = SOFT_TEMPERATURE,
        keep_given: bool = False,
        objective: str = DEFAULTS.objective,
        steps: int = DEFAULTS.steps,
        learning_rate: float = DEFAULTS.learning_rate,
        seed: int = 0,
        row: str = "forget:0",
    ) -> Iterator[dict[str, Any]]:
        """Train a copy of the model on the selected tokens of forget05; streams the run as it stands after each step.

        The run stays with your session: `/compare` reads it. One run per session at a time.

        Args:
            scorer: whose scores are cut: masking, entropy, learned, fused, random, oracle, ...
            strategy: hard, soft or sequence.
            top: hard: the share of each answer that is selected.
            threshold: hard: keep scores from here on, instead of a top share.
            temperature: soft: small sharpens, large flattens.
            keep_given: also select the subject's name, which the prompt gives.
            objective: wga, npo, graddiff or satga.
            steps: optimiser steps.
            learning_rate: of AdamW.
            seed: of the order of rows and of the random control.
            row: the forget row whose weights are returned.

        Returns:
            {"config", "seconds", "stopped", "steps": [...], "selection": {"row", "tokens", "weights"}}
        """
        try:
            visit = visits.of(request.session_hash)
            studio = visit.studio or shared
            rule = {
                "scorer": scorer,
                "kind": "top" if threshold is None else "threshold",
                "cut": top if threshold is None else threshold,
                "keep_given": keep_given,
            }
            config = make_config(
                make_rule(rule, strategy, temperature), objective, steps, learning_rate, studio.settings, seed
            )
            number = forget_row(studio, row)
            tokens = [token.text for token in studio.model.encode(studio.corpus.forget[number].example).tokens]
            for training in train(studio, visit, config):
                if not training.steps:
                    continue
                yield {
                    "config": config.to_dict(),
                    "seconds": training.steps[-1].seconds,
                    "stopped": visit.stopping and len(training.steps) < config.steps,
                    "steps": [step.to_dict() for step in training.steps],
                    "selection": {
                        "row": f"forget:{number}",
                        "tokens": tokens,
                        "weights": list(training.selections[number].weights),
                    },
                }
        except ValueError as error:
            raise refused(error) from error

    return unlearn


def forget_row(studio: Studio, name: str) -> int:
    """The number in `forget:12`. ValueError when there is no such forget row."""
    split, _, number = name.partition(":")
    if split.strip() != "forget" or not number.strip().isdigit():
        raise ValueError(f"The row {name!r} is no row to forget: write forget: and a number, such as forget:0.")
    studio.row("forget", int(number))
    return int(number)
