"""A run that trains upper blocks alone: the others stay bit for bit, and it is the run of whole forwards."""

from __future__ import annotations

import pytest
import torch

from attribution import LanguageModel, Rule
from tests.attribution.tiny import tiny_model
from unlearn import Corpus, RunConfig, run
from unlearn.metrics import Judge, Prober
from unlearn.run import adapters, gradients
from unlearn.run.adapters import first_block
from unlearn.run.loop import Run

FEW = {"steps": 3, "forget_batch": 4, "retain_batch": 4, "probe_every": 0, "rule": Rule("entropy", "top", 0.5)}
FEW |= {"optimiser": "sgd", "learning_rate": 0.02}


def done(model: LanguageModel, corpus: Corpus, **settings) -> Run:
    job = run(model, corpus, RunConfig(**(FEW | settings)))
    for _ in job:
        pass
    return job


@pytest.mark.parametrize(
    "settings",
    [
        # Its loss reads states after block 2, so it is trained from there.
        {"objective": "counterfactual", "train_from": 2},
        {"objective": "undial", "micro_batch": 3},
        {"objective": "npo", "retain": "kl", "lora": 2},
        {"precision": "bfloat16"},
    ],
)
def test_it_is_the_run_of_whole_forwards(small_corpus: Corpus, monkeypatch, settings: dict) -> None:
    model = tiny_model("llama", num_hidden_layers=3)
    settings = {"train_from": 3, **settings}
    ours = done(model, small_corpus, **settings)
    monkeypatch.setattr(gradients, "ReadOnce", lambda reader, *_, **__: _whole(reader))
    whole = done(model, small_corpus, **settings)
    moved = 0
    weights = zip(ours.model.model.named_parameters(), whole.model.model.parameters(), strict=True)
    for (name, mine), theirs in weights:
        torch.testing.assert_close(mine, theirs, rtol=0, atol=3e-4, msg=name)
        moved += mine.requires_grad
    assert moved
    if "lora" not in settings:
        for (name, mine), before in zip(ours.model.model.named_parameters(), model.model.parameters(), strict=True):
            above = ".2." in name or name == "model.norm.weight" or (settings["train_from"] == 2 and ".1." in name)
            assert bool((mine != before).any()) == above == mine.requires_grad, name


def _whole(reader: LanguageModel) -> LanguageModel:
    reader.kept = None  # type: ignore[attr-defined]
    return reader


def test_a_probe_reads_lower_blocks_once_a_row_and_finds_what_whole_forwards_find(small_corpus: Corpus) -> None:
    model = tiny_model("llama", num_hidden_layers=3)
    job = run(model, small_corpus, RunConfig(**(FEW | {"probe_every": 1, "train_from": 3})))
    lower: list[bool] = []
    job.model.blocks[0].register_forward_hook(lambda *_: lower.append(True))
    steps, read = [], []
    for step in job:
        steps.append(step)
        read.append(len(lower))
    whole = Prober(small_corpus, judge=Judge(model, small_corpus.retain))(job.model, speaks=True)
    assert steps[-1].probe == whole and steps[1].probe is not None and steps[1].probe.speaks is None
    # At most what the step draws for the first time, of either kind: the probe's rows were read at step 1.
    assert read[1] - read[0] <= 2


def test_what_fits_the_time_is_trained(small_corpus: Corpus, monkeypatch) -> None:
    model = tiny_model("llama", num_hidden_layers=3)
    assert done(model, small_corpus, steps=1).block == 1
    monkeypatch.setattr(adapters, "LARGE", 1_000)
    assert (first_block(model, None), first_block(model, 3), first_block(model, None, inner=True)) == (2, 3, 1)
    job = done(model, small_corpus, steps=1)
    assert job.block == 2


def test_a_loss_below_the_trained_blocks_is_refused(small_corpus: Corpus) -> None:
    model = tiny_model("llama", num_hidden_layers=3)
    with pytest.raises(ValueError, match="pushes at layer 1, which no trained block reaches"):
        run(model, small_corpus, RunConfig(**(FEW | {"objective": "rmu", "train_from": 3})))
