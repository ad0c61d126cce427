"""The parts of a model's weights, as the index beside them names them."""

from __future__ import annotations

import json
from pathlib import Path


def check_shards(folder: Path) -> None:
    """ValueError when an index of weights names a file that is not in its folder.

    Whoever wrote the model would else choose which file of this machine is read as its weights.
    """
    for index in sorted(folder.glob("*.safetensors.index.json")):
        try:
            named = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"its {index.name} names no files") from error
        here = {path.name for path in folder.iterdir()}
        if others := sorted(str(name)[:80] for name in named if name not in here):
            raise ValueError(f"its {index.name} names {others[0]!r}, which is no file beside it")
