"""The `/matrix` endpoint: what made the model say so, word by word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.visit.studio import Studio
from app.visit.visits import refused
from attribution import matrix as find_matrix


def matrix_endpoint(studio: Studio) -> Callable[..., dict[str, Any]]:
    """The function behind `/matrix`."""

    def matrix(
        row: str = "", prompt: str = "", answer: str = "", subject: str = "", units: str = "words"
    ) -> dict[str, Any]:
        """Hide each word of the prompt in turn: how much less likely does every answer token become, in nats?

        Args:
            row: a row of the embedded world, such as "forget:0"; leave it empty to give prompt and answer.
            prompt: the question, when row is empty.
            answer: the text whose tokens are looked at, when row is empty.
            subject: words that count as the subject instead of the automatic choice.
            units: what is hidden at a time: words or tokens of the prompt.

        Returns:
            {"model", "id", "prompt", "answer", "subject", "hidden": [{"text", "start", "end", "ids", "subject"}],
            "tokens": [{"id", "text", "start", "end", "p"}], "values" (a row per hidden word, a column per token),
            "notes"}
        """
        try:
            example = studio.example(row, prompt, answer, subject)
            return find_matrix(studio.model, example, units).to_dict()  # type: ignore[arg-type]
        except ValueError as error:
            raise refused(error) from error

    return matrix
