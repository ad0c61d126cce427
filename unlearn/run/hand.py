"""Edits by hand of several rows' selections, as one setting of a run: `36:+4-9; 40:-2`."""

from __future__ import annotations

import re

from attribution.selection import read_edits, write_edits

_ROW = re.compile(r"\s*([0-9]{1,9})\s*:(.*)", re.DOTALL)


def rows_by_hand(text: str) -> dict[int, str]:
    """Edits by forget row, in order, as `attribution.by_hand` reads them; a row without any is left out.

    Raises:
        ValueError: the text is none, or names a row twice.
    """
    found: dict[int, str] = {}
    for part in filter(str.strip, text.split(";")):
        matched = _ROW.fullmatch(part)
        if matched is None:
            raise ValueError(
                f"The edits by hand are {part.strip()[:40]!r}: write a row's number, a colon and its tokens, such as "
                "36:+4-9; 40:-2."
            )
        row = int(matched[1])
        if row in found:
            raise ValueError(f"The edits by hand name row {row} twice: write all its tokens behind one number.")
        found[row] = write_edits(read_edits(matched[2]))
    return {row: edits for row, edits in sorted(found.items()) if edits}


def written_by_hand(edits: dict[int, str]) -> str:
    """What `rows_by_hand` reads, each row once and in order."""
    return "; ".join(f"{row}:{tokens}" for row, tokens in sorted(edits.items()) if tokens)
