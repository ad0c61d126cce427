"""A name that is nobody's, and the one that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`: did you mean 'x'?` for a close match in whatever case, else a full stop."""
    spelled = {str(one).lower(): one for one in known}
    close = difflib.get_close_matches(str(name).lower(), list(spelled), n=1)
    return f": did you mean {spelled[close[0]]!r}?" if close else "."
