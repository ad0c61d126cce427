"""Adapters, half precision, an early end, memory that runs out, and what a run leaves on disk."""

from __future__ import annotations

import json
import signal
from dataclasses import replace

import pytest
import torch

from attribution import Rule
from unlearn import RunConfig, Step, evaluate, run
from unlearn.__main__ import main
from unlearn.export import save
from unlearn.metrics import Probe, Prober
from unlearn.run import gradients
from unlearn.run.adapters import merged
from unlearn.run.collapse import REMEDY, CollapseGuard, best_sound_step
from unlearn.run.loop import Run

pytestmark = pytest.mark.usefixtures("one_thread")
CONFIG = RunConfig(
    rule=Rule("entropy", "top", 0.3),
    steps=4,
    learning_rate=0.01,
    warmup=0,
    forget_batch=4,
    retain_batch=4,
    probe_every=0,
)


def finished(model, corpus, **changes) -> Run:
    job = run(model, corpus, replace(CONFIG, **changes))
    for _ in job:
        pass
    return job


def weights(model) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.model.state_dict().items()}


# Adapters ------------------------------------------------------------------------------------------------------------


def test_adapters_alone_are_trained(tiny, small_corpus):
    before = weights(tiny)
    job = finished(tiny, small_corpus, lora=2)
    trained = {name for name, parameter in job.model.model.named_parameters() if parameter.requires_grad}
    assert trained and all("lora_" in name for name in trained)
    assert all(torch.equal(value, before[name]) for name, value in weights(tiny).items())
    whole = weights(merged(job.model))
    moved = {name for name, value in whole.items() if not torch.equal(value, before[name])}
    assert moved and all("proj" in name for name in moved)


def test_merged_adapters_say_the_same(tiny, small_corpus):
    job = finished(tiny, small_corpus, lora=2)
    rows = [job.model.encode(row.example) for row in small_corpus.forget]
    for one, two in zip(job.model.token_statistics(rows), merged(job.model).token_statistics(rows), strict=True):
        torch.testing.assert_close(one.log_probs, two.log_probs, atol=1e-4, rtol=1e-4)


def test_the_seed_makes_the_adapters(tiny, small_corpus):
    torch.manual_seed(5)
    first = finished(tiny, small_corpus, lora=2)
    torch.manual_seed(6)
    again = finished(tiny, small_corpus, lora=2)
    other = finished(tiny, small_corpus, lora=2, seed=1)
    assert all(torch.equal(value, weights(again.model)[name]) for name, value in weights(first.model).items())
    assert not all(torch.equal(value, weights(other.model)[name]) for name, value in weights(first.model).items())


# Precision, end, memory ----------------------------------------------------------------------------------------------


def test_half_precision_computes_in_half_and_keeps_float32(tiny, small_corpus):
    job, half = finished(tiny, small_corpus), finished(tiny, small_corpus, precision="bfloat16")
    assert all(value.dtype == torch.float32 for value in weights(half.model).values())
    assert half.steps[0].retain_loss != job.steps[0].retain_loss
    assert half.steps[0].retain_loss == pytest.approx(job.steps[0].retain_loss, rel=0.02)


def test_a_run_ends_where_enough_is_forgotten(knowing, wide_corpus):
    job = finished(knowing, wide_corpus, steps=40, probe_every=2, until_recall=0.0, objective="graddiff")
    assert job.stopped and len(job.steps) < 40
    assert job.steps[-1].probe.forget_recall == 0.0
    assert "forget recall" in job.notes[0]


def test_a_run_that_collapses_goes_back_to_its_best_sound_step(knowing, wide_corpus):
    """Gradient ascent at a rate far too high, with a probe after every step."""
    settings = {"objective": "ga", "steps": 30, "probe_every": 1, "learning_rate": 0.02}
    wild = finished(knowing, wide_corpus, **settings)
    before = Prober(wide_corpus)(knowing)
    assert min(wild.steps[-1].probe.structure / before.structure, 1) < 0.5
    guarded = finished(knowing, wide_corpus, **settings, roll_back=True)
    assert guarded.stopped and len(guarded.steps) < 30
    best = guarded.rolled_back_to
    assert best is not None and best < len(guarded.steps)
    found = Prober(wide_corpus)(guarded.model)
    assert found.structure >= 0.9 * before.structure and found.retain_recall >= 0.9 * before.retain_recall
    if best:
        assert found == replace(guarded.steps[best - 1].probe, speaks=None)
    assert f"step {best} again" in guarded.notes[-1]


