"""What a model was asked, kept in files of the user's: asking again takes as long as a run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from attribution.files import write_atomically


def cache_folder() -> Path:
    """Where answers are kept: `forget-lens` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "forget-lens"


def kept(file: Path) -> dict[str, Any]:
    """What the file holds; nothing where there is none, or it is damaged."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def keep(file: Path, answers: dict[str, Any]) -> None:
    """Write the file. A folder that may not be written to costs the time of asking again, nothing else."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(file) as unfinished:
            unfinished.write_text(json.dumps(answers, ensure_ascii=False, indent=1), encoding="utf-8")
    except OSError:
        pass
