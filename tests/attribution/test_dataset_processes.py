"""The real thing: two nodes, the tasks of an array, and `kill -9` in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from attribution.__main__ import main
from scripts.serving import OFFLINE
from tests.nodes import job

ROOT = Path(__file__).resolve().parent.parent.parent
ARGUMENTS = ["score-dataset", "forget01", "--scorers", "entropy,importance", "--shard-rows", "2", "--out"]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """One CPU thread a process, here as there: the last bits of a sum depend on where and by how many it is made."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: False)
        patch.setattr(torch.backends.mps, "is_available", lambda: False)
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def expected(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What one process, never interrupted, writes."""
    out = tmp_path_factory.mktemp("whole") / "scores.jsonl"
    assert main([*ARGUMENTS, str(out)]) == 0
    return out.read_bytes()


def environment() -> dict[str, str]:
    # A machine with one GPU has none for a second process.
    return os.environ | OFFLINE | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def test_two_nodes_write_what_one_process_does(expected: bytes, tmp_path: Path) -> None:
    """Two of torchrun's agents that meet by its rendezvous, started by the documented job file."""
    out = tmp_path / "scores.jsonl"
    said = job("torchrun.sh", "attribution", *ARGUMENTS, str(out), folder=tmp_path / "slurm")
    assert "78 of 78 rows, 2 processes" in said, "each node worked for itself"
    assert out.read_bytes() == expected


def test_the_tasks_of_an_array_write_what_one_process_does(expected: bytes, tmp_path: Path) -> None:
    """The documented job file's own commands, in one process after another."""
    out = tmp_path / "scores.jsonl"
    task = {"SLURM_ARRAY_TASK_MIN": "4", "SLURM_ARRAY_TASK_COUNT": "3"}
    for number in (5, 4, 6):
        assert not out.exists()
        words = job(
            "array.sh",
            *("attribution", *ARGUMENTS, str(out)),
            folder=tmp_path / "slurm",
            python="echo",
            SLURM_ARRAY_TASK_ID=str(number),
            **task,
        ).split()
        assert words[:2] == ["-m", "attribution"] and words[-2:] == ["--part", f"{number - 4}/3"]
        assert main(words[2:]) == 0
    assert out.read_bytes() == expected


def test_kill_9_loses_nothing_and_repeats_nothing(
    expected: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scores.jsonl"
    parts = tmp_path / "scores.jsonl.parts"
    command = [sys.executable, "-m", "attribution", *ARGUMENTS, str(out)]
    run = subprocess.Popen(command, cwd=ROOT, env=environment(), stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 240
        while len(list(parts.glob("part-*.jsonl"))) < 3:
            assert run.poll() is None and time.monotonic() < deadline, "the run was over before it could be killed"
            time.sleep(0.002)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    assert run.returncode == -signal.SIGKILL and not out.exists()
    saved = {path.name: path.stat().st_mtime_ns for path in parts.glob("part-*.jsonl")}
    assert 3 <= len(saved) < 39
    assert main([*ARGUMENTS, str(out)]) == 0
    assert f"{2 * len(saved)}/78" in capsys.readouterr().err, "the bar does not start where the killed run stopped"
    assert out.read_bytes() == expected
