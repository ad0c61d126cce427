"""The `/unlearn` endpoint: a run by a program, with everything that the form has, and more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from app.look.handlers import refused
from app.visit.run_config import DEFAULTS, OWN_CUT, make_config, make_rule
from app.visit.session import Visits
from app.visit.studio import Studio
from app.visit.training import train
from unlearn.presets import SOFT_TEMPERATURE


def unlearn_endpoint(visits: Visits) -> Callable[..., Iterator[dict[str, Any]]]:
    """The function behind `/unlearn`."""

    def unlearn(
        request: gr.Request,
        scorer: str | None = None,
        strategy: str | None = None,
        top: float | None = None,
        threshold: float | None = None,
        temperature: float | None = None,
        keep_given: bool | None = None,
        objective: str | None = None,
        steps: int | None = None,
        learning_rate: float | None = None,
        seed: int = 0,
        row: str = "forget:0",
        preset: str = "",
        retain: str | None = None,
        alpha: float | None = None,
        gamma: float | None = None,
        beta: float | None = None,
        normaliser: str | None = None,
        score_every: int | None = None,
        lora: int | None = None,
        until_recall: float | None = None,
        roll_back: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """Train a copy of the model on the selected tokens of forget05; streams the run as it stands after each step.

        The run stays with your session: `/compare` reads it. One run per session at a time. What is left out is the
        preset's, or without a preset our own: WGA on the top 30% of the learned scores.

        Args:
            scorer: whose scores are cut: masking, entropy, learned, fused, random, oracle, ...
            strategy: hard, soft or sequence.
            top: hard: the share of each answer that is selected, 0.3 unless told.
            threshold: hard: keep scores from here on, instead of a top share.
            temperature: soft: small sharpens, large flattens; 0.25 unless told.
            keep_given: also select the subject's name, which the prompt gives.
            objective: wga, npo, graddiff, satga, ga, satimp, tnpo, simnpo, dpo, rmu or undial.
            steps: optimiser steps, 80 unless told.
            learning_rate: of AdamW, 0.0004 unless told.
            seed: of the order of rows and of the random control.
            row: the forget row whose weights are returned.
            preset: a run by its name: etw, tokenunlearn-npo-hard, atwu, sequence-npo, ... It brings its own tokens
                unless a setting from scorer to keep_given says otherwise.
            retain: the retain term: nll, kl or states.
            alpha: the weight of the retain term.
            gamma: the weight of the forget term.
            beta: the objective's temperature.
            normaliser: the mean of the forget term is per unit of weight, or per label.
            score_every: score again every so many steps with the model as it then is; 0 never, 1 live.
            lora: the rank of adapters to train instead of all weights; 0 trains all.
            until_recall: end once the probe's forget recall is this or less.
            roll_back: end when the run collapses, and go back to the best sound step.

        Returns:
            {"config", "seconds", "stopped", "rolled_back_to", "notes": [...], "steps": [...],
            "selection": {"row", "tokens", "weights"}}
        """
        try:
            visit = visits.of(request.session_hash)
            studio = visit.studio
            rule = None
            if not preset or any(
                wish is not None for wish in (scorer, strategy, top, threshold, temperature, keep_given)
            ):
                share = DEFAULTS.rule.cut if top is None else top
                cut = {
                    "scorer": DEFAULTS.rule.scorer if scorer is None else scorer,
                    "kind": "top" if threshold is None else "threshold",
                    "cut": share if threshold is None else threshold,
                    "keep_given": bool(keep_given),
                }
                softness = SOFT_TEMPERATURE if temperature is None else temperature
                rule = make_rule(cut, "hard" if strategy is None else strategy, softness)
            config = make_config(
                rule,
                studio.settings,
                preset or OWN_CUT,
                objective=objective,
                steps=steps,
                learning_rate=learning_rate,
                seed=seed,
                retain=retain,
                alpha=alpha,
                gamma=gamma,
                beta=beta,
                normaliser=normaliser,
                score_every=score_every,
                lora=lora,
                until_recall=until_recall,
                roll_back=bool(roll_back),
            )
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

    return unlearn


def forget_row(studio: Studio, name: str) -> int:
    """The number in `forget:12`. ValueError when there is no such forget row."""
    split, _, number = name.partition(":")
    if split.strip() != "forget" or not number.strip().isdigit():
        raise ValueError(f"The row {name!r} is no row to forget: write forget: and a number, such as forget:0.")
    studio.row("forget", int(number))
    return int(number)
