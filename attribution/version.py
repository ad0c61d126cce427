"""Which Forget Lens this is: the version, and the commit it was taken from where that is known."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

VERSION = "0.1.0"
UNKNOWN = "unknown"


@cache
def commit() -> str:
    """The first characters of the commit's hash: of FORGET_LENS_COMMIT, else of the git checkout; else `unknown`."""
    given = os.environ.get("FORGET_LENS_COMMIT", "").strip()
    if given:
        return given[:12]
    try:
        asked = subprocess.run(
            ["git", "rev-parse", "--short=9", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return UNKNOWN
    return asked.stdout.strip() if asked.returncode == 0 and asked.stdout.strip() else UNKNOWN


def stamp() -> dict[str, str]:
    """What an export says about where it comes from."""
    return {"program": "Forget Lens", "version": VERSION, "commit": commit()}
