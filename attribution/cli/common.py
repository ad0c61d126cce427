"""What the commands share: options that several have, switches of the scorers, tables, and where text goes."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from rich.console import Console
from rich.table import Table
from typer import Option

from attribution.cli.options import Changes
from attribution.data.rows import pick_examples
from attribution.measure.alignment import Alignment
from attribution.measure.scorer_evaluation import PARTS, part_of
from attribution.scorers import ScoreOptions, scorer_info
from attribution.scores import score_options
from attribution.text.example import Example

Switches = Annotated[dict[str, Any], Changes(ScoreOptions)]
HOW = ("mask_how", "mask_token", "batch_tokens")
"""The switches that say how something is hidden, whatever it is."""
Set = Annotated[
    list[str] | None,
    Option(
        "--set",
        metavar="NAME=VALUE",
        help="any switch of attribution.ScoreOptions by its name, such as satimp_powers=[5,1]; may be repeated",
    ),
]
RowNames = Annotated[
    str | None,
    Option(metavar="ROWS", help="a row of the embedded world, forget:0, or a range, forget:0-99 (both included)"),
]
Prompt = Annotated[str | None, Option(help="your own question")]
Answer = Annotated[str | None, Option(help="the answer whose tokens are scored")]
Subject = Annotated[str | None, Option(help="the words that masking hides; found automatically when left out")]
PART_TITLES = {
    "method": "",
    "control": "controls",
    "trivial": "what a method must beat",
    "ceiling": "ceiling, told the ground truth",
}


def write(text: str, out: Path | None = None) -> None:
    """To the terminal, or to a file. ValueError when the file cannot be written."""
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ValueError(f"The file {str(out)!r} cannot be written: {error.strerror}.") from error


def switches_of(named: Mapping[str, Any], pairs: Sequence[str] | None) -> dict[str, Any]:
    """The switches of the scorers that a command line sets, checked; `--set` goes before an option of the same name.

    Raises:
        ValueError: an unknown name, or a value that cannot be.
    """
    found = dict(named)
    for pair in pairs or ():
        name, equals, text = pair.partition("=")
        if not equals:
            raise ValueError(f"--set {pair!r} has no value: write NAME=VALUE, such as temperature=4.")
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        found[name.strip().replace("-", "_")] = tuple(value) if isinstance(value, list) else value
    score_options(found)
    return found


def names_of(text: str) -> tuple[str, ...]:
    """The names in `a, b,c`."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def scorers_of(text: str) -> tuple[str, ...]:
    """The scorers in `a, b,c`. ValueError when there is none, or no such one."""
    names = names_of(text)
    if not names:
        raise ValueError("No scorer was named: give --scorers at least one, such as masking.")
    for name in names:
        scorer_info(name)
    return names


def examples_of(
    example: str | None, prompt: str | None, answer: str | None, text: str | None, subject: str | None
) -> list[Example]:
    """The rows that a command line names. ValueError when it names none, or in two ways."""
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


def plain_table(*heads: str) -> Table:
    """A table of text without lines: the first column begins at the left, the others end at the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number else "left", no_wrap=True)
    return table


def drawn(table: Table) -> str:
    """The table as text, its head in bold where it goes to a terminal."""
    # Wider than any table, so that no column is cut short.
    console = Console(width=1_000, markup=False, emoji=False, highlight=False)
    with console.capture() as found:
        console.print(table)
    return "".join(f"{line.rstrip()}\n" for line in found.get().splitlines())


def alignment_table(left_out: Mapping[str, Alignment], counted: Mapping[str, Alignment]) -> str:
    """A line per scorer, methods first: means per answer, then figures over all tokens in one pool.

    `+subject` is the AUROC per answer with the subject's tokens counted as negatives.
    """
    table = plain_table(
        *("\nscorer", "per answer\nAUROC", "\nsd", "\nAP", "\nsd", "\nP", "\nR", "\nF1", "\nsd"),
        *("pooled\nAUROC", "\nAP", "\nP", "\nR", "\nF1", "\n+subject"),
    )
    table.add_column("", no_wrap=True)
    for part in PARTS:
        for name in left_out:
            if part_of(name) != part:
                continue
            line = left_out[name]
            figures = (
                *(line.auroc.mean, line.auroc.sd, line.average_precision.mean, line.average_precision.sd),
                *(line.precision.mean, line.recall.mean, line.f1.mean, line.f1.sd),
                *(line.pooled_auroc, line.pooled_average_precision),
                *(line.pooled_precision, line.pooled_recall, line.pooled_f1, counted[name].auroc.mean),
            )
            table.add_row(name, *(f"{figure:.3f}" for figure in figures), PART_TITLES[part])
    return drawn(table)
