"""Memory that was freed goes back to the system, and looking for it stops nobody."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from app.server import serving
from app.server.memory import give_back, settle
from app.server.settings import Settings

MEGABYTE = 2**20
ROOT = Path(__file__).resolve().parents[2]


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


@pytest.mark.skipif(sys.platform != "linux", reason="only the C library of Linux has a heap for every thread")
def test_threads_share_two_heaps() -> None:
    lines = (
        "import ctypes, runpy, threading, time",
        # The file alone: the package would bring torch along.
        "runpy.run_path('app/server/memory.py')['few_heaps']()",
        "library = ctypes.CDLL(None)",
        "threads = [threading.Thread(target=lambda: (time.sleep(0.2), library.malloc(9))) for _ in range(8)]",
        "[thread.start() for thread in threads]",
        "[thread.join() for thread in threads]",
        "library.malloc_stats()",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, cwd=ROOT)
    assert 0 < done.stderr.count("Arena") <= 2, done.stderr


@pytest.fixture
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_once_settled_a_search_for_rubbish_goes_through_little(thawed: None) -> None:
    """It stops every thread, and took 0.4 s whenever one visitor's file was made of many lists."""
    page = [[n] for n in range(300_000)]
    before = seconds_of_a_search()
    settle()
    assert seconds_of_a_search() < before / 3
    loop: list[object] = []
    loop.append(loop)
    del loop
    assert gc.collect() > 0, "what came after it is still found"
    assert len(page) == 300_000


def seconds_of_a_search() -> float:
    started = time.thread_time()
    gc.collect()
    return time.thread_time() - started


def test_the_page_settles_once_it_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    did: list[str] = []
    page = SimpleNamespace(launch=lambda **_: did.append("served"), block_thread=lambda: did.append("waits"))
    visits = SimpleNamespace(close_all=lambda: None)
    monkeypatch.setattr(serving, "settle", lambda: did.append("settled"))
    for name in ("log_to_stderr", "launch_options", "remove_own_folder"):
        monkeypatch.setattr(serving, name, lambda *_: {})
    for module, name in ((serving.signal, "signal"), (serving.logging, "shutdown"), (serving.os, "_exit")):
        monkeypatch.setattr(module, name, lambda *_: None)
    # The page's own environment, put right at the end.
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "")
    interval = sys.getswitchinterval()
    try:
        serving.serve(page, Settings(), visits, lambda: did.append("begun"))  # type: ignore[arg-type]
    finally:
        sys.setswitchinterval(interval)
    assert did == ["served", "settled", "begun", "waits"]
