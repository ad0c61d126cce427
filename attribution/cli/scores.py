"""`python -m attribution --example forget:0` or `--prompt "..." --answer "..."`: the scores of a few rows."""

from __future__ import annotations

import csv
import io
import logging
from pathlib import Path
from typing import Annotated, Literal

from typer import Option

from attribution.cli.common import (
    HOW,
    Answer,
    Prompt,
    RowNames,
    Set,
    Subject,
    Switches,
    alignment_table,
    drawn,
    examples_of,
    plain_table,
    scorers_of,
    switches_of,
    write,
)
from attribution.cli.options import ModelName
from attribution.data.cells import QUOTING, safe_cell
from attribution.lanes import lanes_html, lanes_props
from attribution.measure.alignment import DEFAULT_CUT, align, labelled_rows
from attribution.measure.alternatives import MOST, Alternatives, alternatives
from attribution.model.loading import load_model
from attribution.scorers import BASELINES, DEFAULT_SCORERS, EVIDENCE_TEXT, SCORERS
from attribution.scores import TokenScores, refusal_json, score, to_json
from attribution.text.templates import Asking, template_words


def scores_command(
    *,
    example: RowNames = None,
    prompt: Prompt = None,
    answer: Answer = None,
    text: Annotated[
        str | None, Option(help="plain text without a question: its tokens after a first window are scored")
    ] = None,
    model: ModelName = "embedded",
    scorers: Annotated[str, Option(metavar="NAMES", help="separated by commas")] = ",".join(DEFAULT_SCORERS),
    asking: Asking,
    subject: Subject = None,
    instead: Annotated[
        int | None,
        Option(
            "--alternatives",
            metavar="N",
            help=f"also the N likeliest tokens at every token, with the subject hidden too: from 1 to {MOST}",
            show_default=False,
        ),
    ] = None,
    form: Annotated[Literal["table", "json", "csv", "html"], Option("--format")] = "table",
    out: Annotated[Path | None, Option(metavar="FILE", help="write to this file instead of the terminal")] = None,
    list_all: Annotated[bool, Option("--list", help="list the scorers and stop")] = False,
    switches: Switches,
    pairs: Set = None,
) -> None:
    """Score the tokens of an answer: which of them carry the knowledge?

    Three commands have options of their own: matrix (each word of the prompt hidden in turn), evaluate (scorers against
    ground truth) and score-dataset (a whole data set into one file).
    """
    if list_all:
        write(_list(), out)
        return
    names = scorers_of(scorers)
    examples = examples_of(example, prompt, answer, text, subject)
    options = switches_of(switches, pairs)
    if instead is not None and form not in ("table", "json"):
        raise ValueError(f"--alternatives goes into a table or JSON, not into {form}: choose --format table or json.")
    # The trivial baselines cost nothing, and stand beside every alignment.
    with_baselines = tuple(dict.fromkeys((*names, *BASELINES))) if form == "table" else names
    try:
        asked = load_model(model, template=asking.template)
        found = score(asked, examples, with_baselines, **options)
        how = {name: value for name, value in options.items() if name in HOW}
        others = [alternatives(asked, row, instead, **how) for row in examples if instead is not None]
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
        write(to_json(found, None if out else 1, others) + "\n", out)
    elif form == "csv":
        write(_csv(found), out)
    elif form == "html":
        write(lanes_html([lanes_props(row) for row in found]), out)
    else:
        write(f"{model}, asked by {template_words(asked.template)}\n\n{_table(found, names)}{_instead(others)}", out)


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


def _instead(found: list[Alternatives]) -> str:
    """The likeliest tokens at every token, each with its probability."""
    parts = []
    for row in found:
        table = plain_table("", "text", "", "p", "rank", "instead")
        for i, token in enumerate(row.tokens):
            for state, places in (("", row.as_is), ("hidden", row.hidden)):
                if places is not None:
                    place = places[i]
                    others = "  ".join(f"{repr(one.text)[1:-1]} {one.probability:.3f}" for one in place.likeliest)
                    text = repr(token.text)[1:-1] if not state else ""
                    table.add_row(str(i), text, state, f"{place.probability:.3f}", str(place.rank), others)
        hidden = f"hidden: {row.subject.text!r}" if row.hidden else "nothing to hide"
        parts.append(f"\n{row.encoded.example.id}\n{hidden}\n{drawn(table)}")
    return "".join(parts)


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
