"""A real model that forgets countries: scorers against the marks, one run timed part by part, arms at equal forgetting.

    make real
    python -m benchmarks real --out DIR                      everything: an hour on two cores
    python -m benchmarks real --out DIR --arms ""            scorers and the timed run alone: minutes

Trials that are done are kept: a second start goes on with those that are missing. `real.md` in DIR is the table of
docs/results.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import torch

from attribution import LanguageModel, load_model, score
from attribution.measure.scorer_evaluation import evaluate
from attribution.model.curated import SMALLEST
from attribution.scorers import DEFAULT_SCORERS
from unlearn import Corpus, RunConfig, load_corpus, run
from unlearn.arms import Bench, compare, parse_arms
from unlearn.arms.table import markdown_table
from unlearn.asking.known import known_part
from unlearn.cli.arms import make, parse_seeds
from unlearn.metrics import ask
from unlearn.metrics.recall import fact_recall
from unlearn.presets import preset, preset_for

log = logging.getLogger("benchmarks")
FORGET = "real:Japan,France,Italy,Egypt,Brazil"
SCORERS = ("masking", "entropy", "fused", "new-info")
ARMS = "real,ours-fused,sequence-wga"
T = TypeVar("T")


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m benchmarks real`."""
    parse = argparse.ArgumentParser(prog="python -m benchmarks real", description=(__doc__ or "").split("\n")[0])
    parse.add_argument("--model", default=SMALLEST, help="[%(default)s]")
    parse.add_argument("--forget", default=FORGET, help="[%(default)s]")
    parse.add_argument("--arms", default=ARMS, help="see python -m unlearn arms --help; nothing for none [%(default)s]")
    parse.add_argument("--seeds", default="0-2", help="of the arms [%(default)s]")
    parse.add_argument("--points", type=int, default=4, help="how often each arm is measured [%(default)s]")
    parse.add_argument("--steps", type=int, help="of the timed run, instead of the preset's")
    parse.add_argument("--out", type=Path, default=Path("real"), metavar="DIR")
    return parse


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write `real.md`."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options = parser().parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    model = load_model(options.model)
    corpus, asking = timed(lambda: known_part(model, load_corpus(options.forget), log.info))
    config = preset(preset_for(options.forget)).config
    config = dataclasses.replace(config, probe_every=0, steps=options.steps or config.steps)
    parts = [
        heading(model, corpus, asking),
        scorers(model, corpus),
        one_run(model, corpus, config),
        steps(model, corpus),
    ]
    if options.arms:
        arms = parse_arms([name.strip() for name in options.arms.split(",")], preset_for(options.forget))
        # Measured as rows to keep are the neighbours alone, and the rest of the world as one.
        rest = (*corpus.retain[corpus.neighbours :], *corpus.world)
        asked = dataclasses.replace(corpus, retain=corpus.retain[: corpus.neighbours], world=rest)
        bench = Bench(model, corpus, points=options.points, asked=asked)
        trials = make(bench, arms, parse_seeds(options.seeds), options.out / "trials")
        comparison = compare(trials, arms[0].name, (0.1,))
        (options.out / "arms.json").write_text(json.dumps(comparison.to_dict(), indent=1), encoding="utf-8")
        parts.append(markdown_table(comparison))
    page = "\n\n".join(parts) + "\n"
    (options.out / "real.md").write_text(page, encoding="utf-8")
    sys.stdout.write(page)


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What it gives, and the seconds it took."""
    started = time.perf_counter()
    return work(), time.perf_counter() - started


def heading(model: LanguageModel, corpus: Corpus, asking: float) -> str:
    """Which model, which rows, which machine, and how busy that is: times of a busy one are no times."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    parameters = sum(weight.numel() for weight in model.model.parameters()) / 1e6
    return (
        f"{model.name}, {parameters:.0f} M parameters, on {model.device.type} with {torch.get_num_threads()} threads "
        f"(load before: {load}). {corpus.name}: {len(corpus.forget)} rows to forget, {corpus.neighbours} about "
        f"neighbours and {len(corpus.retain) - corpus.neighbours} others to keep, all of which it knows; asking took "
        f"{asking:.0f} s."
    )


def scorers(model: LanguageModel, corpus: Corpus) -> str:
    """AUROC per answer against the marked facts, and seconds a row for four scorers together."""
    rows = [row.example for row in corpus.forget]
    _, seconds = timed(lambda: score(model, rows, SCORERS))
    methods = tuple(dict.fromkeys((*SCORERS, *(name for name in DEFAULT_SCORERS if name != "learned"))))
    found = evaluate(model, rows, methods, groups=[row.author for row in corpus.forget]).to_dict()
    figures = {one["name"]: one["subject_left_out"]["auroc"]["mean"] for one in found["scorers"]}
    table = [f"| {' | '.join(figures)} |", "|---" * len(figures) + "|"]
    table.append("| " + " | ".join(f"{value:.2f}" for value in figures.values()) + " |")
    return f"{', '.join(SCORERS)} together: {seconds / len(rows):.2f} s a row. AUROC per answer:\n\n" + "\n".join(table)


def one_run(model: LanguageModel, corpus: Corpus, config: RunConfig) -> str:
    """From the start to the answers to what was forgotten, part by part."""
    job, scoring = timed(lambda: run(model, corpus, config))
    _, training = timed(lambda: list(job))
    splits = {
        "forget": corpus.forget,
        "paraphrase": corpus.paraphrase,
        "neighbours": corpus.retain[: corpus.neighbours],
        "the rest": corpus.retain[corpus.neighbours :],
        "world": corpus.world,
    }
    recall, answering = {}, 0.0
    for name, rows in splits.items():
        answers, seconds = timed(lambda rows=rows: ask(job.model, "", rows))  # type: ignore[misc]
        recall[name] = fact_recall(answers) if answers else float("nan")
        answering += seconds if name in ("forget", "paraphrase") else 0.0
    figures = " | ".join(f"{value:.3f}" for value in recall.values())
    lines = [f"| {' | '.join(recall)} |", "|---" * len(recall) + "|", f"| {figures} |"]
    return (
        f"The preset, {len(job.steps)} steps from block {job.block} on: scored and prepared in {scoring:.0f} s, "
        f"trained in {training:.0f} s, asked again about what is forgotten in {answering:.0f} s; peak memory "
        f"{peak_memory() / 1e9:.2f} GB. Recall:\n\n" + "\n".join(lines)
    )


def steps(model: LanguageModel, corpus: Corpus) -> str:
    """The gradients of one step, rows known, with the lower blocks read once and with whole forwards."""
    config = dataclasses.replace(preset("real").config, probe_every=0)
    seconds = {}
    for name, block in (("whole", 1), ("read once", model.depth // 2 + 1)):
        job = run(model, corpus, dataclasses.replace(config, train_from=block))
        job.gradients.add_first_rows()
        seconds[name] = min(timed(job.gradients.add_first_rows)[1] for _ in range(3))
    share = seconds["read once"] / seconds["whole"]
    return (
        f"A step of {config.forget_batch} + {config.retain_batch} rows: {seconds['whole']:.2f} s whole, "
        f"{seconds['read once']:.2f} s from the middle with the blocks below read once, {share:.2f} of it."
    )


def peak_memory() -> float:
    """The most bytes that this process has held: of a GPU where one works, else resident."""
    if torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated())
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held * (1.0 if sys.platform == "darwin" else 1024.0)


if __name__ == "__main__":
    main()
