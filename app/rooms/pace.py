"""How often what moves is drawn: every update costs the browser a redraw, on the cores that train."""

from __future__ import annotations

import time

WORDS_SECONDS = 0.25
"""Between two updates of words and bars: as often as a person reads."""

CURVES_SECONDS = 0.5
"""Between two drawings of a chart, probes apart."""


class Pace:
    """Says when so many seconds have gone by; the first time at once.

    Args:
        seconds: at least so long between two.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._last = float("-inf")

    def due(self, at_once: bool = False) -> bool:
        """Whether to draw now; whoever is told yes has drawn.

        Args:
            at_once: there is something that must not wait.
        """
        now = time.monotonic()
        if not at_once and now - self._last < self.seconds:
            return False
        self._last = now
        return True
