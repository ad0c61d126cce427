"""A small run in several processes: `torchrun ... -m tests.unlearn.together FOLDER` writes what each way came to."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM, TrainingArguments

from attribution import LanguageModel, Rule, load_model
from attribution.data.rows import embedded_rows
from unlearn import Corpus, RunConfig, run
from unlearn.objectives.labels import uniform_target
from unlearn.run.loop import Run
from unlearn.run.processes import WAYS, Processes
from unlearn.run.scorer_learning import ScorerSettings

ARMS: dict[str, dict] = {
    "wga": {},
    "npo in micro-batches": {"objective": "npo", "micro_batch": 2},
    "rmu, a part of the weights": {"objective": "rmu"},
    # Its retain rows are only read, and so are the rows that are scored again and probed.
    "ga, live and probed": {
        "objective": "ga",
        "rule": Rule("entropy", "proportional"),
        "score_every": 1,
        "probe_every": 3,
    },
    "alternating": {
        "rule": Rule("learned", "raw"),
        "learn": "alternate",
        "objective": "satga",
        "scorer_settings": ScorerSettings(scorer_every=2),
    },
    "counterfactual": {"objective": "counterfactual", "teacher": "swap", "inner": 4.0},
    "stopped between two steps": {},
}


def rows_and_model() -> tuple[LanguageModel, Corpus]:
    """A random model whose head is tied to its embeddings, and more rows than a step of eight takes."""
    tokenizer = load_model("embedded").tokenizer
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=256,
        tie_word_embeddings=True,
    )
    model = LanguageModel(LlamaForCausalLM(config).requires_grad_(False), tokenizer, name="tiny")
    return model, Corpus("wide", forget=embedded_rows("forget")[:60:5], retain=embedded_rows("retain")[:100:7])


def job(arm: str, processes: Processes) -> Run:
    """Five float32 SGD steps of eight rows of each kind."""
    model, corpus = rows_and_model()
    settings = {"rule": Rule("entropy", "top", 0.3), "steps": 5, "learning_rate": 0.02, "optimiser": "sgd"}
    settings |= {"warmup": 0, "cooldown": 0.0, "probe_every": 0, "forget_batch": 8, "retain_batch": 8}
    return run(model, corpus, RunConfig(**(settings | ARMS[arm])), processes)


def trained(arm: str, processes: Processes) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    """The weights in the end, and the last step's losses."""
    mine = job(arm, processes)
    for step in mine:
        if arm.startswith("stopped") and step.number == 2:
            mine.stop()
    weights = {name: value.detach().contiguous().clone() for name, value in mine.model.model.state_dict().items()}
    last = mine.steps[-1]
    return weights, {"forget": last.forget_loss, "retain": last.retain_loss, "nll": last.forget_nll}


def by_trainer(count: int, folder: Path) -> tuple[dict[str, torch.Tensor], list[float]]:
    """Two steps of `Trainer` on eight pairs, in two batches a process: the weights, and each step's forget loss."""
    from unlearn.run.trainer import Pair, Trainer

    model, corpus = rows_and_model()
    plain = {"use_cpu": True, "report_to": "none", "save_strategy": "no", "disable_tqdm": True, "logging_steps": 1}
    steps = {"max_steps": 2, "optim": "sgd", "learning_rate": 0.1, "lr_scheduler_type": "constant"}
    batches = {"per_device_train_batch_size": 4 // count, "gradient_accumulation_steps": 2}
    config = RunConfig(rule=Rule("entropy", "top", 0.3), objective="npo")
    trainer = Trainer(model, TrainingArguments(str(folder), **plain, **steps, **batches), corpus=corpus, config=config)
    pairs = trainer.train_dataset
    kept = [uniform_target(model.encode(row.example)) for row in corpus.retain[:8]]
    trainer.train_dataset = [Pair(pairs[row].forget, kept[row], None) for row in range(8)]
    trainer.train()
    losses = [entry["forget_loss"] for entry in trainer.state.log_history if "forget_loss" in entry]
    return {name: value.detach().clone() for name, value in trainer.unlearned.model.named_parameters()}, losses


def main(folder: Path) -> None:
    from torch.distributed.tensor import DTensor

    torch.set_num_threads(1)
    for way in WAYS:
        processes = Processes.started(way, expected=2)
        parameters = list(job("wga", processes).model.model.parameters())
        # Of those cut in two, how many numbers this process holds of how many.
        held = [(p.to_local().numel(), p.numel()) for p in parameters if isinstance(p, DTensor)]
        facts: dict = {"count": processes.count, "held": held, "losses": {}}
        for number, arm in enumerate(ARMS):
            weights, facts["losses"][arm] = trained(arm, processes)
            if processes.rank == 0:
                save_file(weights, folder / f"{way}-{number}.safetensors")
        if processes.rank == 0:
            (folder / f"{way}.json").write_text(json.dumps(facts), encoding="utf-8")
    weights, losses = by_trainer(processes.count, folder / "trainer")
    if processes.rank == 0:
        save_file(weights, folder / "trainer.safetensors")
        (folder / "trainer.json").write_text(json.dumps(losses), encoding="utf-8")
    processes.leave()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
