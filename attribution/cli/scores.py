"""`python -m attribution --example forget:0` or `--prompt "..." --answer "..."`: the scores of a few rows."""

from __future__ import annotations

import argparse
import csv
import io
import logging
from collections.abc import Sequence
from pathlib import Path

from attribution.cli.common import add_score_options, alignment_lines, names_of, score_options_of, write
from attribution.data.cells import QUOTING, safe_cell
from attribution.data.rows import pick_examples
from attribution.measure.alignment import DEFAULT_CUT, align, labelled_rows
from attribution.model.loading import load_model
from attribution.scorers import BASELINES, DEFAULT_SCORERS, EVIDENCE_TEXT, SCORERS, scorer_info
from attribution.scores import TokenScores, score, to_json
from attribution.text.example import DEFAULT_TEMPLATE, Example

FORMATS = ("table", "json", "csv", "html")


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m attribution`."""
    parse = argparse.ArgumentParser(
        prog="python -m attribution",
        description="Score the tokens of an answer: which of them carry the knowledge?",
        epilog="Two commands have options of their own: python -m attribution evaluate --help (scorers against ground "
        "truth) and python -m attribution score-dataset --help (a whole data set into one file).",
    )
    parse.add_argument(
        "--example", help="a row of the embedded world, forget:0, or a range, forget:0-99 (both included)"
    )
    parse.add_argument("--prompt", help="your own question")
    parse.add_argument("--answer", help="the answer whose tokens are scored")
    parse.add_argument("--text", help="plain text without a question: its tokens after a first window are scored")
    parse.add_argument("--model", default="embedded", help="embedded, a Hugging Face folder or a Hub id")
    parse.add_argument("--scorers", default=",".join(DEFAULT_SCORERS), help="names, separated by commas")
    parse.add_argument(
        "--template",
        default=DEFAULT_TEMPLATE,
        help="the words around {prompt} and {answer}, or chat for the tokenizer's own chat template",
    )
    add_score_options(parse)
    parse.add_argument("--subject", help="the words that masking hides; found automatically when left out")
    parse.add_argument("--format", default="table", choices=FORMATS)
    parse.add_argument("--out", type=Path, help="write to this file instead of the terminal")
    parse.add_argument("--list", action="store_true", help="list the scorers and stop")
    return parse


def run(arguments: Sequence[str]) -> None:
    """Score the rows and write them out. ValueError on a fault of the input."""
    options = parser().parse_args(arguments)
    write(_text(options), options.out)


def _text(options: argparse.Namespace) -> str:
    if options.list:
        return _list()
    names = names_of(options.scorers)
    if not names:
        raise ValueError("No scorer was named: give --scorers at least one, such as masking.")
    for name in names:
        scorer_info(name)
    examples = _examples(options)
    # The trivial baselines cost nothing, and stand beside every alignment.
    with_baselines = tuple(dict.fromkeys((*names, *BASELINES))) if options.format == "table" else names
    model = load_model(options.model, template=options.template)
    scores = score(model, examples, with_baselines, **score_options_of(options))
    for row in scores:
        for note in row.notes:
            logging.getLogger(__name__).warning("%s: %s", row.example.id or "row", note)
    if options.format == "json":
        return to_json(scores, indent=None if options.out else 1) + "\n"
    if options.format == "csv":
        return _csv(scores)
    if options.format == "html":
        return _html(scores)
    return _table(scores, names)


def _examples(options: argparse.Namespace) -> list[Example]:
    if options.example is not None:
        if (options.prompt, options.answer, options.text) != (None, None, None):
            raise ValueError("Give either --example, or --prompt with --answer, or --text, not several of them.")
        found = pick_examples(options.example)
        if options.subject:
            found = [Example(row.prompt, row.answer, row.spans, row.id, options.subject) for row in found]
        return found
    if options.text is not None:
        if options.prompt is not None or options.answer is not None:
            raise ValueError("Give either --text, or --prompt with --answer, not both.")
        return [Example("", options.text, subject=options.subject)]
    if options.answer is None:
        raise ValueError("Nothing to score: give --example forget:0, --prompt and --answer, or --text.")
    if not (options.prompt or "").strip():
        raise ValueError("The prompt is empty: give --prompt the question that the answer answers.")
    return [Example(options.prompt, options.answer, subject=options.subject)]


def _table(scores: list[TokenScores], names: tuple[str, ...]) -> str:
    parts = []
    for row in scores:
        hidden = f"subject {row.subject.text!r} ({row.subject.found})" if row.subject.text else "no subject found"
        frame = row.frame()[["id", "text", "truth", "given", "p", *names]]
        frame["text"] = [repr(text)[1:-1] for text in frame["text"]]
        frame["truth"] = ["" if label is None else label for label in frame["truth"]]
        frame["given"] = ["yes" if given else "" for given in frame["given"]]
        table = frame.to_string(float_format=lambda value: f"{value:.3f}")
        parts.append(f"{row.example.id}\nQ: {row.example.prompt}\nA: {row.example.answer}\n{hidden}\n{table}\n")
    return "\n".join(parts) + _alignment_table(scores)


def _alignment_table(scores: list[TokenScores]) -> str:
    """The alignment of each scorer and each trivial baseline, where the rows have ground truth."""
    left_out, counted = labelled_rows(scores), labelled_rows(scores, with_subject=True)
    if not left_out:
        return ""
    lines = alignment_lines(
        {name: align(left_out, name) for name in scores[0].columns},
        {name: align(counted, name, with_subject=True) for name in scores[0].columns},
    )
    head = (
        f"Against ground truth: fact tokens against the others, subject left out; n = {len(left_out)} answers; "
        f"P, R and F1 at the top {DEFAULT_CUT:.0%}"
    )
    return "\n".join(["", head, *lines]) + "\n"


def _csv(scores: list[TokenScores]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, quoting=QUOTING, lineterminator="\n")
    names = list(scores[0].columns)
    writer.writerow(["example", "index", "id", "text", "start", "end", "truth", "given", "p", *names])
    for row in scores:
        for i, token in enumerate(row.tokens):
            place = [safe_cell(row.example.id), i, token.id, safe_cell(token.text), token.start, token.end]
            numbers = [row.probability[i], *(row.columns[name][i] for name in names)]
            writer.writerow([*place, row.truth[i] or "", int(row.given[i]), *numbers])
    return out.getvalue()


def _html(scores: list[TokenScores]) -> str:
    from attribution.lanes import lanes_html, lanes_props

    return lanes_html([lanes_props(row) for row in scores])


def _list() -> str:
    lines = []
    for info in SCORERS:
        high = "" if info.high == float("inf") else f" to {info.high:g}"
        lines.append(
            f"{info.name:<12}{info.kind:<9} {info.unit}, from {info.low:g}{high}; high: {info.higher_means}\n"
            f"{'':<12}{info.formula}\n{'':<12}{info.paper} ({EVIDENCE_TEXT[info.evidence]}); forwards: {info.forwards}"
        )
    return "\n".join(lines) + "\n"
