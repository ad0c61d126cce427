"""`python -m unlearn arms`: the same run under several arms and seeds, compared at equal forgetting."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from attribution.cli.common import names_of
from attribution.cli.options import ModelName
from attribution.files import differing, write_atomically
from attribution.model.loading import load_model
from attribution.text.templates import Asking, template_words
from attribution.workers import Part, Workers
from unlearn.arms import Arm, Bench, Trial, compare, parse_arms
from unlearn.arms.arm import CONTROLS
from unlearn.arms.figure import html_page
from unlearn.arms.table import markdown_table, text_table
from unlearn.cli.common import Rows, known_to, log, reference_for, reference_option
from unlearn.metrics import RETAIN_ROWS
from unlearn.presets import DEFAULT_PRESET
from unlearn.run.config import RunConfig

DEFAULT_ARMS = (DEFAULT_PRESET, "sequence", "sequence-matched", "random", "permuted", "inverse")
SAID = "; ".join(f"{name} ({what})" for name, what in CONTROLS.items())


def arms_command(
    *,
    model: ModelName = "embedded",
    asking: Asking,
    rows: Rows,
    reference: Annotated[str | None, reference_option("for forget quality")] = None,
    arms: Annotated[
        str,
        Option(
            metavar="NAMES",
            help="separated by commas: presets; scorers, as the compared arm's tokens, such as masking or fused/soft; "
            f"controls: {SAID}. Changes follow a plus: etw+learning_rate=1e-4+steps=40.",
        ),
    ] = ",".join(DEFAULT_ARMS),
    against: Annotated[str, Option(metavar="ARM", help="what is controlled")] = DEFAULT_PRESET,
    seeds: Annotated[str, Option(metavar="SEEDS", help="such as 0-4 or 0,2,7")] = "0-4",
    target: Annotated[str, Option(metavar="SHARES", help="what is left of the facts, such as 0.1 or 0.1,0.4")] = "0.1",
    points: Annotated[int, Option(metavar="N", help="how often each run is measured")] = 6,
    retain_rows: Annotated[int, Option(metavar="N", help="how many rows to keep are asked")] = RETAIN_ROWS,
    diagnostics: Annotated[
        bool, Option("--diagnostics", help="log gradients and signal to noise at every step")
    ] = False,
    part: Part = None,
    out: Annotated[Path, Option(metavar="FOLDER", help="trials, arms.json, arms.html and arms.md go here")],
) -> None:
    """Run any set of arms under several seeds, and compare what each keeps at equal forgetting.

    With intervals and paired tests. A trial that is in the folder is not made again. Under `accelerate launch` or
    `torchrun`, and in the parts of a Slurm array, processes share the trials.
    """
    wanted = parse_arms(names_of(arms), against)
    numbers, targets = parse_seeds(seeds), parse_targets(target)
    corpus = None if rows.asks else rows.read()
    workers = Workers.started(part)
    original = load_model(model, device=workers.device, template=asking.template)
    corpus = known_to(original, corpus or rows.ask(original))
    bench = Bench(original, corpus, reference_for(original, corpus, reference), points, retain_rows, diagnostics)
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {str(out)!r} is a file: name a folder.")
    trials = make(bench, wanted, numbers, out / "trials", workers)
    if not trials:
        return
    comparison = compare(trials, wanted[0].name, targets)
    sys.stdout.write(f"{model}, asked by {template_words(original.template)}\n\n{text_table(comparison)}")
    written = {
        "arms.json": json.dumps(comparison.to_dict(), indent=1, allow_nan=False) + "\n",
        "arms.html": html_page(comparison, trials),
        "arms.md": markdown_table(comparison),
    }
    for name, text in written.items():
        # Two parts that end together write the same.
        with write_atomically(out / name) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    log.info("Wrote %s in %s.", ", ".join(written), out)


def make(
    bench: Bench, arms: Sequence[Arm], seeds: Sequence[int], folder: Path, workers: Workers | None = None
) -> list[Trial]:
    """Every arm under every seed, a seed at a time; trials in the folder are read instead.

    Args:
        workers: this process among several; each makes its share of the trials, and who leads gets all of them.

    Returns:
        The trials, arm by arm; none in a process that does not lead, or that ends while trials are still to come.

    Raises:
        ValueError: a file there was made with other settings, or holds something else.
    """
    workers = workers or Workers()
    folder.mkdir(parents=True, exist_ok=True)
    trials: dict[tuple[str, int], Trial] = {}
    for number, (seed, together) in enumerate((seed, group) for seed in seeds for group in _groups(arms)):
        if number % workers.count == workers.rank:
            for arm in together:
                size = trials[arm.matches, seed].points[-1].update_size if arm.matches else None
                trials[arm.name, seed] = _kept(bench, arm, seed, folder) or _made(bench, arm, seed, folder, size)
    workers.wait()
    if not workers.leads:
        return []
    for arm, seed in ((arm, seed) for arm in arms for seed in seeds):
        if (arm.name, seed) not in trials:
            kept = _kept(bench, arm, seed, folder)
            if kept is None:
                log.info("This part is done; others are still at theirs, such as %s under seed %d.", arm.name, seed)
                return []
            trials[arm.name, seed] = kept
    return [trials[arm.name, seed] for arm in arms for seed in seeds]


def _groups(arms: Sequence[Arm]) -> list[list[Arm]]:
    """The arms in the order in which they are named, each with those behind it that stop at its update size."""
    groups: dict[str, list[Arm]] = {}
    for arm in arms:
        groups.setdefault(arm.matches or arm.name, []).append(arm)
    return list(groups.values())


def _file(arm: Arm, seed: int, folder: Path) -> Path:
    return folder / f"{re.sub(r'[^A-Za-z0-9.=+-]', '_', arm.name)}-seed{seed}.json"


def _kept(bench: Bench, arm: Arm, seed: int, folder: Path) -> Trial | None:
    """The trial in the folder; None where it is still to be made."""
    path = _file(arm, seed, folder)
    if not path.exists():
        return None
    trial = Trial.load(path)
    differing = differences(trial.setup, bench.setup(arm, seed))
    if differing:
        raise ValueError(
            f"The trial {str(path)!r} was made with other settings ({', '.join(differing)}): delete it, or name "
            "another --out."
        )
    return trial


def _made(bench: Bench, arm: Arm, seed: int, folder: Path, size: float | None) -> Trial:
    log.info("Seed %d: %s.", seed, arm.name)
    trial = bench.trial(arm, seed, size)
    trial.save(_file(arm, seed, folder))
    log.info("  %s", said(trial))
    return trial


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


def parse_targets(text: str) -> list[float]:
    """`0.1` or `0.1,0.4`. ValueError on anything else."""
    try:
        return [float(part) for part in names_of(text)]
    except ValueError:
        raise ValueError(f"The target {text!r} is not understood: write a share such as 0.1, or 0.1,0.4.") from None
