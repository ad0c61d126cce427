"""The `/race` endpoint: the same run on other tokens, and what each keeps at equal forgetting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from app.visit.trials import ARMS, STEPS, Race, is_marked, make_arms, run_race
from app.visit.visits import Visits, refused
from unlearn.presets import SOFT_TEMPERATURE
from unlearn.run.config import OURS
from unlearn.wishes import run_config


def race_endpoint(visits: Visits) -> Callable[..., Iterator[dict[str, Any]]]:
    """The function behind `/race`."""

    def race(
        request: gr.Request,
        arms: str = ",".join(ARMS),
        scorer: str = OURS.rule.scorer,
        top: float = OURS.rule.cut,
        threshold: float | None = None,
        temperature: float = SOFT_TEMPERATURE,
        keep_given: bool = False,
        by_hand: str = "",
        objective: str = OURS.objective,
        steps: int = STEPS,
        learning_rate: float = OURS.learning_rate,
        seed: int = 0,
    ) -> Iterator[dict[str, Any]]:
        """Train the same run on other tokens, one arm after another, and compare what each keeps at equal forgetting.

        One seed: small differences are none. Streams the race as it stands after each arm; nothing of it is kept.

        Args:
            arms: separated by commas: hard (the cut; always takes part), soft, sequence, random, oracle.
            scorer: whose scores are cut: masking, entropy, learned, fused, ...
            top: the share of each answer that is selected.
            threshold: keep scores from here on, instead of a top share.
            temperature: of the soft arm.
            keep_given: also select the subject's name, which the prompt gives.
            by_hand: tokens of the cut put in (+) and taken out (-), by forget row and token, both from 0: 36:+4-9.
            objective: wga, npo, graddiff, satga, ...
            steps: optimiser steps of each arm.
            learning_rate: of AdamW.
            seed: of the order of rows and of the random arm.

        Returns:
            {"arms": [{"arm", "title", "selected", "tokens", "points": [{"step", figures}]}], "ended", "comparison"};
            comparison is null until the end
        """
        try:
            visit = visits.of(request.session_hash)
            studio = visit.studio
            names = [name.strip() for name in arms.split(",") if name.strip()]
            cut: dict[str, Any] = {"top": top} if threshold is None else {"threshold": threshold}
            cut |= {"scorer": scorer, "keep_given": keep_given, "by_hand": by_hand}
            settings = {"objective": objective, "steps": steps, "learning_rate": learning_rate, "seed": seed}
            config = run_config("", cut | settings, studio.settings.max_steps)
            wanted = make_arms(config, temperature, names, is_marked(studio.corpus))
            told = 0
            for state in run_race(visit, wanted):
                if len(state.trials) > told or state.ended:
                    told = len(state.trials)
                    yield as_dict(state)
        except ValueError as error:
            raise refused(error) from error

    return race


def as_dict(state: Race) -> dict[str, Any]:
    """A race as plain JSON types."""
    compared = state.compared() if state.ended else None
    return {
        "arms": [
            {
                "arm": trial.arm,
                "title": trial.title,
                "selected": trial.selected,
                "tokens": trial.tokens,
                "points": [{"step": point.step, **trial.figures(point)} for point in trial.points],
            }
            for trial in state.trials
        ],
        "ended": state.ended,
        "comparison": compared.to_dict() if compared is not None else None,
    }
