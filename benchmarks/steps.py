"""What a step of unlearning costs: against the bare forward and backward, against transformers' Trainer, and against
what was expected before it began.

Run: python -m benchmarks steps --rounds 5
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from attribution import LanguageModel, Rule, load_model
from benchmarks.side_by_side import Ratio, side_by_side
from unlearn import Corpus, RunConfig, load_corpus, run
from unlearn.objectives import OBJECTIVES, get_objective, get_retention
from unlearn.objectives.labels import Target, label_batch, totals, uniform_target
from unlearn.run.estimate import estimate
from unlearn.run.loop import Run, draws

CONFIG = RunConfig(rule=Rule("learned", "top", 0.3), beta=4.0, alpha=3.0, steps=20, probe_every=0)
# Kinds of cost: plain, with a second model's distributions, with adapters, with a scoring before every step.
EXPECTED = {
    "wga": CONFIG,
    "undial": CONFIG.with_objective("undial"),
    "wga, adapters": dataclasses.replace(CONFIG, lora=8),
    "wga, live": dataclasses.replace(CONFIG, score_every=1),
}


def batches(job: Run) -> list[tuple[list[Target], list[Target]]]:
    """The rows of every step of a run, to forget and to keep, as it draws them."""
    config = job.config
    forget = draws(len(job.targets), config.forget_batch, config.seed)
    retain = draws(len(job.corpus.retain), config.retain_batch, config.seed + 1)
    keep = job.corpus.retain
    return [
        (
            [job.targets[i] for i in next(forget)],
            [uniform_target(job.base.encode(keep[i].example)) for i in next(retain)],
        )
        for _ in range(config.steps)
    ]


def bare(model: LanguageModel, rows: Sequence[tuple[list[Target], list[Target]]]) -> None:
    """The forward and backward of the same batches, as anyone would write them: no update, no weights."""
    for parts in rows:
        for targets in parts:
            ids, attention = model.pad([target.row for target in targets])
            labels = torch.full_like(ids, -100)
            for i, target in enumerate(targets):
                where = list(target.positions)
                labels[i, where] = ids[i, where]
            logits = model.model(input_ids=ids, attention_mask=attention, use_cache=False).logits
            cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten()).backward()
        model.model.zero_grad(set_to_none=True)


def finish(jobs: list[Run]) -> None:
    """Train one of the prepared runs."""
    for _ in jobs.pop():
        pass


def against_bare(model: LanguageModel, corpus: Corpus, name: str, rounds: int) -> Ratio:
    """Whole steps, clipping and AdamW's update included, against the bare gradients of the same rows."""
    config = CONFIG.with_objective(name)
    jobs = [run(model, corpus, config) for _ in range(rounds + 1)]
    rows, copied = batches(jobs[0]), copy.deepcopy(jobs[0].model)
    label = f"{config.steps} bare forwards and backwards / steps of {OBJECTIVES[name].title}"
    return side_by_side(label, partial(bare, copied, rows), partial(finish, jobs), rounds)


def against_trainer(model: LanguageModel, corpus: Corpus, rounds: int) -> Ratio:
    """The same loss on the same rows: our loop, and transformers' Trainer."""
    jobs = [run(model, corpus, CONFIG) for _ in range(rounds + 1)]
    trainers = [_trainer(copy.deepcopy(jobs[0].model), batches(jobs[0])) for _ in range(rounds + 1)]
    label = f"{CONFIG.steps} steps of WGA: ours / transformers.Trainer"
    return side_by_side(label, partial(finish, jobs), lambda: trainers.pop().train(), rounds)


def _trainer(model: LanguageModel, rows: list[tuple[list[Target], list[Target]]]) -> Any:
    from transformers import Trainer, TrainingArguments
    from transformers.trainer_callback import PrinterCallback

    forget, keep = get_objective(CONFIG.objective), get_retention(CONFIG.resolved["retain"])
    gamma, alpha = CONFIG.resolved["gamma"], CONFIG.resolved["alpha"]

    class Unlearning(Trainer):
        def compute_loss(self, model_: Any, inputs: Any, *_: Any, **__: Any) -> torch.Tensor:
            to_forget, to_keep = inputs["rows"]
            loss = forget.forget(label_batch(model, to_forget, over=totals(to_forget)), CONFIG.constants)
            return gamma * loss + alpha * keep.loss(label_batch(model, to_keep, over=totals(to_keep)))

    class InOrder(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(rows)

        def __getitem__(self, index: int) -> dict[str, Any]:
            return {"rows": rows[index]}

    settings = TrainingArguments(
        output_dir=tempfile.mkdtemp(),
        per_device_train_batch_size=1,
        max_steps=len(rows),
        learning_rate=CONFIG.learning_rate,
        weight_decay=0.0,
        max_grad_norm=1.0,
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        remove_unused_columns=False,
        use_cpu=model.device.type == "cpu",
    )
    trainer = Unlearning(model.model, settings, train_dataset=InOrder(), data_collator=lambda one: one[0])
    trainer.remove_callback(PrinterCallback)
    return trainer


def expectations(model: LanguageModel, corpus: Corpus, rounds: int) -> None:
    """Seconds that were expected before a run and after two of its steps, over those it took."""
    print(f"\n{'expected over taken':<28}{'before':>24}{'after two steps':>24}")
    for name, config in EXPECTED.items():
        before, after = [], []
        for _ in range(rounds):
            job = run(model, corpus, config)
            expected = estimate(job).seconds
            steps = list(job)
            before.append(expected / job.seconds)
            after.append((steps[1].seconds + steps[1].seconds_left) / job.seconds)
        print(f"{name:<28}{_spread(before):>24}{_spread(after):>24}")


def _spread(ratios: list[float]) -> str:
    ordered = sorted(ratios)
    return f"{ordered[len(ordered) // 2]:.2f} ({ordered[0]:.2f} to {ordered[-1]:.2f})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, time, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks steps", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each pair is timed (default: 5)")
    options = parser.parse_args(arguments)
    model, corpus = load_model("embedded"), load_corpus("forget05")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; median of each, ratio of each round's two")
    plain = [name for name, entry in OBJECTIVES.items() if not entry.needs and not entry.head]
    parts: list[Callable[[], object]] = [
        *(partial(against_bare, model, corpus, name, options.rounds) for name in plain),
        partial(against_trainer, model, corpus, options.rounds),
    ]
    for part in parts:
        print(part())
    expectations(model, corpus, options.rounds)
