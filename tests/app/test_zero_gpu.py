"""A run in a worker's call: everything that goes in and out is pickled here, as it is on a Space with ZeroGPU."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from app.server.settings import Settings
from app.visit import training, zero_gpu
from app.visit.session import Visit
from app.visit.studio import Studio
from app.visit.training import train
from app.visit.zero_gpu import EXTRA_SECONDS, duration
from attribution import LanguageModel, Rule
from attribution.data.rows import embedded_rows
from unlearn import Corpus, RunConfig
from unlearn.replay import is_sampled
from unlearn.run.remote import Order, work

CONFIG = RunConfig(rule=Rule("entropy"), steps=7, forget_batch=2, retain_batch=2, probe_every=3)
ORDERS: list[Order] = []


def pickled(order: Order) -> Iterator[Any]:
    """The worker as far as a process of its own is not needed to see it."""
    ORDERS.append(order)
    for item in work(pickle.loads(pickle.dumps(order))):
        yield pickle.loads(pickle.dumps(item))


@pytest.fixture
def studio(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> Studio:
    rows = embedded_rows("forget")[:4]
    corpus = Corpus(name="small", forget=rows, retain=embedded_rows("retain")[:6], world=embedded_rows("world")[:2])
    monkeypatch.setattr(training, "WORKER", pickled)
    # A forward of the whole model leaves hooks behind that cannot be pickled.
    model.model(torch.tensor([[1, 2, 3]]), output_hidden_states=True)
    return Studio(Settings(), model, corpus)


def test_a_run_in_a_worker_is_the_run_without_one(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    visits = {}
    for where in ("worker", "here"):
        visit = visits[where] = Visit(studio)
        for _ in train(visit, CONFIG):
            pass
        monkeypatch.setattr(training, "WORKER", None)
    there, here = (visits[name].runs[0] for name in ("worker", "here"))
    weights = here.model.model.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in there.model.model.state_dict().items())
    assert there.samples == here.samples and there.selections == here.selections
    assert [step.forget_loss for step in there.steps] == [step.forget_loss for step in here.steps]
    # The answers came with the result: nothing is asked again without the GPU.
    assert there.evaluation is not None and there.evaluation.metrics["forget_recall"] >= 0
    assert here.evaluation is None


def test_stop_ends_the_workers_run_and_leaves_no_file(studio: Studio) -> None:
    visit = Visit(studio)
    for run in train(visit, replace(CONFIG, steps=60)):
        if len(run.steps) == 2:
            visit.stop()
    (kept,) = visit.runs
    assert kept.stopped and len(kept.steps) in (2, 3)
    assert kept.samples[-1].step == len(kept.steps)
    assert not ORDERS[-1].stop.exists()


def test_a_fault_of_the_input_keeps_its_words(studio: Studio) -> None:
    visit = Visit(studio)
    with pytest.raises(ValueError, match="selects no token"):
        list(train(visit, replace(CONFIG, rule=Rule("entropy", "threshold", 1e9))))
    assert visit.runs == []


def test_the_call_is_as_long_as_the_estimate(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}

    def gpu(task: Any, duration: Any) -> Any:
        seen.update(task=task, duration=duration)
        return task

    monkeypatch.setitem(sys.modules, "spaces", SimpleNamespace(GPU=gpu))
    assert zero_gpu.worker(on_zero_gpu=False) is None
    assert zero_gpu.worker(on_zero_gpu=True) is work
    assert seen == {"task": work, "duration": duration}
    studio.measured(3.0, 2)
    list(train(Visit(studio), CONFIG))
    assert duration(ORDERS[-1]) == EXTRA_SECONDS + 11


def test_the_question_is_asked_now_and_then() -> None:
    assert [step for step in range(1, 13) if is_sampled(step, 12)] == [1, 5, 10, 12]
