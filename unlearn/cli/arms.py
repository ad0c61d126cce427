"""`python -m unlearn arms`: the same run under several arms and seeds, compared at equal forgetting."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attribution.files import differing
from attribution.model.loading import load_model
from unlearn.arms import Arm, Bench, Trial, compare, parse_arms
from unlearn.arms.arm import CONTROLS
from unlearn.arms.figure import html_page
from unlearn.arms.table import markdown_table, text_table
from unlearn.cli.common import add_corpus_options, add_reference_option, log, read_corpus, reference_for
from unlearn.metrics import RETAIN_ROWS
from unlearn.presets import DEFAULT_PRESET
from unlearn.run.config import RunConfig

DEFAULT_ARMS = (DEFAULT_PRESET, "sequence", "sequence-matched", "random", "permuted", "inverse")


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m unlearn arms`."""
    parse = argparse.ArgumentParser(
        prog="python -m unlearn arms",
        description="Run any set of arms under several seeds, and compare what each keeps at equal forgetting, with "
        "intervals and paired tests. A trial that is in the folder is not made again.",
    )
    parse.add_argument("--model", default="embedded", help="embedded, a Hugging Face folder or a Hub id")
    add_corpus_options(parse)
    add_reference_option(parse, "for forget quality")
    controls = "; ".join(f"{name} ({what})" for name, what in CONTROLS.items())
    parse.add_argument(
        "--arms",
        default=",".join(DEFAULT_ARMS),
        help="names, separated by commas: presets; scorers, as the compared arm's tokens, such as masking or "
        f"fused/soft; controls: {controls}. Changes follow a plus: etw+learning_rate=1e-4+steps=40. "
        "[%(default)s]",
    )
    parse.add_argument("--against", default=DEFAULT_PRESET, metavar="ARM", help="what is controlled [%(default)s]")
    parse.add_argument("--seeds", default="0-4", help="such as 0-4 or 0,2,7 [%(default)s]")
    parse.add_argument("--target", type=float, nargs="+", default=[0.1], help="what is left of the facts [0.1]")
    parse.add_argument("--points", type=int, default=6, help="how often each run is measured [%(default)s]")
    parse.add_argument("--retain-rows", type=int, default=RETAIN_ROWS, help="how many rows to keep are asked")
    parse.add_argument("--diagnostics", action="store_true", help="log gradients and signal to noise at every step")
    parse.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="trials, arms.json, arms.html and arms.md go here"
    )
    return parse


def run(arguments: Sequence[str]) -> None:
    """Make what is missing, then print the table and write the files. ValueError on a fault of the input."""
    options = parser().parse_args(arguments)
    arms = parse_arms([name.strip() for name in options.arms.split(",") if name.strip()], options.against)
    seeds = parse_seeds(options.seeds)
    corpus = read_corpus(options)
    model = load_model(options.model)
    reference = reference_for(model, corpus, options.reference)
    bench = Bench(model, corpus, reference, options.points, options.retain_rows, options.diagnostics)
    folder: Path = options.out
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--out {str(folder)!r} is a file: name a folder.")
    trials = make(bench, arms, seeds, folder / "trials")
    comparison = compare(trials, arms[0].name, options.target)
    sys.stdout.write(text_table(comparison))
    written = {
        "arms.json": json.dumps(comparison.to_dict(), indent=1, allow_nan=False) + "\n",
        "arms.html": html_page(comparison, trials),
        "arms.md": markdown_table(comparison),
    }
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
    log.info("Wrote %s in %s.", ", ".join(written), folder)


def make(bench: Bench, arms: Sequence[Arm], seeds: Sequence[int], folder: Path) -> list[Trial]:
    """Every arm under every seed, a seed at a time; trials in the folder are read instead.

    Raises:
        ValueError: a file there was made with other settings, or holds something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    trials: dict[tuple[str, int], Trial] = {}
    for seed in seeds:
        for arm in arms:
            path = folder / f"{re.sub(r'[^A-Za-z0-9.=+-]', '_', arm.name)}-seed{seed}.json"
            if path.exists():
                trial = Trial.load(path)
                differing = differences(trial.setup, bench.setup(arm, seed))
                if differing:
                    raise ValueError(
                        f"The trial {str(path)!r} was made with other settings ({', '.join(differing)}): delete it, or "
                        "name another --out."
                    )
            else:
                log.info("Seed %d: %s.", seed, arm.name)
                size = trials[arm.matches, seed].points[-1].update_size if arm.matches else None
                trial = bench.trial(arm, seed, size)
                trial.save(path)
                log.info("  %s", said(trial))
            trials[arm.name, seed] = trial
    # Arm by arm, as they were named.
    return [trials[arm.name, seed] for arm in arms for seed in seeds]


def differences(made: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Names of the settings in which two setups differ.

    A setting of the run that one of them lacks, since it is newer, counts as its default.
    """
    plain = json.loads(json.dumps(RunConfig().to_dict()))
    mine, theirs = ({**setup, "config": plain | setup["config"]} for setup in (made, wanted))
    return list(dict.fromkeys(differing(mine, theirs, inside=("config", "options"))))


def said(trial: Trial) -> str:
    """A trial's result in one line."""
    figures = ", ".join(f"{name} {value:.3f}" for name, value in trial.figures(trial.points[-1]).items())
    return f"{figures} ({trial.seconds:.0f} s of training) {trial.note}".rstrip()


def parse_seeds(text: str) -> list[int]:
    """`0-4` or `0,2,7`. ValueError on anything else."""
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        if not match or int(match[2] or match[1]) < int(match[1]):
            raise ValueError(f"The seeds {text!r} are not understood: write 0-4, or 0,2,7.")
        seeds += range(int(match[1]), int(match[2] or match[1]) + 1)
    return list(dict.fromkeys(seeds))
