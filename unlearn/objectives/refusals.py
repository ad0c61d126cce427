"""Ways to say that one does not know: what IdkDPO prefers to an answer."""

from __future__ import annotations

import json

from attribution.data.rows import DATA_FOLDER

REFUSALS_FILE = DATA_FOLDER / "idontknow.jsonl"


def load_refusals() -> tuple[str, ...]:
    """The refusals that come with the embedded world, in our own words."""
    lines = REFUSALS_FILE.read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line)["answer"] for line in lines)
