"""`python -m attribution evaluate`: scorers against ground truth and against each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from typer import Option

from attribution.cli.common import (
    Set,
    Switches,
    alignment_table,
    drawn,
    plain_table,
    scorers_of,
    switches_of,
    write,
)
from attribution.cli.options import ModelName
from attribution.data.rows import SPLITS
from attribution.data.sources import open_source, read_all
from attribution.measure.alignment import DEFAULT_CUT
from attribution.measure.labels import labelled_rows_of
from attribution.measure.scorer_evaluation import EVALUATED, ScorerEvaluation, evaluate
from attribution.model.loading import load_model
from attribution.text.templates import Asking, template_name, template_words


def evaluate_command(
    *,
    data: Annotated[
        str | None,
        Option(
            metavar="DATA",
            help=f"{', '.join(SPLITS)}, or a file of rows; with neither --data nor --labels it is forget",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        Option(metavar="FILE", help="a file of rows with spans; with --data, spans for the rows with the same text"),
    ] = None,
    model: ModelName = "embedded",
    asking: Asking,
    scorers: Annotated[
        str | None,
        Option(metavar="NAMES", help=f"separated by commas; all that the model can give: {', '.join(EVALUATED)}"),
    ] = None,
    cut: Annotated[float, Option(metavar="X", help="the top share for precision, recall and F1")] = DEFAULT_CUT,
    words: Annotated[
        Literal["max", "mean", "first"] | None, Option(help="give every token of a word the word's pooled score")
    ] = None,
    out: Annotated[Path | None, Option(metavar="FILE", help="write everything to this file as JSON, too")] = None,
    switches: Switches,
    pairs: Set = None,
) -> None:
    """Hold scorers against ground-truth spans and against each other, beside trivial baselines and a supervised probe.

    Labels are JSON Lines of question, answer, spans: a list of objects with start, end and kind; offsets count
    characters of the answer, the kind is fact (unless told) or subject.
    """
    if not 0 < cut <= 1:
        raise ValueError(f"--cut is a top share in (0, 1], not {cut}.")
    names = scorers_of(scorers) if scorers else None
    options = switches_of(switches, pairs)
    marked = read_all(open_source(labels)) if labels else None
    if data or marked is None:
        rows = labelled_rows_of(read_all(open_source(data or "forget")), marked)
    else:
        rows = labelled_rows_of(marked)
    asked = load_model(model, template=asking.template)
    evaluation = evaluate(asked, rows.examples, names, cut, rows.groups, words, **options)
    if out:
        record = {
            "data": data or labels or "forget",
            "labels": labels,
            "template": template_name(asked.template),
            "found_in_the_data": rows.counts,
            **evaluation.to_dict(),
        }
        write(json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False) + "\n", out)
    write(f"Asked by {template_words(asked.template)}\n{report(evaluation, rows.counts)}")


def report(evaluation: ScorerEvaluation, found: dict[str, int] | None = None) -> str:
    """The tables and what is to be known about them, for a terminal."""
    counts = ", ".join(f"{count} {what}" for what, count in evaluation.counts.items())
    pooled = f"; {evaluation.words} over each word's tokens" if evaluation.words else ""
    lines = [f"{evaluation.model}: {counts}{pooled}"]
    lines += [f"in the data: {count} {what}" for what, count in (found or {}).items()]
    lines += evaluation.notes
    lines += [f"left out: {name}. {why}" for name, why in evaluation.missing.items()]
    if evaluation.left_out:
        alignment = next(iter(evaluation.left_out.values()))
        lines += [
            "",
            f"Against ground truth: fact tokens against the others, subject left out; n = {alignment.auroc.n} answers; "
            f"P, R and F1 at the top {evaluation.cut:.0%}; {alignment.pooled_fact_share:.1%} of the tokens are facts",
            alignment_table(evaluation.left_out, evaluation.counted).rstrip("\n"),
        ]
    return "\n".join([*lines, "", _pairs(evaluation)])


def _pairs(evaluation: ScorerEvaluation) -> str:
    """One square: Spearman above the diagonal, overlap below it."""
    names = evaluation.scorers
    cells = {(name, name): "·" for name in names}
    for pair in evaluation.pairs.itertuples():
        cells[pair.first, pair.second] = f"{pair.spearman:.2f}"
        cells[pair.second, pair.first] = f"{pair.overlap:.2f}"
    table = plain_table("", *names)
    for row in names:
        table.add_row(row, *(cells[row, column] for column in names))
    return (
        "Against each other, mean over answers: above the diagonal Spearman's rank correlation, below it the overlap of"
        f" the top {evaluation.cut:.0%}\n{drawn(table)}"
    )
