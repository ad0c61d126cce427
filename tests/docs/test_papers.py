"""`docs/papers.md` and the facts beside the functions say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from attribution.scorers import SCORERS, ScorerInfo
from unlearn.metrics.base import GROUPS, measures
from unlearn.objectives import OBJECTIVES

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "papers.md").read_text(encoding="utf-8")


def test_every_objective_has_its_row() -> None:
    section = PAGE.split("## Objectives")[1].split("\n## ")[0]
    rows = {line.split("|")[1].strip(): line for line in section.splitlines() if line.startswith("| ")}
    for entry in OBJECTIVES.values():
        row = rows.pop(entry.title, "")
        assert entry.forget.__module__.replace(".", "/") + ".py" in row, f"{entry.title}: no row, or another file's"
        assert entry.evidence in row
    assert set(rows) <= {"name", "---"}


def test_every_metric_has_its_row() -> None:
    section = PAGE.split("## Metrics")[1].split("\n## ")[0]
    for measure in {measure for group in GROUPS for measure in measures(group)}:
        assert measure.__module__.replace(".", "/") + ".py" in section, f"docs/papers.md has no row for {measure}"


def rows() -> dict[str, str]:
    """Scorer name -> its row of the table of scorers; a row may stand for several."""
    section = PAGE.split("## Scorers")[1].split("\n## ")[0]
    found = {}
    for line in section.splitlines():
        if line.startswith("| "):
            for name in line.split("|")[1].split(","):
                found[name.strip().split(" ")[0]] = line
    return found


@pytest.mark.parametrize("info", SCORERS, ids=lambda info: info.name)
def test_every_scorer_has_its_row(info: ScorerInfo) -> None:
    assert info.name in rows(), f"docs/papers.md has no row for the scorer {info.name!r}"
    row = rows()[info.name]
    for arxiv in re.findall(r"\d{4}\.\d{5}", info.paper):
        assert arxiv in row, f"the row of {info.name!r} does not name {arxiv}"
    assert info.function.__module__.replace(".", "/") + ".py" in row
    assert info.evidence in row, f"the row of {info.name!r} does not say that its evidence is {info.evidence!r}"


def test_no_row_without_a_scorer() -> None:
    assert set(rows()) - {"scorer", "---"} == {info.name for info in SCORERS}
