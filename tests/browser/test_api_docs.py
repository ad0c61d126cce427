"""docs/api.md is true: every endpoint is in it, and its examples run as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from gradio_client import Client

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
PATIENCE_SECONDS = 300


def example(language: str, mark: str) -> str:
    """The first code block of a language that has the mark."""
    blocks = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    return next(block for block in blocks if mark in block)


def run(command: list[str], code: str, url: str, folder: Path | None = None) -> str:
    local = {"no_proxy": "127.0.0.1,localhost", "NO_PROXY": "127.0.0.1,localhost"}
    done = subprocess.run(
        [*command, code.replace("http://127.0.0.1:7860", url)],
        env={**os.environ, **local},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_endpoint_is_documented_typed_and_described(url: str) -> None:
    client = Client(url, verbose=False)
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    client.close()
    for name, facts in endpoints.items():
        assert f"`{name}`" in GUIDE, f"docs/api.md does not mention {name}"
        assert len(facts["description"]) > 40
        for parameter in facts["parameters"]:
            assert parameter["python_type"]["type"] not in ("Any", ""), f"{name}: {parameter['parameter_name']}"


def test_the_python_examples_run(url: str, tmp_path: Path) -> None:
    examples = [example("python", name) for name in ("/score", "/matrix", "/unlearn", "/report", "/stress", "/race")]
    printed = run([sys.executable, "-c"], "".join(examples), url, tmp_path)
    assert "ForgetLens.mount" in (tmp_path / "forget-lens-report.html").read_text(encoding="utf-8")
    assert len(re.findall(r"^'.+' +\d+\.\d{3} nats$", printed, re.MULTILINE)) > 5
    assert len(re.findall(r"^without \w+ +\[", printed, re.MULTILINE)) == 5
    assert re.search(r"^step 3 of 3: \d", printed, re.MULTILINE)
    assert len(re.findall(r"^.+ \| .+ \| ", printed, re.MULTILINE)) == 3
    assert len(re.findall(r"^(run|original|reference) [48] bit, .+ \d\.\d\d -> \d\.\d\d$", printed, re.MULTILINE)) == 6
    assert re.search(r"^random \{'step': 5, 'forget_recall': ", printed, re.MULTILINE)


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
def test_the_curl_example_runs(url: str) -> None:
    printed = run(["bash", "-c"], example("bash", "curl"), url)
    assert "event: complete" in printed and '"learned"' in printed


def test_the_mcp_example_runs(url: str) -> None:
    printed = run([sys.executable, "-c"], example("python", "ClientSession"), url)
    assert "'score'" in printed and "'unlearn'" in printed and "'compare'" in printed
    assert "'examples'" in printed
