"""Work for nobody's request: one thread that never keeps the program from ending."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class Background:
    """Does one thing after another, in the order they came, on one daemon thread.

    An executor of the standard library is waited for when the program ends; nobody waits for this one.
    """

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        self._started = threading.Lock()

    def submit(self, work: Callable[[], Any]) -> Future[Any]:
        """What the work returns, or raises, when its turn has come."""
        future: Future[Any] = Future()
        self._waiting.put((future, work))
        if self._started.acquire(blocking=False):
            threading.Thread(target=self._run, name="background", daemon=True).start()
        return future

    def _run(self) -> None:
        while True:
            future, work = self._waiting.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: B036 - the future hands it to whoever waits
                future.set_exception(error)


BACKGROUND = Background()