def test_a_run_that_is_dead_at_its_first_probe_says_so(knowing, wide_corpus):
    """What it is held against is the original, not its own first probe."""
    job = finished(knowing, wide_corpus, objective="ga", steps=5, probe_every=5, learning_rate=0.5)
    assert job.before.structure > 0.2 > 0.1 > job.steps[0].probe.structure
    (note,) = job.notes
    assert " has fallen from " in note and note.endswith(REMEDY) and "was sound" not in note


def test_the_best_sound_step_is_one_that_was_asked_to_speak():
    before, standing = Probe(1.0, 1.0, 1.0, 1.0), Probe(0.5, 1.0, 1.0, 1.0)
    probes = [Probe(0.9, 1.0, 1.0, 1.0), standing, None, Probe(0.1, 1.0, 1.0), Probe(0.0, 1.0, 1.0, 0.0)]
    steps = [Step(k, 5, 0, 0, 0, 0, 0, probe) for k, probe in enumerate(probes, start=1)]
    assert best_sound_step(before, steps) == 2
    assert best_sound_step(replace(before, speaks=None), steps) == 5, "nobody asks there"
    assert best_sound_step(None, steps) is best_sound_step(before, steps[4:]) is None


def test_the_best_sound_step_has_forgotten_most():
    parameter = torch.nn.Parameter(torch.zeros(1))
    guard = CollapseGuard([parameter], Probe(1.0, 1.0, 0.8))
    for step, probe in enumerate([Probe(0.5, 0.95, 0.8), Probe(0.2, 0.9, 0.79), Probe(0.1, 0.8, 0.8)], start=1):
        parameter.data.fill_(step)
        assert not guard.collapsed(step, probe)
    assert guard.collapsed(4, Probe(0.0, 0.9, 0.39))
    assert guard.restore() == 2 and parameter.item() == 2
    # Words that nobody would say are a loss too.
    assert guard.collapsed(5, Probe(0.0, 1.0, 0.8, 0.25)) is False, "the original was not asked to speak"
    speaking = CollapseGuard([parameter], Probe(1.0, 1.0, 0.8, 1.0))
    assert not speaking.collapsed(1, Probe(0.5, 1.0, 0.8, 0.75)) and speaking.best.step == 1
    assert not speaking.collapsed(2, Probe(0.0, 1.0, 0.8, 0.5)) and speaking.best.step == 1
    assert speaking.collapsed(3, Probe(0.0, 1.0, 0.8, 0.25))
    # Rows without marked facts say nothing of a collapse.
    assert not CollapseGuard([parameter], Probe(None, None, None)).collapsed(1, Probe(None, None, None))


