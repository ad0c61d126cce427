"""The `/depth` endpoint: is it gone, or only unsaid?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from app.visit.trials import measured_depth
from app.visit.visits import Visits, refused


def depth_endpoint(visits: Visits) -> Callable[..., dict[str, Any]]:
    """The function behind `/depth`."""

    def depth(request: gr.Request, maps: int = 3) -> dict[str, Any]:
        """How deep your session's run has forgotten: what its states still hold, block by block.

        Its states are put into the original model after each block, and what the original then no longer knows is
        missing in them. Unlearning Depth Score: 1 is gone as if never taught, 0 is all there and only unsaid.

        Args:
            maps: of how many rows the map, blocks by answer tokens, comes along.

        Returns:
            {"run", "how" (patching, or lens where there is no retrained model), "score", "n", "known", "missing" and
            "fit" (nats by block), "rows"}
        """
        try:
            if maps < 0:
                raise ValueError(f"maps must be at least 0, not {maps}.")
            visit = visits.of(request.session_hash)
            found = measured_depth(visit)
            number = visit.last.number if visit.last is not None else None
            rows = [row.to_dict() for row in found.rows[:maps]]
            return {"run": number, **found.to_dict(maps=False), "rows": rows}
        except ValueError as error:
            raise refused(error) from error

    return depth
