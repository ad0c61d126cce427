"""The `/score` endpoint: the scores of one row, or of the caller's own text, and what might stand there instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from app.visit.visits import Visits, refused
from attribution import Alternatives, Example
from attribution import alternatives as find_alternatives
from attribution.scorers import DEFAULT_SCORERS
from attribution.suggestions import did_you_mean

MODELS = ("original", "run", "reference")
"""Whose alternatives may be asked for."""


def score_endpoint(visits: Visits) -> Callable[..., dict[str, Any]]:
    """The function behind `/score`."""

    def score(
        request: gr.Request,
        row: str = "",
        prompt: str = "",
        answer: str = "",
        scorers: str = ",".join(DEFAULT_SCORERS),
        mask_scope: str = "subject",
        subject: str = "",
        alternatives: int = 0,
        alternatives_of: str = "original",
    ) -> dict[str, Any]:
        """Score every token of an answer: one number per token and scorer, higher = more worth forgetting.

        Args:
            row: a row of the embedded world, such as "forget:0"; leave it empty to give prompt and answer.
            prompt: the question, when row is empty; may be empty.
            answer: the text whose tokens are scored, when row is empty.
            scorers: names separated by commas: masking, entropy, learned, fused, random, oracle, ...
            mask_scope: what masking hides: subject, each or prompt.
            subject: words that masking hides instead of the automatic choice.
            alternatives: how many of the likeliest tokens come along at every token, as it is and with the subject
                hidden: 1 to 20, 0 for none.
            alternatives_of: the model that says them: original, run (your session's last one) or reference.

        Returns:
            {"model", "examples": [{"id", "prompt", "answer", "subject", "tokens", "scores", "p", "given", "spans"}]};
            with alternatives, also a list with {"as_is", "hidden"} for each token: {"p", "rank", "likeliest"}
        """
        try:
            example = visits.studio.example(row, prompt, answer, subject)
            names = tuple(name.strip() for name in scorers.split(",") if name.strip())
            scores = visits.studio.score(example, names, mask_scope)
            scored = scores.to_dict()
            if alternatives:
                found = _alternatives(visits, request, example, alternatives, alternatives_of)
                scored["alternatives"] = found.to_dict()["tokens"]
        except ValueError as error:
            raise refused(error) from error
        return {"model": scores.model, "examples": [scored]}

    return score


def _alternatives(visits: Visits, request: gr.Request, example: Example, most: int, of: str) -> Alternatives:
    if of not in MODELS:
        raise ValueError(
            f"There is no model {of[:40]!r}{did_you_mean(of[:40], MODELS)} Choose from {', '.join(MODELS)}."
        )
    if of == "run":
        kept = visits.of(request.session_hash).last
        if kept is None:
            raise ValueError("There is no run whose alternatives could be told: start one first.")
        return kept.alternatives(example, most)
    model = visits.studio.model if of == "original" else visits.studio.unchanging().get(of)
    if model is None:
        raise ValueError("No model here was retrained without the rows to forget: choose original or run.")
    return find_alternatives(model, example, most)