def test_ctrl_c_in_the_shell_ends_a_run_after_its_step_and_keeps_it(tmp_path, monkeypatch):
    real = gradients.Gradients.add
    calls = iter(range(9))

    def add(self, *rest):
        # Two to tell how long the run takes, then one a step.
        if next(calls) == 4:
            signal.raise_signal(signal.SIGINT)
        return real(self, *rest)

    monkeypatch.setattr(gradients.Gradients, "add", add)
    # A shell that starts the tests in the background lets them ignore it.
    before = signal.getsignal(signal.SIGINT)
    report, arguments = tmp_path / "run.json", ["--steps", "5"]
    for role in ("forget", "retain"):
        rows = [{"question": f"Who wrote {role} {i}?", "answer": f"Ada Quell wrote {role} {i}."} for i in range(3)]
        (tmp_path / f"{role}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        arguments += [f"--{role}", str(tmp_path / f"{role}.jsonl")]
    arguments += ["--checkpoint", str(tmp_path / "kept"), "--json", str(report)]
    assert main(arguments) == 0
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["stopped"] and [step["step"] for step in found["steps"]] == [1, 2, 3]
    assert signal.getsignal(signal.SIGINT) is before
    # The same command again takes the steps that are left.
    assert main(arguments) == 0
    found = json.loads(report.read_text(encoding="utf-8"))
    assert not found["stopped"] and len(found["steps"]) == 5


@pytest.fixture
def little_memory(monkeypatch):
    """Forwards of more than a row run out of memory."""
    real = gradients.label_batch

    def limited(model, targets, *rest, **options):
        if len(targets) > 1:
            raise torch.OutOfMemoryError("pretended")
        return real(model, targets, *rest, **options)

    monkeypatch.setattr(gradients, "label_batch", limited)


def test_memory_that_runs_out_makes_parts_smaller_and_changes_nothing_else(tiny, small_corpus, request):
    plenty = finished(tiny, small_corpus)
    request.getfixturevalue("little_memory")
    scarce = finished(tiny, small_corpus)
    assert scarce.gradients.micro_batch == 1
    assert [note for note in scarce.notes if "went on with 1" in note]
    for name, value in weights(plenty.model).items():
        torch.testing.assert_close(value, weights(scarce.model)[name], atol=2e-4, rtol=1e-3)


def test_memory_for_not_even_a_row_is_said(tiny, small_corpus, monkeypatch):
    def nothing(*_, **__):
        raise torch.OutOfMemoryError("pretended")

    monkeypatch.setattr(gradients, "label_batch", nothing)
    with pytest.raises(ValueError, match="one row"):
        finished(tiny, small_corpus)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lora": -1}, "Rank of adapters is -1: a whole number from 1 to 256, or 0 is needed"),
        ({"precision": "int8"}, "Choose from float32, bfloat16"),
        ({"until_recall": 2.0, "probe_every": 5}, "from 0 to 1"),
        ({"until_recall": 0.1}, "probe_every"),
        ({"roll_back": True}, "probe_every"),
    ],
)
def test_what_cannot_be_is_named(change, said):
    with pytest.raises(ValueError, match=said):
        replace(CONFIG, **change)


# On disk -------------------------------------------------------------------------------------------------------------


def test_both_forms_give_the_same_answers(tiny, small_corpus, tmp_path):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    job = finished(tiny, small_corpus, lora=2)
    save(job, tmp_path / "merged")
    save(job, tmp_path / "adapter", "adapter")
    tiny.model.save_pretrained(tmp_path / "base")
    ids = torch.tensor([tiny.encode(small_corpus.forget[0].example).input_ids])
    whole = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    beside = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tmp_path / "base"), tmp_path / "adapter")
    with torch.no_grad():
        expected = job.model.model(ids).logits
        torch.testing.assert_close(whole(ids).logits, expected, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(beside(ids).logits, expected, atol=1e-4, rtol=1e-4)
    assert not list(tmp_path.rglob("*.bin"))


def test_the_card_says_what_was_done(tiny, small_corpus, tmp_path):
    job = finished(tiny, small_corpus)
    save(
        job, tmp_path, evaluations={"before": evaluate(tiny, small_corpus), "after": evaluate(job.model, small_corpus)}
    )
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    kept = sum(sum(selection.kept) for selection in job.selections)
    for said in (
        f"{kept} of ",
        "`entropy`",
        "WGA",
        "| beta | 1 |",
        "4 of 4 steps",
        "| Seed | 0 |",
        "| By hand | none |",
        "forget_recall",
        "before | after",
    ):
        assert said in card
    assert "certifies erasure" in card


def test_an_adapter_of_a_full_run_is_refused_before_it_starts(capsys, tmp_path):
    assert main(["--save", str(tmp_path), "--save-as", "adapter"]) == 2
    assert "add --lora" in capsys.readouterr().err
    assert main(["--save", str(tmp_path), "--save-as", "zip"]) == 2
    assert "'zip'" in capsys.readouterr().err


def test_the_shell_trains_and_saves_an_adapter(rows, tmp_path):
    arguments = ["--forget", rows, "--steps", "1", "--lora", "2", "--save-as", "adapter"]
    arguments += ["--checkpoint", str(tmp_path / "kept")]
    assert main([*arguments, "--save", str(tmp_path / "out"), "--json", str(tmp_path / "run.json")]) == 0
    assert (tmp_path / "out" / "adapter_model.safetensors").is_file()
    assert (tmp_path / "kept" / "state.json").is_file()
    assert json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["config"]["lora"] == 2
