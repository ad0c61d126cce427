"""Texts as cells of a CSV file that a spreadsheet opens without running them."""

from __future__ import annotations

import csv
from typing import Any, Final

# A bare carriage return is not quoted otherwise, and begins a new line, and a formula, in a spreadsheet.
QUOTING: Final = csv.QUOTE_NONNUMERIC

# What a spreadsheet takes for the start of a formula, the full-width forms of the same, and what hides a start.
_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "|", "%")


def safe_cell(value: Any) -> Any:
    """A text that begins like a formula, spaces aside, with an apostrophe in front; everything else as it is.

    >>> safe_cell("=HYPERLINK(1)"), safe_cell("Torvik"), safe_cell(-0.5)
    ("'=HYPERLINK(1)", 'Torvik', -0.5)
    """
    if isinstance(value, str) and (value.startswith(_STARTS) or value.lstrip().startswith(_STARTS)):
        return f"'{value}"
    return value
