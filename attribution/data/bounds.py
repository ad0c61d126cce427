"""How much may become of a file when it is decoded, and what a value of it weighs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Bounds:
    """What may become of a file when it is decoded.

    Attributes:
        record: characters of one JSON record.
        decoded: bytes of a Parquet file's values, as it describes them, and of those that are read.
        values: entries of all lists of a Parquet file.
    """

    record: int = 100_000_000
    decoded: int = 10**12
    values: int = 10**9


def weight(value: Any) -> int:
    """About how many bytes a value takes."""
    if isinstance(value, (str, bytes)):
        return 50 + len(value)
    if isinstance(value, (list, tuple)):
        return 60 + 8 * len(value) + sum(map(weight, value))
    if isinstance(value, dict):
        return 100 + sum(weight(key) + weight(entry) for key, entry in value.items())
    return 8
