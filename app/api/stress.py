"""The `/stress` endpoint: does what was forgotten come back?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from app.visit.trials import found, stressed
from app.visit.visits import Visits, refused
from unlearn.stress import KINDS


def stress_endpoint(visits: Visits) -> Callable[..., dict[str, Any]]:
    """The function behind `/stress`."""

    def stress(request: gr.Request, kinds: str = "relearning,quantisation") -> dict[str, Any]:
        """Recall of your session's run before and under stress, beside the original and the retrained reference.

        Knowledge that comes back was hidden, not gone.

        Args:
            kinds: separated by commas: relearning (a few steps of training on half of the rows, recall on the other
                half), relearning-curve (the same after 2 to 40 steps), quantisation (weights rounded to 8 and 4 bits),
                sampling (any of 8 sampled answers), rephrasing (any of 4 wordings), two-hop (the author named by a book
                alone), paraphrase.

        Returns:
            {"run", "stresses": {"run": [...], "original": [...], "reference": [...]}}, each with "kind", "title",
            "measure", "before", "after", "n_before", "n" and "detail"
        """
        try:
            wanted = tuple(kind.strip() for kind in kinds.split(",") if kind.strip())
            unknown = [kind for kind in wanted if kind not in KINDS]
            if unknown or not wanted:
                raise ValueError(f"kinds is {kinds!r}: choose from {', '.join(KINDS)}.")
            visit = visits.of(request.session_hash)
            for _ in stressed(visit, wanted):
                pass
        except ValueError as error:
            raise refused(error) from error
        results = found(visit)
        return {
            "run": visit.last.number if visit.last is not None else None,
            "stresses": {
                who: [one.to_dict() for kind in wanted for one in of.get(kind, ())] for who, of in results.items()
            },
        }

    return stress
