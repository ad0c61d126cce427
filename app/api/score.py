"""The `/score` endpoint: the scores of one row, or of a text of the caller's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.visit.studio import Studio
from app.visit.visits import refused
from attribution import alternatives as find_alternatives
from attribution.scorers import DEFAULT_SCORERS


def score_endpoint(studio: Studio) -> Callable[..., dict[str, Any]]:
    """The function behind `/score`."""

    def score(
        row: str = "",
        prompt: str = "",
        answer: str = "",
        scorers: str = ",".join(DEFAULT_SCORERS),
        mask_scope: str = "subject",
        subject: str = "",
        alternatives: int = 0,
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

        Returns:
            {"model", "examples": [{"id", "prompt", "answer", "subject", "tokens", "scores", "p", "given", "spans"}]};
            with alternatives, also a list with {"as_is", "hidden"} for each token: {"p", "rank", "likeliest"}
        """
        try:
            example = studio.example(row, prompt, answer, subject)
            names = tuple(name.strip() for name in scorers.split(",") if name.strip())
            scores = studio.score(example, names, mask_scope)
            scored = scores.to_dict()
            if alternatives:
                scored["alternatives"] = find_alternatives(studio.model, example, alternatives).to_dict()["tokens"]
        except ValueError as error:
            raise refused(error) from error
        return {"model": scores.model, "examples": [scored]}

    return score
