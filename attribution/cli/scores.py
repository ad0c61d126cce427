"""`python -m attribution --example forget:0` or `--prompt "..." --answer "..."`: the scores of a few rows."""

from __future__ import annotations

import csv
import dataclasses
import io
import logging
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
from attribution.data.cells import QUOTING, safe_cell
from attribution.data.rows import pick_examples
from attribution.lanes import lanes_html, lanes_props
from attribution.measure.alignment import DEFAULT_CUT, align, labelled_rows
from attribution.model.loading import load_model
from attribution.scorers import BASELINES, DEFAULT_SCORERS, EVIDENCE_TEXT, SCORERS
from attribution.scores import TokenScores, refusal_json, score, to_json
from attribution.text.example import Example
from attribution.text.templates import Asking, template_words


def scores_command(
    *,
    example: Annotated[
        str | None,
        Option(metavar="ROWS", help="a row of the embedded world, forget:0, or a range, forget:0-99 (both included)"),
    ] = None,
    prompt: Annotated[str | None, Option(help="your own question")] = None,
    answer: Annotated[str | None, Option(help="the answer whose tokens are scored")] = None,
    text: Annotated[
        str | None, Option(help="plain text without a question: its tokens after a first window are scored")
    ] = None,
    model: ModelName = "embedded",
    scorers: Annotated[str, Option(metavar="NAMES", help="separated by commas")] = ",".join(DEFAULT_SCORERS),
    asking: Asking,
    subject: Annotated[
        str | None, Option(help="the words that masking hides; found automatically when left out")
    ] = None,
    form: Annotated[Literal["table", "json", "csv", "html"], Option("--format")] = "table",
    out: Annotated[Path | None, Option(metavar="FILE", help="write to this file instead of the terminal")] = None,
    list_all: Annotated[bool, Option("--list", help="list the scorers and stop")] = False,
    switches: Switches,
    pairs: Set = None,
) -> None:
    """Score the tokens of an answer: which of them carry the knowledge?

    Two commands have options of their own: evaluate (scorers against ground truth) and score-dataset (a whole data set
    into one file).
    """
    if list_all:
        write(_list(), out)
        return
    names = scorers_of(scorers)
    examples = _examples(example, prompt, answer, text, subject)
    options = switches_of(switches, pairs)
    # The trivial baselines cost nothing, and stand beside every alignment.
    with_baselines = tuple(dict.fromkeys((*names, *BASELINES))) if form == "table" else names
    try:
        asked = load_model(model, template=asking.template)
        found = score(asked, examples, with_baselines, **options)
    except ValueError as error:
        # Who reads JSON is told in JSON as well; the sentence and the exit code are those of every refusal.
        if form == "json" and out is None:
            write(refusal_json(model, examples, str(error)) + "\n")
        raise
    for row in found:
        # The model's own were said when it was loaded.
        for note in row.notes[len(asked.notes) :]:
            logging.getLogger(__name__).warning("%s: %s", row.example.id or "row", note)
    if form == "json":
        write(to_json(found, indent=None if out else 1) + "\n", out)
    elif form == "csv":
        write(_csv(found), out)
    elif form == "html":
        write(lanes_html([lanes_props(row) for row in found]), out)
    else:
        write(f"{model}, asked by {template_words(asked.template)}\n\n{_table(found, names)}", out)


def _examples(
    example: str | None, prompt: str | None, answer: str | None, text: str | None, subject: str | None
) -> list[Example]:
    if example is not None:
        if (prompt, answer, text) != (None, None, None):
            raise ValueError("Give either --example, or --prompt with --answer, or --text, not several of them.")
        found = pick_examples(example)
        if subject:
            found = [dataclasses.replace(row, subject=subject) for row in found]
        return found
    if text is not None:
        if prompt is not None or answer is not None:
            raise ValueError("Give either --text, or --prompt with --answer, not both.")
        return [Example("", text, subject=subject)]
    if answer is None:
        raise ValueError("Nothing to score: give --example forget:0, --prompt and --answer, or --text.")
    if not (prompt or "").strip():
        raise ValueError("The prompt is empty: give --prompt the question that the answer answers.")
    return [Example(prompt or "", answer, subject=subject)]


def _table(scores: list[TokenScores], names: tuple[str, ...]) -> str:
    parts = []
    for row in scores:
        hidden = f"subject {row.subject.text!r} ({row.subject.found})" if row.subject.text else "no subject found"
        table = plain_table("", "id", "text", "truth", "given", "p", *names)
        for i, token in enumerate(row.tokens):
            facts = (str(token.id), repr(token.text)[1:-1], row.truth[i] or "", "yes" if row.given[i] else "")
            numbers = (row.probability[i], *(row.columns[name][i] for name in names))
            table.add_row(str(i), *facts, *(f"{number:.3f}" for number in numbers))
        parts.append(f"{row.example.id}\nQ: {row.example.prompt}\nA: {row.example.answer}\n{hidden}\n{drawn(table)}")
    return "\n".join(parts) + _alignment(scores)


def _alignment(scores: list[TokenScores]) -> str:
    """The alignment of each scorer and each trivial baseline, where the rows have ground truth."""
    left_out, counted = labelled_rows(scores), labelled_rows(scores, with_subject=True)
    if not left_out:
        return ""
    table = alignment_table(
        {name: align(left_out, name) for name in scores[0].columns},
        {name: align(counted, name, with_subject=True) for name in scores[0].columns},
    )
    return (
        f"\nAgainst ground truth: fact tokens against the others, subject left out; n = {len(left_out)} answers; "
        f"P, R and F1 at the top {DEFAULT_CUT:.0%}\n{table}"
    )


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


def _list() -> str:
    lines = []
    for info in SCORERS:
        high = "" if info.high == float("inf") else f" to {info.high:g}"
        lines.append(
            f"{info.name:<12}{info.kind:<9} {info.unit}, from {info.low:g}{high}; high: {info.higher_means}\n"
            f"{'':<12}{info.formula}\n{'':<12}{info.paper} ({EVIDENCE_TEXT[info.evidence]}); forwards: {info.forwards}"
        )
    return "\n".join(lines) + "\n"
