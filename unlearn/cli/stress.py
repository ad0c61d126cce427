"""`python -m unlearn stress`: does what was forgotten come back?"""

from __future__ import annotations

import json
import sys
from typing import Annotated

from typer import Option

from attribution.cli.common import names_of
from attribution.cli.options import ModelName
from attribution.model.loading import load_model
from attribution.text.templates import Asking, template_name, template_words
from unlearn.cli.common import JsonFile, Rows, check_writable, log, reference_for, reference_option
from unlearn.stress import KINDS, Stress, StressConfig, asked_otherwise, stress


def stress_command(
    *,
    model: ModelName,
    asking: Asking,
    rows: Rows,
    config: StressConfig,
    reference: Annotated[str | None, reference_option("put under the same stresses: guesses come back too")] = None,
    kinds: Annotated[str, Option(metavar="NAMES", help="separated by commas; all of them unless told")] = ",".join(
        KINDS
    ),
    json_file: JsonFile = None,
) -> None:
    """Recall of what was forgotten, before and after each of several stresses.

    Paraphrased questions, the worst of several wordings, two-hop questions, sampled answers, relearning half of the
    rows (and its curve), rounded weights.
    """
    check_writable(json_file)
    chosen = names_of(kinds)
    corpus = rows.read()
    for name, (there, lacks) in asked_otherwise(corpus).items():
        if name in chosen and not there:
            log.info("The rows to forget have %s: that stress is left out.", lacks)
    models = {"model": load_model(model, template=asking.template)}
    beside = reference_for(models["model"], corpus, reference)
    if beside is not None:
        models["reference"] = beside
    found: dict[str, list[Stress]] = {}
    for name, one in models.items():
        found[name] = list(
            stress(one, corpus, chosen, config, lambda what, name=name: log.info("The %s: %s.", name, what))  # type: ignore[misc]
        )
    asked = models["model"].template
    sys.stdout.write(f"{model}, asked by {template_words(asked)}\n\n{table(found)}")
    if json_file:
        report = {
            "model": model,
            "template": template_name(asked),
            "corpus": corpus.name,
            "stress": {name: [one.to_dict() for one in stresses] for name, stresses in found.items()},
        }
        json_file.write_text(json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False), encoding="utf-8")
        log.info("Wrote %s.", json_file)


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
