"""The page, served on a free port by a process of its own, as a visitor would meet it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "TOKENIZERS_PARALLELISM": "false",
}
"""Environment under which nothing of ours asks the network for anything."""

# A proxy in the environment must not stand between us and our own machine.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port() -> int:
    """A TCP port nobody listens on at the moment of asking."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    """Whether the page is there."""
    try:
        with _direct.open(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


@contextlib.contextmanager
def serve(patience_seconds: float = 120, log_to: Path | None = None, **environment: str) -> Iterator[str]:
    """Run `python app.py` on a free port and give its address; stop it at the end.

    log_to: a file for what it prints.
    environment: settings laid over the current environment, for example FORGET_LENS_SETTING="1".

    Raises RuntimeError, with what the process printed, when it ends or does not answer within patience_seconds.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    local = "127.0.0.1,localhost"
    settings = {
        **os.environ,
        **OFFLINE,
        "no_proxy": local,
        "NO_PROXY": local,
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        **environment,
    }
    with log_to.open("w+b") if log_to else tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=settings, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            deadline = time.monotonic() + patience_seconds
            while not answers(url):
                ended = process.poll()
                if ended is not None or time.monotonic() > deadline:
                    fault = (
                        f"did not answer within {patience_seconds:.0f} s" if ended is None else f"ended with {ended}"
                    )
                    log.seek(0)
                    printed = log.read().decode(errors="replace")
                    raise RuntimeError(f"python app.py, asked to serve {url}, {fault}. It printed:\n{printed}")
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
