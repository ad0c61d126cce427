"""`python -m unlearn evaluate`: a model's figures, with direction, range and n, beside those it is compared with."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from attribution.cli.common import names_of
from attribution.cli.options import ModelName
from attribution.data.cells import QUOTING, safe_cell
from attribution.model.language_model import LanguageModel
from attribution.model.loading import load_model
from attribution.scorers import EVIDENCE_TEXT
from attribution.text.templates import Asking, template_name, template_words
from unlearn.cli.common import (
    NONE,
    JsonFile,
    Rows,
    check_writable,
    log,
    reference_for,
    reference_option,
)
from unlearn.data.corpus import Corpus
from unlearn.data.reference import alike
from unlearn.metrics import (
    ALL_GROUPS,
    BY_NAME,
    GROUPS,
    METRICS,
    RETAIN_ROWS,
    Evaluation,
    Judge,
    Protocol,
    check_groups,
    evaluate,
    groups_for,
    metric_info,
)
from unlearn.metrics.harness import task_manager, task_names
from unlearn.open_unlearning import write_logs

PER_ROW_KINDS = (".jsonl", ".csv")
EMBEDDED = "embedded"


def evaluate_command(
    *,
    model: ModelName = "embedded",
    asking: Asking,
    rows: Rows,
    reference: Annotated[str | None, reference_option("for forget quality and PrivLeak")] = None,
    original: Annotated[
        str | None,
        Option(
            metavar="NAME",
            help="the model before unlearning, which judges whether answers are language, and for ATWU's quality; the "
            f"embedded one unless told, where it is of the same shape; {NONE} for none",
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        Option(
            metavar="NAMES",
            help=f"separated by commas, or all; what the rows allow unless told: {', '.join(GROUPS)}; by name alone: "
            f"{', '.join(BY_NAME)}",
        ),
    ] = None,
    retain_rows: Annotated[int, Option(metavar="N", help="how many rows to keep are asked")] = RETAIN_ROWS,
    seed: Annotated[int, Option(metavar="N", help="of answers that are drawn")] = 0,
    protocol: Protocol,
    explain: Annotated[bool, Option("--explain", help="a sentence on every figure below the table")] = False,
    list_all: Annotated[bool, Option("--list", help="list all figures with formula and source, and stop")] = False,
    json_file: JsonFile = None,
    per_row: Annotated[
        Path | None, Option(metavar="FILE", help="write every row's figures here, as JSON Lines or CSV")
    ] = None,
    open_unlearning: Annotated[
        Path | None,
        Option(
            metavar="FOLDER",
            help="write the model's figures here as open-unlearning's logs (TOFU_EVAL.json, TOFU_SUMMARY.json), which "
            "its retain_logs_path takes",
        ),
    ] = None,
) -> None:
    """Measure what a model still knows and what it is still good for.

    Every figure is printed with its good direction, its range and its n.
    """
    if list_all:
        sys.stdout.write(listing())
        return
    check_writable(json_file, per_row)
    check_writable(open_unlearning, folders=True)
    if per_row and per_row.suffix not in PER_ROW_KINDS:
        raise ValueError(f"--per-row writes {' or '.join(PER_ROW_KINDS)}, not {per_row.suffix!r}.")
    asked = check_groups(names_of(metrics)) if metrics else None
    tasks = task_names(protocol.lm_eval)
    if protocol.lm_eval_path and not tasks:
        raise ValueError("--lm-eval-path holds task files: say by --lm-eval which of its tasks are measured.")
    if tasks:
        task_manager(tasks, protocol.lm_eval_path)
    corpus = rows.read()
    measured = load_model(model, template=asking.template)
    groups = groups_for(corpus) if asked is None else asked
    groups = check_groups((*groups, "lm-eval")) if tasks else groups
    evaluations = measure(measured, corpus, groups, reference, original, retain_rows, seed, protocol)
    sys.stdout.write(f"{model}, asked by {template_words(measured.template)}\n\n{table(evaluations, explain)}")
    if json_file:
        json_file.write_text(_json(measured, corpus, evaluations, protocol), encoding="utf-8")
        log.info("Wrote %s.", json_file)
    if per_row:
        write_rows(per_row, evaluations)
        log.info("Wrote %s.", per_row)
    if open_unlearning:
        for path in write_logs(evaluations["model"], open_unlearning, corpus.name, protocol):
            log.info("Wrote %s.", path)


def measure(
    model: LanguageModel,
    corpus: Corpus,
    groups: Sequence[str],
    reference: str | None,
    original: str | None,
    retain_rows: int,
    seed: int = 0,
    protocol: Protocol | None = None,
) -> dict[str, Evaluation]:
    """The model's figures and, beside them, those of the reference and of the original where there are such models."""
    found: dict[str, Evaluation] = {}
    before = _original(model, corpus, original)
    # The embedded model was not unlearnt from another.
    judge = Judge(before or model, corpus.retain) if before or model.name == EMBEDDED and original is None else None

    def one(name: str, of: LanguageModel | None, names: Sequence[str]) -> None:
        if of is None:
            return
        log.info("Measuring the %s: %s.", name, of.name)
        found[name] = evaluate(
            of,
            corpus,
            metrics=names,
            reference=found.get("reference"),
            original=found.get("original"),
            judge=judge,
            retain_rows=retain_rows,
            seed=seed,
            protocol=protocol,
        )

    # One after another, so that no more than three models are held at a time.
    one("reference", reference_for(model, corpus, reference), [name for name in groups if name != "quality"])
    if "quality" in groups and model.name != corpus.reference:
        one("original", before, ())
    one("model", model, groups)
    return {"model": found.pop("model"), **found}


