"""A page that is served, watched, ended, and killed: as processes of their own, the way a host runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attribution.version import VERSION, commit
from scripts.serving import OFFLINE, answers, free_port

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Served:
    """`python app.py` on a port, its standard error in a file."""

    def __init__(self, log: Path, port: int, **changes: str) -> None:
        self.url, self.log = f"http://127.0.0.1:{port}", log
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
        with _direct.open(self.url + path, timeout=20) as response:
            return json.loads(response.read())

    def post(self, path: str, content: Any) -> Any:
        body = json.dumps(content).encode()
        request = urllib.request.Request(self.url + path, body, {"content-type": "application/json"})
        with _direct.open(request, timeout=20) as response:
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


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path / "log", free_port())
    yield made
    made.process.kill()
    made.process.wait()


def test_health_then_an_orderly_end_in_the_middle_of_a_run(served: Served) -> None:
    health = served.get("/health")
    assert health["status"] == "ok" and health["version"] == VERSION and health["commit"] == commit()
    assert health["visits"] == 0 and 0 < health["memory_mb"] and 0 < health["peak_memory_mb"]
    with _direct.open(served.url, timeout=20) as page:
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


def test_a_kill_in_the_middle_of_a_run_leaves_nothing_that_hinders_the_next_start(
    served: Served, tmp_path: Path
) -> None:
    def committed() -> str:
        return subprocess.run(["git", "status", "--short", "assets"], cwd=ROOT, capture_output=True, text=True).stdout

    before = committed()
    served.start_run("a-visitor")
    served.process.kill()
    served.process.wait()
    port = int(served.url.rpartition(":")[2])
    # The same start tells whether a page with accounts keeps strangers out.
    again = Served(tmp_path / "again", port, FORGET_LENS_AUTH="ada:quell", FORGET_LENS_MCP="0")
    try:
        assert again.get("/health")["visits"] == 0
        assert committed() == before, "a run writes nothing into the embedded world"
        for closed, status in (("/config", 401), ("/gradio_api/info", 401), ("/gradio_api/mcp/", 404)):
            with pytest.raises(urllib.error.HTTPError) as refused:
                again.get(closed)
            assert refused.value.code == status, closed
    finally:
        again.process.kill()
        again.process.wait()
