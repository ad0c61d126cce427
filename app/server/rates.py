"""How often an address may ask: a bucket of tokens each, which fills again as time passes."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable


class Rates:
    """Token buckets by key; a bucket holds what may be asked in a minute. Safe to use from several threads.

    Args:
        per_minute: requests a minute, and as many at once.
        keys: buckets kept; the one unused for longest leaves, as if it had filled again.
        clock: seconds; a test brings its own.
    """

    def __init__(self, per_minute: int, keys: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = float(per_minute)
        self._keys = keys
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str) -> float:
        """Ask once: 0 when it is granted, else the seconds to wait before it would be."""
        with self._lock:
            now = self._clock()
            left, since = self._buckets.pop(key, (self._most, now))
            left = min(self._most, left + (now - since) * self._most / 60)
            granted = left >= 1
            self._buckets[key] = (left - granted, now)
            while len(self._buckets) > self._keys:
                self._buckets.popitem(last=False)
            return 0.0 if granted else (1 - left) * 60 / self._most
