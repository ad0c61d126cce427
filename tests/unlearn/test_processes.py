"""Two processes are one: DDP and FSDP2 over gloo, on two nodes; and the shell under a launcher."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from scripts.serving import OFFLINE
from tests.nodes import job
from tests.unlearn import together
from unlearn.__main__ import main
from unlearn.run.processes import WAYS, Processes

ROOT = Path(__file__).resolve().parent.parent.parent
ACCELERATE = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"]
ACCELERATE += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0", "-m", "unlearn"]


def launched(*command: str) -> subprocess.CompletedProcess[str]:
    # A machine with one GPU has none for a second process.
    environment = os.environ | OFFLINE | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def together_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two nodes of one process each came to, by either way, one after the other; started by the job file."""
    folder = tmp_path_factory.mktemp("together")
    job("torchrun.sh", "tests.unlearn.together", str(folder), folder=tmp_path_factory.mktemp("slurm"))
    return folder


@pytest.fixture(scope="module")
def alone() -> dict[str, tuple[dict[str, torch.Tensor], dict[str, float]]]:
    """What one process comes to in each arm."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: False)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        found = {arm: together.trained(arm, Processes()) for arm in together.ARMS}
        torch.set_num_threads(threads)
    return found


@pytest.mark.parametrize("way", WAYS)
def test_there_are_two_and_fsdp_really_cuts(way: str, together_folder: Path) -> None:
    facts = json.loads((together_folder / f"{way}.json").read_text(encoding="utf-8"))
    assert facts["count"] == 2
    if way == "fsdp":
        assert facts["held"] and all(0 < mine < whole for mine, whole in facts["held"])
    else:
        assert facts["held"] == []


@pytest.mark.parametrize("way", WAYS)
def test_two_processes_take_the_step_of_one(way: str, together_folder: Path, alone: dict) -> None:
    """Parameters agree to 1e-5 after five float32 SGD steps, and so do the losses that are reported."""
    reported = json.loads((together_folder / f"{way}.json").read_text(encoding="utf-8"))["losses"]
    for number, (arm, (weights, losses)) in enumerate(alone.items()):
        found = load_file(together_folder / f"{way}-{number}.safetensors")
        assert set(found) <= set(weights)
        assert max((weights[name] - found[name]).abs().max().item() for name in found) <= 1e-5, arm
        assert reported[arm] == pytest.approx(losses, rel=1e-4, abs=1e-5), arm


def test_a_trainer_in_two_processes_takes_the_step_of_one(together_folder: Path, tmp_path: Path) -> None:
    weights, losses = together.by_trainer(1, tmp_path)
    found = load_file(together_folder / "trainer.safetensors")
    assert set(found) == set(weights)
    assert max((weights[name] - found[name]).abs().max().item() for name in found) <= 1e-5
    assert json.loads((together_folder / "trainer.json").read_text("utf-8")) == pytest.approx(losses, rel=1e-4)


def test_the_shell_under_accelerate(tmp_path: Path) -> None:
    out = tmp_path / "run.json"
    for name in ("forget", "retain"):
        rows = [{"question": f"Who wrote {name} {i}?", "answer": f"Ada Quell wrote {name} {i}."} for i in range(4)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    arguments = ["--forget", str(tmp_path / "forget.jsonl"), "--retain", str(tmp_path / "retain.jsonl")]
    arguments += ["--steps", "1", "--processes", "2", "--parallel", "fsdp", "--json", str(out)]
    done = launched(*ACCELERATE, *arguments)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(out.read_text(encoding="utf-8"))["processes"] == {"count": 2, "way": "fsdp"}
    # One of them speaks.
    assert done.stderr.count("Asking the model: before.") == 1
    assert done.stdout.count("forget_probability") == 1


def test_one_process_where_two_were_asked_for_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--processes", "2", "--steps", "1"]) == 2
    assert "the launcher started 1" in capsys.readouterr().err


def test_rows_that_cannot_be_shared_are_named() -> None:
    with pytest.raises(ValueError, match="multiple of 3"):
        together.job("wga", Processes(0, 3))


def test_every_row_of_a_step_has_one_process() -> None:
    shares = [Processes(rank, 3).share(range(9)) for rank in range(3)]
    assert sorted(row for share in shares for row in share) == list(range(9))
    assert {len(share) for share in shares} == {3}
