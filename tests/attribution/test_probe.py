"""The supervised probe: honest folds, and a ceiling where the states hold the answer."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from attribution import LanguageModel, ScoreOptions, Subject, score
from attribution.data.rows import embedded_rows
from attribution.measure.alignment import align
from attribution.scorers.linear_probe import FOLDS, _folds, probe, subject_groups


def made_up(rows: int, groups: int, signal: float = 0.0, leak: float = 0.0, **options: object) -> SimpleNamespace:
    """A batch whose states tell facts by `signal` in one direction for all, and by `leak` in a direction per group."""
    rng = np.random.default_rng(0)
    encoded, plain, subjects = [], [], []
    for i in range(rows):
        truth = rng.random(8) < 0.4
        states = rng.normal(size=(8, 6 + groups)).astype(np.float32)
        states[:, 0] += signal * truth
        states[:, 6 + i % groups] += leak * np.where(truth, 1, -1) * (1 if (i % groups) % 2 else -1)
        encoded.append(SimpleNamespace(truth=["fact" if flag else None for flag in truth]))
        plain.append(SimpleNamespace(own=torch.tensor(states), predicting=torch.tensor(states)))
        subjects.append(Subject(f"author {i % groups}"))
    return SimpleNamespace(rows=encoded, plain=plain, subjects=subjects, options=ScoreOptions(**options))


def pooled_accuracy(batch: SimpleNamespace) -> float:
    columns = probe(batch)
    right = [
        (value > 0.5) == (label == "fact")
        for row, column in zip(batch.rows, columns, strict=True)
        for label, value in zip(row.truth, column, strict=True)
    ]
    return float(np.mean(right))


def test_finds_what_the_states_hold() -> None:
    assert pooled_accuracy(made_up(60, 6, signal=8.0)) > 0.95


def test_learns_nothing_of_the_row_it_scores() -> None:
    """States tell the answer by group alone: with whole groups held out that is worth nothing; without, everything."""
    honest = pooled_accuracy(made_up(60, 6, leak=20.0))
    leaking = pooled_accuracy(made_up(60, 6, leak=20.0, probe_groups=tuple(range(60))))
    assert honest < 0.7 < 0.9 < leaking


def test_folds_keep_groups_whole_and_cover_every_row() -> None:
    groups = ["a"] * 7 + ["b"] * 2 + ["c"] * 3 + [f"row {i}" for i in range(9)]
    labels = [np.array([i % 3 > 0, False]) for i in range(len(groups))]
    folds = _folds(groups, labels)
    assert len(folds) == FOLDS and sorted(i for fold in folds for i in fold) == list(range(len(groups)))
    for name in "abc":
        assert sum(any(groups[i] == name for i in fold) for fold in folds) == 1
    for fold in folds:
        assert any(labels[i].any() for i in range(len(groups)) if i not in fold), "nothing is left to train on"


def test_groups_by_subject() -> None:
    names = ["Ada Quell", "ada quell", None, None]
    assert subject_groups([Subject(name) for name in names]) == ["ada quell", "ada quell", "row 2", "row 3"]


def test_says_what_it_needs(random_model: LanguageModel) -> None:
    one_author = [row.example for row in embedded_rows("forget01")[:3]]
    with pytest.raises(ValueError, match="two subjects or more"):
        score(random_model, one_author, ("probe",))
    with pytest.raises(ValueError, match="names 1 groups for 3 rows"):
        score(random_model, one_author, ("probe",), probe_groups=("a",))
    with pytest.raises(ValueError, match="Probe position is 'last'. Choose from own, predicting, both"):
        score(random_model, one_author, ("probe",), probe_position="last")


def test_is_a_ceiling_on_the_embedded_model(model: LanguageModel) -> None:
    rows = score(model, [row.example for row in embedded_rows("forget01")], ("probe", "novel-word"))
    assert align(rows, "probe").auroc.mean > max(0.95, align(rows, "novel-word").auroc.mean)
