"""A run that is killed goes on to the identical result."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from attribution import Rule, load_model
from scripts.serving import OFFLINE
from unlearn import RunConfig, run
from unlearn.__main__ import run_parser
from unlearn.cli.common import read_corpus
from unlearn.cli.settings import config_from
from unlearn.run import checkpoints
from unlearn.run.scorer_learning import ScorerSettings

pytestmark = pytest.mark.usefixtures("one_thread")
ROOT = Path(__file__).resolve().parent.parent.parent
CONFIG = RunConfig(
    rule=Rule("entropy", "top", 0.3),
    steps=6,
    learning_rate=0.01,
    warmup=2,
    forget_batch=4,
    retain_batch=4,
    probe_every=2,
)
ARMS: dict[str, dict] = {
    "adamw": {},
    "sgd": {"optimiser": "sgd"},
    "lora": {"lora": 2},
    "refusals": {"objective": "dpo"},
    "live": {"rule": Rule("entropy", "proportional"), "score_every": 2},
    "alternating": {
        "rule": Rule("learned", "raw"),
        "learn": "alternate",
        "objective": "satga",
        "scorer_settings": ScorerSettings(scorer_every=2),
    },
}


@pytest.mark.parametrize("arm", ARMS)
def test_an_interrupted_run_comes_to_the_identical_result(arm, tiny, small_corpus, tmp_path):
    config = replace(CONFIG, **ARMS[arm])
    whole = run(tiny, small_corpus, config)
    for _ in whole:
        pass
    first = run(tiny, small_corpus, config)
    first.keep(tmp_path / "kept", every=2)
    for step in first:
        if step.number == 5:
            break
    second = run(tiny, small_corpus, config)
    second.keep(tmp_path / "kept", every=2)
    assert [step.number for step in second] == [5, 6]
    expected = whole.model.model.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in second.model.model.state_dict().items())
    assert [replace(step, seconds=0, seconds_left=0) for step in second.steps] == [
        replace(step, seconds=0, seconds_left=0) for step in whole.steps
    ]
    assert second.selections == whole.selections
    again = run(tiny, small_corpus, config)
    again.keep(tmp_path / "kept")
    assert list(again) == [] and len(again.steps) == 6


def test_another_runs_checkpoint_is_refused(tiny, small_corpus, tmp_path):
    first = run(tiny, small_corpus, CONFIG)
    first.keep(tmp_path / "kept", every=1)
    next(iter(first))
    other = run(tiny, small_corpus, replace(CONFIG, learning_rate=0.02, seed=3))
    other.keep(tmp_path / "kept")
    with pytest.raises(ValueError, match="learning_rate, seed differs"):
        next(iter(other))


def test_a_kill_between_two_renames_leaves_the_old_one(tiny, small_corpus, tmp_path):
    first = run(tiny, small_corpus, CONFIG)
    first.keep(tmp_path / "kept", every=1)
    steps = iter(first)
    next(steps)
    (tmp_path / "kept").rename(tmp_path / "kept.old")
    second = run(tiny, small_corpus, CONFIG)
    second.keep(tmp_path / "kept")
    assert next(iter(second)).number == 2


def test_no_checkpoint_is_said(tiny, small_corpus, tmp_path):
    (tmp_path / "state.json").write_text("{", encoding="utf-8")
    job = run(tiny, small_corpus, CONFIG)
    job.keep(tmp_path)
    with pytest.raises(ValueError, match="no checkpoint"):
        next(iter(job))


def test_what_cannot_be_kept_is_said(tiny, small_corpus, tmp_path):
    with pytest.raises(ValueError, match="roll_back"):
        run(tiny, small_corpus, replace(CONFIG, roll_back=True)).keep(tmp_path)
    with pytest.raises(ValueError, match="at least 1"):
        run(tiny, small_corpus, CONFIG).keep(tmp_path, every=0)
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ValueError, match="thesis.tex"):
        run(tiny, small_corpus, CONFIG).keep(tmp_path)


def test_kill_9_in_the_shell(tmp_path):
    arguments = ["--forget", "forget01", "--steps", "8", "--checkpoint-every", "1"]
    command = [sys.executable, "-m", "unlearn", *arguments, "--checkpoint", str(tmp_path / "kept")]
    environment = os.environ | OFFLINE | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while checkpoints.find(tmp_path / "kept") is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    found = checkpoints.find(tmp_path / "kept")
    assert found is not None
    done = len(json.loads((found / checkpoints.STATE).read_text(encoding="utf-8"))["steps"])
    assert 0 < done < 8, "it was over before it could be killed"

    options = run_parser().parse_args(arguments)
    resumed, whole = (
        run(load_model("embedded", device="cpu"), read_corpus(options), config_from(options)) for _ in range(2)
    )
    resumed.keep(tmp_path / "kept")
    assert [step.number for step in resumed] == list(range(done + 1, 9))
    for _ in whole:
        pass
    expected = whole.model.model.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in resumed.model.model.state_dict().items())
