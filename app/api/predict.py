"""The `/predict` endpoint: what a run would cost, from a few of its steps that are tried and taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.visit.training import foresee
from app.visit.visits import Visits, refused
from app.visit.wished import PRESET, Wished, with_wishes
from unlearn.wishes import run_config

HEAD = """Try the first steps of a run on the selected tokens, say what they changed, and take them back.

The settings are those of `/unlearn`. Figures are changes of mean log p in nats: of the facts to keep (`retain`), of
the words around the facts to forget (`structure`), of the subject's name. Measured on cuts of the embedded model, the
subject's ranks what a run costs of it; the others do so less, or not at all (docs/results.md).
"""
RETURNS = """Returns:
    {"config", "figures": {"retain", "structure", "subject"}, "steps", "seconds"}"""


def predict_endpoint(visits: Visits) -> Callable[..., dict[str, Any]]:
    """The function behind `/predict`."""

    def answer(wished: Wished) -> dict[str, Any]:
        try:
            visit = visits.of(wished.request.session_hash)
            config = run_config(wished.given["preset"], wished.wishes, visit.studio.settings.max_steps)
            return {"config": config.to_dict(), **foresee(visit, config).to_dict()}
        except ValueError as error:
            raise refused(error) from error

    return with_wishes("predict", HEAD, RETURNS, answer, dict[str, Any], PRESET)
