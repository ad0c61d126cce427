"""`python -m unlearn stress`: does what was forgotten come back?"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from attribution.model.loading import load_model
from unlearn.cli.common import (
    add_corpus_options,
    add_reference_option,
    check_writable,
    log,
    read_corpus,
    reference_for,
)
from unlearn.stress.stresses import KINDS, Stress, StressConfig, stress


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m unlearn stress`."""
    defaults = StressConfig()
    parse = argparse.ArgumentParser(
        prog="python -m unlearn stress",
        description="Recall of what was forgotten, before and after each of four stresses: paraphrased questions, "
        "sampled answers, relearning half of the rows, rounded weights.",
    )
    parse.add_argument("--model", required=True, help="a Hugging Face folder, a Hub id, or embedded")
    add_corpus_options(parse)
    add_reference_option(parse, "put under the same stresses: guesses come back too")
    parse.add_argument("--kinds", default=",".join(KINDS), help="names, separated by commas; all of them unless told")
    parse.add_argument("--samples", type=int, default=defaults.samples, help="sampled answers to each question")
    parse.add_argument("--temperature", type=float, default=defaults.temperature, help="of sampling")
    parse.add_argument("--steps", type=int, default=defaults.steps, help="of relearning")
    parse.add_argument(
        "--lr", type=float, default=defaults.learning_rate, help="of relearning; 1e-5 suits models of billions"
    )
    parse.add_argument("--seed", type=int, default=defaults.seed)
    parse.add_argument("--json", type=Path, metavar="FILE", help="write the results here")
    return parse


def run(arguments: Sequence[str]) -> None:
    """Print the table, and write the JSON. ValueError on a fault of the input."""
    options = parser().parse_args(arguments)
    check_writable(options.json)
    config = StressConfig(
        samples=options.samples,
        temperature=options.temperature,
        steps=options.steps,
        learning_rate=options.lr,
        seed=options.seed,
    )
    kinds = [name.strip() for name in options.kinds.split(",") if name.strip()]
    corpus = read_corpus(options)
    if "paraphrase" in kinds and not corpus.paraphrase:
        log.info("The rows to forget have no paraphrases (paraphrased_question): that stress is left out.")
    model = load_model(options.model)
    models = {"model": model}
    reference = reference_for(model, corpus, options.reference)
    if reference is not None:
        models["reference"] = reference
    found: dict[str, list[Stress]] = {}
    for name, one in models.items():
        found[name] = list(
            stress(one, corpus, kinds, config, lambda what, name=name: log.info("The %s: %s.", name, what))  # type: ignore[misc]
        )
    sys.stdout.write(table(found))
    if options.json:
        report = {
            "model": options.model,
            "corpus": corpus.name,
            "stress": {name: [one.to_dict() for one in stresses] for name, stresses in found.items()},
        }
        options.json.write_text(json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False), encoding="utf-8")
        log.info("Wrote %s.", options.json)


def table(found: dict[str, list[Stress]]) -> str:
    """A line per stress: recall before and after, for the model and for the reference."""
    stresses = found["model"]
    width = max(len(_line) for one in stresses for _line in (one.title, *map(_detail, one.detail))) + 2
    lines = [f"{stresses[0].measure}, in [0, 1]: higher after a stress means that knowledge comes back.", ""]
    lines.append(" " * width + "".join(f"{name:<30}" for name in found).rstrip())
    lines.append(" " * width + (f"{'before':>6}{'n':>6}{'after':>9}{'n':>6}   " * len(found)).rstrip())
    for i, one in enumerate(stresses):
        cells = ""
        for mine in (stresses[i] for stresses in found.values()):
            cells += f"{mine.before:>6.3f}{mine.n_before:>6,}{mine.after:>9.3f}{mine.n:>6,}   "
        lines.append(f"{one.title:<{width}}{cells}".rstrip())
        for name in one.detail:
            cells = "".join(f"{'':12}{stresses[i].detail[name]:>9.3f}{'':9}" for stresses in found.values())
            lines.append(f"{_detail(name):<{width}}{cells}".rstrip())
    return "\n".join(lines) + "\n"


def _detail(name: str) -> str:
    return "    " + name.replace("_", " ")
