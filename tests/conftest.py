"""What every test stands on: no network, and one embedded model for the whole session."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest

from scripts.serving import OFFLINE

# Before anything imports a library that reads these once.
os.environ.update(OFFLINE)
if "PYTEST_XDIST_WORKER" in os.environ:
    # Side by side, tests share the cores: more threads than one a process would wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

SLOW_FIRST = (
    "tests/unlearn/test_processes.py",
    "tests/unlearn/test_acceptance.py",
    "tests/browser/test_unlearn_room.py",
    "tests/browser",
    "tests/unlearn",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first: processes that take a file at a time then end at about the same time."""
    places = {slow: place for place, slow in enumerate(SLOW_FIRST)}
    items.sort(
        key=lambda item: min((places[slow] for slow in places if item.nodeid.startswith(slow)), default=len(places))
    )


LOCAL_HOSTS = {"127.0.0.1", "::1", "localhost", "0.0.0.0"}


@pytest.fixture(scope="session", autouse=True)
def offline():
    """A test that reaches for the network fails, wherever it runs, instead of passing on machines that have one."""
    connect = socket.socket.connect

    def connect_locally(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOCAL_HOSTS:
            raise OSError(f"tests run offline, and something asked for {address[0]}:{address[1]}")
        connect(self, address)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", connect_locally)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def model():
    """The embedded model that knows every author. Shared: a test that trains must train a copy."""
    from attribution import load_model

    return load_model("embedded")


@pytest.fixture
def one_thread():
    """Tiny tensors gain nothing from more threads, and lose much where other programs want the cores."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
