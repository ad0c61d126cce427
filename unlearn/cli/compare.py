"""`python -m unlearn compare`: two evaluation logs of open-unlearning, or ours in their layout, side by side."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

from typer import Argument

from unlearn.cli.common import JsonFile, check_writable, log
from unlearn.open_unlearning import Comparison, compare_logs, read_log


def compare_command(
    *,
    first: Annotated[Path, Argument(metavar="A", help="an evaluation log of open-unlearning, or one of ours")],
    second: Annotated[Path, Argument(metavar="B", help="another, such as the retrained model's")],
    json_file: JsonFile = None,
) -> None:
    """How far two evaluation logs are apart: D, p and n of their truth ratios, and every figure that both have.

    What does not follow from the rows beside it is named, and which form of truth ratio was found.
    """
    check_writable(json_file)
    found = compare_logs(read_log(first), read_log(second))
    sys.stdout.write(f"A is {first}, B is {second}.\n\n{table(found)}")
    if json_file:
        json_file.write_text(
            json.dumps(found.to_dict(), ensure_ascii=False, indent=1, allow_nan=False), encoding="utf-8"
        )
        log.info("Wrote %s.", json_file)


def table(found: Comparison) -> str:
    """The sentence, a line per figure, and what is to be known about both logs."""
    lines = [found.sentence, ""]
    if found.lines:
        width = max(len(line.name) for line in found.lines) + 2
        lines += [
            f"{'':<{width}}{'A':>12}{'B':>12}  better",
            *(
                f"{line.name:<{width}}{line.first:>12.4g}{line.second:>12.4g}  {line.better}".rstrip()
                for line in found.lines
            ),
            "",
        ]
    return "\n".join([*lines, *found.notes]) + "\n"
