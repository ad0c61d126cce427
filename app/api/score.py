"""The `/score` endpoint: the scores of one row, or of a text of the caller's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from app.look.markup import count
from app.visit.studio import OWN, Studio
from app.visit.visits import refused
from attribution import Example
from attribution.data.rows import pick_examples
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
    ) -> dict[str, Any]:
        """Score every token of an answer: one number per token and scorer, higher = more worth forgetting.

        Args:
            row: a row of the embedded world, such as "forget:0"; leave it empty to give prompt and answer.
            prompt: the question, when row is empty; may be empty.
            answer: the text whose tokens are scored, when row is empty.
            scorers: names separated by commas: masking, entropy, learned, fused, random, oracle, ...
            mask_scope: what masking hides: subject, each or prompt.
            subject: words that masking hides instead of the automatic choice.

        Returns:
            {"model", "examples": [{"id", "prompt", "answer", "subject", "tokens", "scores", "p", "given", "spans"}]}
        """
        try:
            if row.strip():
                picked = pick_examples(row)
                if len(picked) != 1:
                    raise ValueError(f"The row {row!r} names {count(len(picked), 'row')}: name one, such as forget:0.")
                example = dataclasses.replace(picked[0], subject=subject or None)
            else:
                example = Example(prompt, answer, id=OWN, subject=subject or None)
            names = tuple(name.strip() for name in scorers.split(",") if name.strip())
            scores = studio.score(example, names, mask_scope)
        except ValueError as error:
            raise refused(error) from error
        return {"model": scores.model, "examples": [scores.to_dict()]}

    return score
