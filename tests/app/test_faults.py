"""What goes wrong in the middle: the visitor reads one sentence, and what they and all others had is there still."""

from __future__ import annotations

import copy
import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import app.visit.training
from app.server.settings import Settings
from app.visit.session import Visit
from app.visit.studio import Studio
from app.visit.training import train
from app.visit.visits import Visits
from attribution.__main__ import main as score_shell
from unlearn.run.gradients import Gradients
from unlearn.wishes import run_config


@pytest.fixture(scope="module")
def studio(model) -> Iterator[Studio]:
    before = copy.deepcopy(model.model.state_dict())
    made = Studio(Settings(max_steps=20, run_seconds=600, runs_at_once=2), model)
    made.corpus = replace(made.corpus, forget=made.corpus.forget[:8], retain=made.corpus.retain[:8])
    yield made
    for name, weights in model.model.state_dict().items():
        assert torch.equal(weights, before[name]), f"{name} of the shared model changed"


def config(studio: Studio, steps: int = 2, rate: float = 4e-4) -> Any:
    return run_config("", {"scorer": "random", "objective": "graddiff", "steps": steps, "learning_rate": rate})


@pytest.fixture
def visit(studio: Studio) -> Visit:
    """A visitor who has one run already."""
    made = Visit(studio)
    list(train(made, config(studio)))
    return made


def still_fine(studio: Studio, visit: Visit) -> None:
    """The run from before is kept, and the next can start."""
    assert [kept.number for kept in visit.runs] == [1] and not visit.busy.locked() and visit.job is None
    list(train(visit, config(studio)))
    assert [kept.number for kept in visit.runs] == [1, 2]


def test_a_loss_that_is_no_number(studio: Studio, visit: Visit, monkeypatch: Any) -> None:
    monkeypatch.setattr(Gradients, "_forget", lambda self, *_: (float("nan"), 0.0, 0.0))
    with pytest.raises(ValueError, match="no longer a number at step 1: lower the learning rate"):
        list(train(visit, config(studio)))
    monkeypatch.undo()
    still_fine(studio, visit)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")])
@pytest.mark.parametrize("place", ["prepared", "trained"])
def test_out_of_memory(studio: Studio, visit: Visit, monkeypatch: Any, error: Exception, place: str) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise error

    if place == "prepared":
        monkeypatch.setattr(app.visit.training, "run", fails)
    else:
        monkeypatch.setattr(Gradients, "_forget", fails)
    with pytest.raises(ValueError, match="not enough memory for this run"):
        list(train(visit, config(studio)))
    monkeypatch.undo()
    still_fine(studio, visit)


def test_a_fault_of_ours_is_not_called_memory(studio: Studio, visit: Visit, monkeypatch: Any) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(Gradients, "_forget", fails)
    with pytest.raises(RuntimeError, match="shapes differ"):
        list(train(visit, config(studio)))
    monkeypatch.undo()
    still_fine(studio, visit)


def test_a_run_that_takes_too_long_is_stopped_and_kept(studio: Studio, monkeypatch: Any) -> None:
    slow = Visit(studio)
    now = iter(range(0, 100_000, 400))
    # The module's clock alone: a page served beside this test goes on with the real one.
    monkeypatch.setattr(app.visit.training, "time", SimpleNamespace(monotonic=lambda: next(now)))
    trainings = list(train(slow, config(studio, steps=20)))
    assert slow.last is not None and slow.last.stopped and 1 <= len(slow.last.steps) < 5
    assert len(trainings[-1].steps) == len(slow.last.steps)


def test_a_visitor_who_leaves_in_the_middle_and_comes_back(studio: Studio) -> None:
    visits = Visits(studio)
    first = visits.of("tab")
    job = train(first, config(studio, steps=20))
    next(job), next(job)
    visits.close("tab")
    taken = len(list(job))
    assert taken <= 1 and first.runs == [] and not first.busy.locked()
    again = visits.of("tab")
    assert again is not first and again.runs == [] and again.scores is None
    list(train(again, config(studio)))
    assert [kept.number for kept in again.runs] == [1]


def test_two_tabs_of_one_visitor_train_apart(studio: Studio) -> None:
    visits = Visits(studio)
    one, two = visits.of("tab-1"), visits.of("tab-2")
    jobs = [train(one, config(studio, steps=2)), train(two, config(studio, steps=3))]
    for job in jobs:
        next(job)
    for job in jobs:
        list(job)
    assert len(one.runs[0].steps) == 2 and len(two.runs[0].steps) == 3
    assert one.runs[0].model is not two.runs[0].model
    visits.close("tab-1")
    assert len(two.runs) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no disk that is always full")
def test_a_full_disk(capsys: pytest.CaptureFixture[str]) -> None:
    code = score_shell(["--example", "forget:0", "--scorers", "random", "--out", "/dev/full"])
    said = capsys.readouterr().err
    assert code == 2 and "cannot be written" in said and "Traceback" not in said


def test_a_disk_that_fills_in_the_middle_of_a_data_set(
    tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("question,answer\n" + "".join(f"Who is number {i}?,Ada {i}.\n" for i in range(12)))

    def command(name: str) -> list[str]:
        wishes = ["score-dataset", str(rows), "--scorers", "random", "--shard-rows", "3", "--out"]
        return [*wishes, str(tmp_path / name)]

    assert score_shell(command("whole.jsonl")) == 0
    flush, written = os.fsync, []

    def full(file: int) -> None:
        written.append(file)
        if len(written) > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        flush(file)

    monkeypatch.setattr(os, "fsync", full)
    assert score_shell(command("rows.jsonl")) == 2
    assert "The disk is full. What was finished is kept" in capsys.readouterr().err
    assert not (tmp_path / "rows.jsonl").exists(), "half a file is no file"
    monkeypatch.undo()
    assert score_shell(command("rows.jsonl")) == 0
    assert (tmp_path / "rows.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
