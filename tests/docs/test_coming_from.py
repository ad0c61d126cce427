"""Every line of `docs/coming-from.md` is typed here, on small files made in the formats it names."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from unlearn.__main__ import main

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "coming-from.md").read_text(encoding="utf-8")
TYPED = re.findall(r"^\|.*\| `python -m unlearn (.*)` \|$", PAGE, re.MULTILINE)


def log(ratios: list[float]) -> Callable[[Path], object]:
    """An evaluation log with these truth ratios."""
    rows = {str(row): {"score": ratio} for row, ratio in enumerate(ratios)}
    entry = {"agg_value": sum(min(ratio, 1 / ratio) for ratio in ratios) / len(ratios), "value_by_index": rows}
    return lambda path: path.write_text(json.dumps({"forget_truth_ratio": entry}), encoding="utf-8")


MADE: dict[str, Callable[[Path], object]] = {
    "A_EVAL.json": log([0.2, 0.4, 1.5]),
    "B_EVAL.json": log([0.8, 1.2, 2.5]),
}
"""What the lines name, and how it is made."""

SAID = {
    "compare A_EVAL.json B_EVAL.json": "D = 0.6667, p = 0.6, n = 3 and 3",
}
"""What each line says."""


@pytest.mark.parametrize("line", TYPED)
def test_what_is_typed_does_what_is_said(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, make in MADE.items():
        if name in line:
            make(tmp_path / name)
    assert main(shlex.split(line)) == 0
    assert SAID[line] in capsys.readouterr().out


def test_every_line_of_the_table_is_typed() -> None:
    table = [row for row in PAGE.splitlines() if row.startswith("| ") and not row.startswith("| you have")]
    assert len(table) == len(TYPED) == len(SAID) > 0
