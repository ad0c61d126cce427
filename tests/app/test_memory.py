"""Memory that was freed goes back to the system."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
import torch

from app.server.memory import give_back

MEGABYTE = 2**20


def held() -> float:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / MEGABYTE


@pytest.mark.skipif(sys.platform != "linux", reason="memory of a process is read from /proc")
def test_what_a_thread_has_left_behind_goes_back() -> None:
    pieces: list[torch.Tensor] = []

    def work() -> None:
        # Each too small to be mapped by itself; the last one keeps the heap from shrinking by itself.
        pieces.extend(torch.ones(25_000) for _ in range(2_000))
        del pieces[:-1]

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    before = held()
    give_back()
    assert before - held() > 100
