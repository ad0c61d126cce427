"""`unlearn.Trainer`: the loss of a run inside transformers' own loop."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainingArguments

from attribution import LanguageModel, Rule
from unlearn import Corpus, RunConfig, Trainer, run
from unlearn.objectives.labels import uniform_target
from unlearn.run.trainer import IGNORED, Pair, collate, sides_of

pytestmark = pytest.mark.usefixtures("one_thread")

ROWS = [0, 1, 2, 3]
HARD = Rule("entropy", "top", 0.4)


def arguments(folder: Path, **more: Any) -> TrainingArguments:
    plain = {"use_cpu": True, "report_to": "none", "save_strategy": "no", "disable_tqdm": True, "max_grad_norm": 0.0}
    batches = {"max_steps": 1, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}
    step = {"optim": "sgd", "learning_rate": 1.0, "lr_scheduler_type": "constant"}
    return TrainingArguments(str(folder), **{**plain, **batches, **step, **more})


def weights(model: LanguageModel) -> torch.Tensor:
    return torch.cat([weight.detach().flatten().clone() for weight in model.model.parameters() if weight.requires_grad])


@pytest.mark.parametrize(
    "config",
    [
        RunConfig(rule=HARD, objective="counterfactual", inner=1.0),
        RunConfig(rule=HARD, objective="npo", retain="kl", alpha=2.0),
        RunConfig(rule=HARD, objective="dpo"),
        RunConfig(rule=HARD, objective="rmu"),
        RunConfig(rule=HARD, objective="tpo"),
        RunConfig(rule=Rule(kind="sequence"), objective="undial", gamma=0.5, alpha=1.0),
        RunConfig(rule=Rule("entropy", "soft", 0.5), objective="wga", normaliser="label"),
    ],
    ids=lambda config: config.objective,
)
def test_a_step_has_the_gradient_of_a_run(
    knowing: LanguageModel, wide_corpus: Corpus, tmp_path: Path, config: RunConfig
):
    config = dataclasses.replace(config, forget_batch=4, retain_batch=4, probe_every=0)
    job = run(knowing, wide_corpus, config)
    job.gradients.add(ROWS, ROWS, ROWS)
    gradient = torch.cat([weight.grad.flatten() for weight in job.model.model.parameters() if weight.grad is not None])

    trainer = Trainer(knowing, arguments(tmp_path), corpus=wide_corpus, config=config)
    pairs = trainer.train_dataset
    assert [len(target.weights) for target in job.targets] == [
        len(pairs[row].forget.weights) for row in range(len(pairs))
    ]
    kept = [uniform_target(knowing.encode(wide_corpus.retain[row].example)) for row in ROWS]
    instead = job.gradients._refusal_targets(ROWS, ROWS) if job.gradients.refusals else [None] * len(ROWS)
    # Two batches of two rows, of different lengths, are the step of four.
    trainer.train_dataset = [
        Pair(pairs[row].forget, kept[row], instead[row])  # type: ignore[arg-type]
        for row in ROWS
    ]
    before = weights(trainer.unlearned)
    trainer.train()
    moved = before - weights(trainer.unlearned)
    reached = [weight.grad is not None for weight in job.model.model.parameters()]
    sizes = [weight.numel() for weight in job.model.model.parameters()]
    moved = torch.cat([part for part, was in zip(moved.split(sizes), reached, strict=True) if was])
    assert gradient.norm() > 1e-3
    # What comes of subtracting weights has their rounding.
    assert torch.allclose(moved, gradient, atol=1e-5, rtol=1e-5)
    assert knowing.model.training is False


def own_batches(model: LanguageModel, corpus: Corpus) -> list[dict[str, dict[str, torch.Tensor]]]:
    """Rows as somebody else's data pipeline would make them: labels, and no weights."""
    items = []
    for forget, retain in zip(corpus.forget[:4], corpus.retain[:4], strict=True):
        pair = Pair(*(uniform_target(model.encode(row.example)) for row in (forget, retain)), None)
        batch = collate(model, [pair])
        items.append({side: {k: v[0] for k, v in given.items() if k != "weights"} for side, given in batch.items()})
    return items


def padded(items: list[dict[str, dict[str, torch.Tensor]]]) -> dict[str, dict[str, torch.Tensor]]:
    fills = {"input_ids": 0, "attention_mask": 0, "labels": IGNORED}
    return {
        side: {
            name: torch.nn.utils.rnn.pad_sequence([item[side][name] for item in items], True, fill)
            for name, fill in fills.items()
        }
        for side in items[0]
    }


