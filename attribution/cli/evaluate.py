"""`python -m attribution evaluate`: scorers against ground truth and against each other."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from attribution.cli.common import add_score_options, alignment_lines, names_of, score_options_of, write
from attribution.data.rows import SPLITS
from attribution.data.sources import open_source, read_all
from attribution.measure.alignment import DEFAULT_CUT
from attribution.measure.evaluation import EVALUATED, Evaluation, evaluate
from attribution.measure.labels import labelled_rows_of
from attribution.model.loading import load_model
from attribution.scorers import scorer_info


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m attribution evaluate`."""
    parse = argparse.ArgumentParser(
        prog="python -m attribution evaluate",
        description="Hold scorers against ground-truth spans and against each other, beside trivial baselines and a "
        "supervised probe. Labels are JSON Lines of question, answer, spans: [{start, end, kind}]; offsets count "
        "characters of the answer, the kind is fact (unless told) or subject.",
    )
    parse.add_argument(
        "--data", help=f"{', '.join(SPLITS)}, or a file of rows; with neither --data nor --labels it is forget"
    )
    parse.add_argument("--labels", help="a file of rows with spans; with --data, spans for the rows with the same text")
    parse.add_argument("--model", default="embedded", help="embedded, a Hugging Face folder or a Hub id")
    parse.add_argument(
        "--scorers", help=f"names, separated by commas; all that the model can give: {', '.join(EVALUATED)}"
    )
    parse.add_argument("--cut", type=float, default=DEFAULT_CUT, help="the top share for precision, recall and F1")
    parse.add_argument(
        "--words", choices=("max", "mean", "first"), help="give every token of a word the word's pooled score"
    )
    add_score_options(parse)
    parse.add_argument("--out", type=Path, help="write everything to this file as JSON, too")
    return parse


def run(arguments: Sequence[str]) -> None:
    """Print the tables, and write the JSON. ValueError on a fault of the input."""
    options = parser().parse_args(arguments)
    if not 0 < options.cut <= 1:
        raise ValueError(f"--cut is a top share in (0, 1], not {options.cut}.")
    names = names_of(options.scorers) if options.scorers else None
    for name in names or ():
        scorer_info(name)
    labels = read_all(open_source(options.labels)) if options.labels else None
    if options.data or labels is None:
        rows = labelled_rows_of(read_all(open_source(options.data or "forget")), labels)
    else:
        rows = labelled_rows_of(labels)
    evaluation = evaluate(
        load_model(options.model),
        rows.examples,
        names,
        options.cut,
        rows.groups,
        options.words,
        **score_options_of(options),
    )
    if options.out:
        record = {
            "data": options.data or options.labels or "forget",
            "labels": options.labels,
            "found_in_the_data": rows.counts,
            **evaluation.to_dict(),
        }
        write(json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False) + "\n", options.out)
    write(report(evaluation, rows.counts))


def report(evaluation: Evaluation, found: dict[str, int] | None = None) -> str:
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
            *alignment_lines(evaluation.left_out, evaluation.counted),
        ]
    lines += ["", *_pair_lines(evaluation)]
    return "\n".join(lines) + "\n"


def _pair_lines(evaluation: Evaluation) -> list[str]:
    """One square: Spearman above the diagonal, overlap below it."""
    names = evaluation.scorers
    cells: dict[tuple[str, str], float] = {}
    for pair in evaluation.pairs.itertuples():
        cells[pair.first, pair.second] = pair.spearman
        cells[pair.second, pair.first] = pair.overlap
    width = 8
    lines = [
        "Against each other, mean over answers: above the diagonal Spearman's rank correlation, below it the overlap of"
        f" the top {evaluation.cut:.0%}",
        f"{'':<14}" + "".join(f"{name[: width - 2]:>{width}}" for name in names),
    ]
    for row in names:
        line = [" " * (width - 1) + "·" if row == column else f"{cells[row, column]:>{width}.2f}" for column in names]
        lines.append(f"{row:<14}" + "".join(line))
    return lines
