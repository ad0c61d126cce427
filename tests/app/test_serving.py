"""A page that is served, watched, ended, and killed: as processes of their own, the way a host runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attribution.version import VERSION, commit
from scripts.serving import OFFLINE, answers, free_port

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120


class Served:
    """`python app.py` on a port, its standard error in a file."""

    def __init__(self, log: Path, port: int, **changes: str) -> None:
        self.url, self.log = f"http://127.0.0.1:{port}", log
        self.open = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor()
        ).open
        settings = {
            **os.environ,
            **OFFLINE,
            "no_proxy": "127.0.0.1,localhost",
            "NO_PROXY": "127.0.0.1,localhost",
            "GRADIO_SERVER_PORT": str(port),
            "FORGET_LENS_MAX_REQUEST_KB": "64",
            "FORGET_LENS_WARM_UP": "0",
            **changes,
        }
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "app.py"], cwd=ROOT, env=settings, stdout=subprocess.DEVNULL, stderr=out
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not answers(self.url):
            assert self.process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)

    def get(self, path: str) -> Any:
        with self.open(self.url + path, timeout=20) as response:
            return json.loads(response.read())

    def log_in(self, name: str, password: str) -> None:
        form = urllib.parse.urlencode({"username": name, "password": password}).encode()
        with self.open(self.url + "/login", form, timeout=20):
            pass

    def post(self, path: str, content: Any) -> Any:
        body = json.dumps(content).encode()
        request = urllib.request.Request(self.url + path, body, {"content-type": "application/json"})
        with self.open(request, timeout=20) as response:
            return json.loads(response.read())

    def start_run(self, session: str) -> None:
        """A long run of a visitor, until it trains."""
        ids = {each["api_name"]: each["id"] for each in self.get("/config")["dependencies"]}
        described = self.get("/gradio_api/info")["named_endpoints"]["/unlearn"]["parameters"]
        wishes = {each["parameter_name"]: each["parameter_default"] for each in described}
        wishes |= {"scorer": "random", "steps": 300}
        asked = {"data": list(wishes.values()), "fn_index": ids["unlearn"], "session_hash": session}
        self.post("/gradio_api/queue/join", asked)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.get("/health")["training"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A page with accounts, where another was killed in the middle of a run a moment ago."""
    folder = tmp_path_factory.mktemp("served")
    before = committed()
    killed = Served(folder / "killed", free_port())
    killed.start_run("a-visitor")
    killed.process.kill()
    killed.process.wait()
    assert committed() == before, "a run writes nothing into the embedded world"
    port = int(killed.url.rpartition(":")[2])
    made = Served(folder / "log", port, FORGET_LENS_AUTH="ada:quell", FORGET_LENS_MCP="0")
    yield made
    made.process.kill()
    made.process.wait()


def committed() -> str:
    return subprocess.run(["git", "status", "--short", "assets"], cwd=ROOT, capture_output=True, text=True).stdout


def test_a_kill_in_the_middle_of_a_run_leaves_nothing_that_hinders_the_next_start(served: Served) -> None:
    health = served.get("/health")
    assert health["status"] == "ok" and health["version"] == VERSION and health["commit"] == commit()
    assert health["visits"] == 0 and 0 < health["memory_mb"] and 0 < health["peak_memory_mb"]


def test_a_page_with_accounts_keeps_strangers_out(served: Served) -> None:
    for closed, status in (("/config", 401), ("/gradio_api/info", 401), ("/gradio_api/mcp/", 404)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            served.get(closed)
        assert refused.value.code == status, closed


def test_an_orderly_end_in_the_middle_of_a_run(served: Served) -> None:
    served.log_in("ada", "quell")
    with served.open(served.url, timeout=20) as page:
        assert f"Forget Lens {VERSION}, commit {commit()}" in page.read().decode()
    served.start_run("a-visitor")
    assert served.get("/health")["visits"] == 1
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(timeout=30) == 0
    lines = [json.loads(line) for line in served.log.read_text().splitlines() if line.startswith("{")]
    events = [line["event"] for line in lines]
    assert events[0] == "starting" and "stopping" in events and events[-1] == "stopped"
    assert all("a-visitor" not in json.dumps(line) for line in lines)
    assert "Traceback" not in served.log.read_text()