def test_data_of_ones_own_and_adapters_that_plain_peft_loads(knowing, wide_corpus, tmp_path):
    from peft import LoraConfig, PeftModel, get_peft_model
    from transformers import LlamaForCausalLM

    knowing.model.save_pretrained(tmp_path / "base")
    base = LlamaForCausalLM.from_pretrained(tmp_path / "base")
    adapted = get_peft_model(base, LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM"))
    trainer = Trainer(
        adapted,
        arguments(
            tmp_path / "out", max_steps=3, learning_rate=0.1, eval_strategy="steps", eval_steps=3, logging_steps=1
        ),
        config=RunConfig(rule=Rule(kind="sequence"), objective="npo"),
        train_dataset=own_batches(knowing, wide_corpus),
        eval_dataset=own_batches(knowing, wide_corpus)[:1],
        data_collator=padded,
        processing_class=knowing.tokenizer,
    )
    trainer.train()
    logged = [entry for entry in trainer.state.log_history if "forget_nll" in entry]
    assert [entry["step"] for entry in logged] == [1, 2, 3]
    # Before the first update nothing is behind the reference: -(2/b) log sigmoid(0).
    assert logged[0]["forget_loss"] == pytest.approx(20 * 0.693147, rel=1e-4)
    assert logged[0]["loss"] == pytest.approx(logged[0]["forget_loss"] + logged[0]["retain_loss"], rel=1e-3)
    assert logged[-1]["forget_nll"] > logged[0]["forget_nll"]
    assert any("eval_loss" in entry for entry in trainer.state.log_history)
    trainer.save_model(str(tmp_path / "adapter"))
    loaded = PeftModel.from_pretrained(LlamaForCausalLM.from_pretrained(tmp_path / "base"), tmp_path / "adapter")
    ids = torch.tensor([knowing.encode(wide_corpus.forget[0].example).input_ids])
    with torch.no_grad():
        assert torch.allclose(loaded.eval()(ids).logits, trainer.model.eval()(ids).logits, atol=1e-5)


def test_adapters_of_a_run_are_saved_as_adapters(knowing, small_corpus, tmp_path):
    config = RunConfig(rule=HARD, objective="graddiff", lora=2)
    trainer = Trainer(knowing, arguments(tmp_path), corpus=small_corpus, config=config)
    trainer.train()
    trainer.save_model(str(tmp_path / "adapter"))
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()
    assert not (tmp_path / "adapter" / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"config": RunConfig(score_every=1, rule=HARD)}, "has no score_every"),
        ({"config": RunConfig(until_recall=0.1)}, "has no until_recall"),
        ({"config": RunConfig(rule=Rule("learned"), learn="alternate")}, "has no learn"),
        ({}, "is trained on a corpus"),
    ],
)
def test_what_a_trainer_cannot_do_is_one_sentence(tiny, given, match):
    with pytest.raises(ValueError, match=match):
        Trainer(tiny, **given)


def test_what_ones_own_data_cannot_do_is_one_sentence(tiny, small_corpus, tmp_path):
    with pytest.raises(ValueError, match="needs more than the rows themselves"):
        Trainer(tiny.model, config=RunConfig(objective="rmu"), processing_class=tiny.tokenizer)
    with pytest.raises(ValueError, match="which tokenizer"):
        Trainer(tiny.model, config=RunConfig(objective="npo"))
    with pytest.raises(ValueError, match="own template"):
        Trainer(tiny.model, config=RunConfig(objective="npo"), corpus=small_corpus)
    trainer = Trainer(
        tiny.model, arguments(tmp_path), config=RunConfig(objective="ga"), processing_class=tiny.tokenizer
    )
    ids = torch.ones(1, 3, dtype=torch.long)
    with pytest.raises(ValueError, match="has no label"):
        side = {"input_ids": ids, "attention_mask": ids, "labels": torch.full_like(ids, IGNORED)}
        trainer.compute_loss(tiny.model, {"forget": side, "retain": side})
    with pytest.raises(ValueError, match="forget side of a batch has no attention_mask"):
        side = {"input_ids": ids, "labels": ids}
        trainer.compute_loss(tiny.model, {"forget": side, "retain": side})


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"config": RunConfig(objective="npo", lora=4)}, "no lora: put adapters on it with peft"),
        ({"config": RunConfig(objective="npo", train_from=2, by_hand="0:+1")}, "no train_from, by_hand"),
        ({"model": "owner/name"}, "The model is 'owner/name': give a model of transformers"),
        ({"model": None}, "The model is 'None'"),
        ({"reference": "owner/name"}, "The reference is 'owner/name'"),
        ({"compute_loss_func": lambda *_: 0}, "The loss is that of config"),
    ],
)
def test_what_is_done_to_a_model_of_ones_own_before_is_said(tiny, given, match):
    with pytest.raises(ValueError, match=match):
        Trainer(
            **{"model": tiny.model, "config": RunConfig(objective="npo"), "processing_class": tiny.tokenizer} | given
        )


IDS = torch.ones(1, 3, dtype=torch.long)
SIDE = {"input_ids": IDS, "attention_mask": IDS, "labels": IDS}


@pytest.mark.parametrize(
    ("batch", "match"),
    [
        (SIDE, "A batch has no two sides"),
        ({"forget": SIDE}, "A batch has no two sides"),
        ((SIDE, SIDE), "A batch has no two sides"),
        ({"forget": SIDE, "retain": SIDE | {"labels": [[1, 1, 1]]}}, "retain side of a batch has parts of different"),
        ({"forget": SIDE | {"labels": IDS[:, :2]}, "retain": SIDE}, "forget side of a batch has parts of different"),
        ({"forget": SIDE | {"weights": IDS * math.nan}, "retain": SIDE}, "or that are no numbers"),
        ({"forget": SIDE | {"weights": -IDS}, "retain": SIDE}, "weights below 0"),
    ],
)
def test_batches_of_another_form_are_one_sentence(batch, match):
    with pytest.raises(ValueError, match=match):
        sides_of(batch)


def test_what_else_stands_in_a_batch_is_left():
    assert [*sides_of({"index": IDS, "refusal": None, "retain": SIDE, "forget": SIDE})] == ["forget", "retain"]
