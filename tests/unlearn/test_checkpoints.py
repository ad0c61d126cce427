"""A run that is killed goes on to the identical result."""

from __future__ import annotations

import copy
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

from attribution import LanguageModel, Rule, load_model
from scripts.serving import OFFLINE
from unlearn import RunConfig, load_corpus, run
from unlearn.cli.run import config_of
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
    "inner states": {"objective": "counterfactual", "inner": 4.0},
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


def kept_after_one_step(model, corpus, folder: Path, config: RunConfig = CONFIG, **options) -> None:
    first = run(model, corpus, config, **options)
    first.keep(folder, every=1)
    next(iter(first))


def test_another_runs_checkpoint_is_refused(tiny, small_corpus, tmp_path):
    kept_after_one_step(tiny, small_corpus, tmp_path / "kept")
    other = run(tiny, small_corpus, replace(CONFIG, learning_rate=0.02, seed=3))
    other.keep(tmp_path / "kept")
    with pytest.raises(ValueError, match=r"\(learning_rate, seed differ\)"):
        next(iter(other))


@pytest.mark.parametrize("change", ["mask_scope", "template", "forget rows", "retain rows", "model"])
def test_a_checkpoint_of_another_scoring_of_other_rows_or_of_another_model_is_refused(
    change, tiny, small_corpus, tmp_path
):
    """The settings of the run are the same, and so are the names of corpus and model."""
    kept_after_one_step(tiny, small_corpus, tmp_path / "kept")
    model, corpus, options = tiny, small_corpus, {}
    if change == "mask_scope":
        options = {"mask_scope": "each"}
    elif change == "template":
        model = LanguageModel(tiny.model, tiny.tokenizer, tiny.name, template="Q: {prompt}\nA: {answer}")
    elif change == "model":
        model = LanguageModel(copy.deepcopy(tiny.model), tiny.tokenizer, tiny.name)
        with torch.no_grad():
            model.model.lm_head.weight.mul_(1.001)
    else:
        role = change.split()[0]
        corpus = replace(small_corpus, **{role: getattr(small_corpus, role)[::-1]})
    other = run(model, corpus, CONFIG, **options)
    other.keep(tmp_path / "kept")
    with pytest.raises(ValueError, match=rf"another run \({change} differs\)"):
        next(iter(other))


def test_a_run_that_is_stopped_between_steps_is_kept_and_may_go_on(tiny, small_corpus, tmp_path):
    """Whether its reader goes on to the end or leaves."""
    for leave in (False, True):
        folder = tmp_path / str(leave)
        first = run(tiny, small_corpus, CONFIG)
        first.keep(folder, every=100)
        for step in first:
            if step.number == 3:
                first.stop()
                if leave:
                    break
        assert first.stopped and len(first.steps) == 3
        second = run(tiny, small_corpus, CONFIG)
        second.keep(folder)
        assert [step.number for step in second] == [4, 5, 6] and not second.stopped


def test_a_run_that_reached_its_end_does_not_train_on(knowing, wide_corpus, tmp_path):
    config = replace(CONFIG, steps=40, forget_batch=12, probe_every=2, until_recall=0.3, objective="graddiff")
    first = run(knowing, wide_corpus, config)
    first.keep(tmp_path / "kept")
    for _ in first:
        pass
    assert first.stopped and len(first.steps) < 40
    again = run(knowing, wide_corpus, config)
    again.keep(tmp_path / "kept")
    assert list(again) == [] and again.steps == first.steps
    assert again.stopped and again.notes == first.notes


def test_a_kill_between_two_renames_leaves_the_old_one(tiny, small_corpus, tmp_path):
    first = run(tiny, small_corpus, CONFIG)
    first.keep(tmp_path / "kept", every=1)
    steps = iter(first)
    next(steps)
    steps.close()
    (tmp_path / "kept").rename(tmp_path / "kept.old")
    second = run(tiny, small_corpus, CONFIG)
    second.keep(tmp_path / "kept")
    assert next(iter(second)).number == 2


def test_a_second_run_in_the_same_folder_is_told(tiny, small_corpus, tmp_path):
    """While the first trains, by whatever path the folder is named; not once it has ended, or its reader has left."""
    first, second = run(tiny, small_corpus, CONFIG), run(tiny, small_corpus, CONFIG)
    first.keep(tmp_path / "kept", every=1)
    (tmp_path / "also").symlink_to(tmp_path / "kept")
    second.keep(tmp_path / "also", every=1)
    steps = iter(first)
    next(steps)
    with pytest.raises(ValueError, match="Another process is writing '.*kept': wait until it has ended, or name an"):
        next(iter(second))
    steps.close()
    assert [step.number for step in second] == [2, 3, 4, 5, 6]


def test_no_checkpoint_is_said(tiny, small_corpus, tmp_path):
    (tmp_path / "state.json").write_text("{", encoding="utf-8")
    job = run(tiny, small_corpus, CONFIG)
    job.keep(tmp_path)
    with pytest.raises(ValueError, match="no checkpoint"):
        next(iter(job))


@pytest.mark.parametrize("name", ["state.json", "tensors.safetensors"])
@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"\xff\xfe\0", b"[" * 20_000, b'{"made_of": 5}', None])
def test_a_damaged_checkpoint_is_a_sentence(tiny, small_corpus, tmp_path, name, content):
    kept_after_one_step(tiny, small_corpus, tmp_path / "kept")
    path = tmp_path / "kept" / name
    path.write_bytes(path.read_bytes()[:-30] if content is None else content)
    job = run(tiny, small_corpus, CONFIG)
    job.keep(tmp_path / "kept")
    with pytest.raises(ValueError, match="holds no checkpoint of a run, or a damaged one"):
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
    places = [tmp_path / f"{name}.jsonl" for name in ("forget", "retain")]
    for place in places:
        rows = [{"question": f"Who wrote {place.stem} {i}?", "answer": f"Ada Quell wrote {i}."} for i in range(24)]
        place.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    arguments = ["--forget", str(places[0]), "--retain", str(places[1]), "--steps", "8", "--checkpoint-every", "1"]
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

    assert (tmp_path / "kept.lock").is_file(), "left behind by the kill, and in nobody's way"
    config = config_of("ours", {"steps": 8})
    resumed, whole = (
        run(load_model("embedded", device="cpu"), load_corpus(*map(str, places)), config) for _ in range(2)
    )
    resumed.keep(tmp_path / "kept")
    assert [step.number for step in resumed] == list(range(done + 1, 9))
    for _ in whole:
        pass
    expected = whole.model.model.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in resumed.model.model.state_dict().items())