def _original(model: LanguageModel, corpus: Corpus, asked: str | None) -> LanguageModel | None:
    if asked is not None:
        return None if asked == NONE else load_model(asked, template=model.template)
    # The embedded world's own full model is what its rows were unlearnt from.
    if corpus.reference is None or model.name == EMBEDDED:
        return None
    return alike(model, load_model(EMBEDDED))


# What is written -----------------------------------------------------------------------------------------------------


def table(evaluations: dict[str, Evaluation], explain: bool = False) -> str:
    """The figures of every model, group by group, with direction, range and n; then what could not be measured."""
    mine = evaluations["model"]
    names = [name for evaluation in evaluations.values() for name in evaluation.metrics]
    infos = [metric_info(name) for name in dict.fromkeys(names)]
    width = max(len(info.name) for info in infos) + 2
    lines = [f"{'':<{width}}" + "".join(f"{name:>11}" for name in evaluations) + f"  {'better':<12}{'range':<14}n"]
    for group, facts in ALL_GROUPS.items():
        members = [info for info in infos if info.group == group]
        if members:
            lines.append(f"- {group}: {facts.title}")
        for info in members:
            figures = "".join(f"{figure(evaluation, info.name):>11}" for evaluation in evaluations.values())
            counted = next(one for one in (mine, *evaluations.values()) if info.name in one.counts)
            against = f" / {counted.against[info.name]:,}" if info.name in counted.against else ""
            count = f"{counted.counts[info.name]:,}{against} {info.of}"
            lines.append(f"{info.name:<{width}}{figures}  {info.direction:<12}{info.bounds:<14}{count}")
            if explain:
                lines.append(textwrap.indent(info.sentence, "    "))
    if mine.notes:
        lines += ["", *(f"Note: {note}" for note in mine.notes)]
    return "\n".join(lines) + "\n"


def figure(evaluation: Evaluation, name: str) -> str:
    """A figure for people: three digits after the point, tiny p-values with their exponent."""
    value = evaluation.metrics.get(name)
    if value is None:
        return "-"
    if metric_info(name).unit == "p-value":
        return f"{value:.2e}" if value < 0.001 else f"{value:.3f}"
    if abs(value) >= 1e6:
        return f"{value:.2e}"
    return f"{value:.1f}" if metric_info(name).unit == "percent" else f"{value:.3f}"


def listing() -> str:
    """Every figure with what it is, group by group."""
    lines = []
    for group, facts in ALL_GROUPS.items():
        lines.append(f"{group}: {facts.title}")
        for info in METRICS.values():
            if info.group == group:
                lines.append(f"  {info.name}: {info.direction}, {info.bounds} ({info.unit}, n counts {info.of})")
                lines.append(f"      {info.sentence}")
                source = info.paper if info.paper == "ours" else f"{info.paper} ({EVIDENCE_TEXT[info.evidence]})"
                lines.append(f"      {info.formula}; {source}")
        lines.append("")
    return "\n".join(lines)


def _json(model: LanguageModel, corpus: Corpus, evaluations: dict[str, Evaluation], protocol: Protocol) -> str:
    names = dict.fromkeys(name for evaluation in evaluations.values() for name in evaluation.metrics)
    report = {
        "model": model.name,
        "template": template_name(model.template),
        "protocol": dataclasses.asdict(protocol),
        "corpus": {"name": corpus.name, "forget": len(corpus.forget), "notes": list(corpus.notes)},
        "metrics": {name: evaluation.to_dict() for name, evaluation in evaluations.items()},
        "about": {name: metric_info(name).to_dict() for name in names},
    }
    return json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False)


def write_rows(path: Path, evaluations: dict[str, Evaluation]) -> None:
    """Every row's figures, a line each, as JSON Lines or CSV; an infinite ratio is empty."""
    rows = list(_rows(evaluations))
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            names = list(dict.fromkeys(name for row in rows for name in row))
            writer = csv.DictWriter(file, names, quoting=QUOTING, lineterminator="\n")
            writer.writeheader()
            writer.writerows({name: safe_cell(value) for name, value in row.items()} for row in rows)
        else:
            file.writelines(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)


def _rows(evaluations: dict[str, Evaluation]) -> Iterator[dict[str, Any]]:
    for name, evaluation in evaluations.items():
        for row in evaluation.rows:
            values = row.to_dict()
            yield {"model": name} | {
                key: None if isinstance(value, float) and not math.isfinite(value) else value
                for key, value in values.items()
            }
