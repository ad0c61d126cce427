"""Time what people wait for, side by side, on this machine.

Run: make bench     (or: python -m benchmarks waits --repeats 5)

Every figure is the median wall-clock time of a few repeats after one that is not counted.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from attribution import LanguageModel, Rule, load_model, score
from attribution.data.rows import embedded_rows
from attribution.scorers import DEFAULT_SCORERS, SCORERS
from unlearn import RunConfig, load_corpus, run
from unlearn.objectives import OBJECTIVES

ROWS = 64


@dataclass(frozen=True)
class Timing:
    """One line of the table: what was done, the median time of doing it once, and how many units that was."""

    what: str
    seconds: float
    units: int
    unit: str

    def __str__(self) -> str:
        return f"{self.what:<54}{self.seconds:>9.3f} s {1000 * self.seconds / self.units:>9.2f} ms per {self.unit}"


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """Median wall-clock seconds of `work`, after one call that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def loading(repeats: int) -> list[Timing]:
    """Reading a model from disk."""
    seconds = median_seconds(lambda: load_model("embedded"), repeats)
    return [Timing("load the embedded model", seconds, 1, "model")]


def scoring(model: LanguageModel, repeats: int) -> list[Timing]:
    """Each scorer alone on the same rows, the default ones together, and the same row by row, as the page asks."""
    examples = [row.example for row in embedded_rows("forget")[:ROWS]]
    timings = []
    for names in [(info.name,) for info in SCORERS] + [DEFAULT_SCORERS]:
        seconds = median_seconds(partial(score, model, examples, names), repeats)
        timings.append(Timing(f"score {ROWS} rows: {', '.join(names)}", seconds, ROWS, "row"))
    for scope in ("subject", "prompt", "each"):
        seconds = median_seconds(partial(score, model, examples, ("masking",), mask_scope=scope), repeats)
        timings.append(Timing(f"score {ROWS} rows: masking, scope {scope}", seconds, ROWS, "row"))
    seconds = median_seconds(lambda: [score(model, example) for example in examples], repeats)
    timings.append(Timing(f"score {ROWS} rows one by one: all four", seconds, ROWS, "row"))
    return timings


def training(model: LanguageModel, repeats: int, steps: int) -> list[Timing]:
    """Optimiser steps of each objective, and of each strategy under the default objective; scoring is left out."""
    corpus = load_corpus("forget05")
    rules = {
        "hard": Rule("learned", "top", 0.3),
        "soft": Rule("learned", "soft", 0.3),
        "sequence": Rule("learned", "sequence"),
    }
    arms = [(name, "hard") for name in OBJECTIVES]
    arms += [(RunConfig().objective, strategy) for strategy in rules if strategy != "hard"]
    timings = []
    for name, strategy in arms:
        config = RunConfig(rule=rules[strategy], objective=name, steps=steps, probe_every=0)
        seconds = []
        for _ in range(repeats):
            job = run(model, corpus, config)
            for _step in job:
                pass
            seconds.append(job.seconds)
        timings.append(Timing(f"{steps} steps: {name}, {strategy}", statistics.median(seconds), steps, "step"))
    return timings


def main(given: Sequence[str] | None = None) -> None:
    """Read the command line, time, print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks waits", description="Time what people wait for, side by side."
    )
    parser.add_argument("--repeats", type=int, default=3, help="how often each is timed (default: 3)")
    parser.add_argument("--steps", type=int, default=10, help="optimiser steps of each run (default: 10)")
    arguments = parser.parse_args(given)
    for name in ("repeats", "steps"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name} must be at least 1, not {getattr(arguments, name)}")

    print(f"Python {platform.python_version()}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    model = load_model("embedded")
    print(f"{model.name}, {sum(p.numel() for p in model.model.parameters()) / 1e6:.1f} M parameters, {model.device}")
    for timing in loading(arguments.repeats):
        print(timing, flush=True)
    for timing in scoring(model, arguments.repeats):
        print(timing, flush=True)
    for timing in training(model, arguments.repeats, arguments.steps):
        print(timing, flush=True)
