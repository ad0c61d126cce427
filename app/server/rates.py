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

    def give_back(self, key: str) -> None:
        """What was asked last was no such thing after all."""
        with self._lock:
            if key in self._buckets:
                left, since = self._buckets[key]
                self._buckets[key] = (min(self._most, left + 1), since)

    def wait(self, key: str) -> float:
        """The seconds to wait before one more would be granted, without asking for it; 0 for none."""
        with self._lock:
            left, since = self._buckets.get(key, (self._most, self._clock()))
            left += (self._clock() - since) * self._most / 60
            return 0.0 if left >= 1 else (1 - left) * 60 / self._most
