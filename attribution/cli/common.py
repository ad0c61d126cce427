"""What the commands share: switches of the scorers, tables of alignments, and where text goes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attribution.measure.alignment import Alignment
from attribution.measure.evaluation import PARTS, part_of
from attribution.scorers import MASK_SCOPES
from attribution.scores import score_options

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


def add_score_options(parse: argparse.ArgumentParser) -> None:
    """The switches of the scorers: the one asked for most, and a way to every other."""
    scopes = ", ".join(scope for scope in MASK_SCOPES if scope != "custom")
    parse.add_argument("--mask-scope", help=f"what masking hides: {scopes} (subject unless told)")
    parse.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other switch of attribution.ScoreOptions, such as temperature=4 or mask_how=token; may be repeated",
    )


def score_options_of(options: argparse.Namespace) -> dict[str, Any]:
    """The switches that the command line sets, checked. ValueError on an unknown name or value."""
    found: dict[str, Any] = {"mask_scope": options.mask_scope} if options.mask_scope else {}
    for pair in options.set:
        name, equals, text = pair.partition("=")
        if not equals:
            raise ValueError(f"--set {pair!r} has no value: write NAME=VALUE, such as temperature=4.")
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        found[name.strip().replace("-", "_")] = tuple(value) if isinstance(value, list) else value
    try:
        score_options(found)
    except TypeError as error:
        raise ValueError(f"A value of --set is of the wrong kind: {error}.") from error
    return found


def names_of(text: str) -> tuple[str, ...]:
    """The names in `a, b,c`."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def alignment_lines(left_out: Mapping[str, Alignment], counted: Mapping[str, Alignment]) -> Iterable[str]:
    """A table, a line per scorer: methods, controls, trivial baselines, ceilings.

    The last column, `+subject`, is the AUROC per answer with the subject's tokens counted as negatives.
    """
    yield f"{'':<15}{'per answer':<52}all tokens pooled"
    heads = ("AUROC", "sd", "AP", "sd", "P", "R", "F1", "sd", "AUROC", "AP", "P", "R", "F1", "+subject")
    widths = (6,) * 8 + (9,) + (6,) * 4 + (10,)
    yield f"{'scorer':<14}" + "".join(f"{head:>{width}}" for head, width in zip(heads, widths, strict=True))
    for part in PARTS:
        names = [name for name in left_out if part_of(name) == part]
        if names and PART_TITLES[part]:
            yield f"- {PART_TITLES[part]}"
        for name in names:
            line = left_out[name]
            figures = (
                *(line.auroc.mean, line.auroc.sd, line.average_precision.mean, line.average_precision.sd),
                *(line.precision.mean, line.recall.mean, line.f1.mean, line.f1.sd),
                *(line.pooled_auroc, line.pooled_average_precision),
                *(line.pooled_precision, line.pooled_recall, line.pooled_f1, counted[name].auroc.mean),
            )
            cells = (f"{figure:>{width}.3f}" for figure, width in zip(figures, widths, strict=True))
            yield f"{name:<14}" + "".join(cells)
