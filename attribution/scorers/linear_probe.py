"""The supervised probe: how much of the ground truth a linear map can read off the hidden states when it is told it.

A ceiling, never a method: it is trained on the very spans that the other scorers must find without labels. ATWU
(arXiv 2606.06320) reports such a probe in its appendix; the folds and the regularisation are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from attribution.model.forward import TokenStatistics
from attribution.scorers.base import ScoreBatch, scorer
from attribution.text.subject import Subject

FOLDS = 5
# Inverse strength of the L2 penalty on standardised states: strong, for there are many of them and few rows.
PENALTY_C = 0.01


@scorer(
    "probe",
    title="Probe (ceiling)",
    unit="probability",
    low=0.0,
    high=1.0,
    higher_means="a probe trained on other rows' ground truth takes it for a fact",
    formula="sigmoid(<v, h> + c), v and c fitted to the fact spans of rows about other subjects",
    paper="a supervised ceiling, as in ATWU's appendix, arXiv 2606.06320; folds and states are ours",
    evidence="paper",
    kind="control",
    reads_states=True,
    across_rows=True,
)
def probe(batch: ScoreBatch) -> list[np.ndarray]:
    """sigmoid(<v, h_t> + c) in [0, 1], `[n]` per row: the probability that token t is part of a fact.

    A logistic regression on last-layer hidden states (`probe_position`: the token's `own`, the one `predicting` it, or
    `both` side by side), standardised, trained with the ground-truth spans. Cross-validated so that it is honest: rows
    are put into groups (`probe_groups`, else rows with the same subject), and a row is scored by a probe that saw no
    row of its group. Rows without a marked fact are scored but not trained on.

    Raises:
        ValueError: fewer than two groups have rows with marked facts, or `probe_groups` does not fit the rows.
    """
    groups = batch.options.probe_groups or subject_groups(batch.subjects)
    if len(groups) != len(batch.rows):
        raise ValueError(f"probe_groups names {len(groups)} groups for {len(batch.rows)} rows: one a row is needed.")
    labels = [np.array([label == "fact" for label in row.truth]) for row in batch.rows]
    if len({group for group, truth in zip(groups, labels, strict=True) if truth.any()}) < 2:
        raise ValueError(
            "'probe' is trained on rows with marked facts and scores other rows: give it rows about two subjects or "
            "more, with spans, or leave it out of the scorers."
        )
    states = [_states(plain, batch.options.probe_position) for plain in batch.plain]
    columns: list[np.ndarray] = [np.empty(0)] * len(states)
    for held_out in _folds(groups, labels):
        trained = [i for i in range(len(states)) if i not in held_out and labels[i].any()]
        predict = _fit(np.concatenate([states[i] for i in trained]), np.concatenate([labels[i] for i in trained]))
        for i in held_out:
            columns[i] = predict(states[i])
    return columns


def _states(plain: TokenStatistics, position: str) -> np.ndarray:
    own, predicting = plain.own.numpy(), plain.predicting.numpy()  # type: ignore[union-attr]
    return {"own": own, "predicting": predicting}.get(position, np.concatenate([own, predicting], axis=1))


def subject_groups(subjects: Sequence[Subject]) -> list[Hashable]:
    """The group of each row: rows about one subject share it, and a row without a subject stands alone."""
    return [subject.text.casefold() if subject.text else f"row {i}" for i, subject in enumerate(subjects)]


def _folds(groups: Sequence[Hashable], labels: Sequence[np.ndarray]) -> list[set[int]]:
    """Rows in at most `FOLDS` sets, groups kept whole: the largest group first, each into the set that has fewest rows.

    Rows to train on are spread first, so that every set leaves some for the others.
    """
    members: dict[Hashable, list[int]] = {}
    for i, group in enumerate(groups):
        members.setdefault(group, []).append(i)
    trainable = {group: sum(bool(labels[i].any()) for i in rows) for group, rows in members.items()}
    folds: list[set[int]] = [set() for _ in range(min(FOLDS, sum(count > 0 for count in trainable.values())))]
    load = [0] * len(folds)
    for group in sorted(members, key=lambda group: -trainable[group]):
        lightest = load.index(min(load))
        folds[lightest].update(members[group])
        load[lightest] += trainable[group]
    return folds


def _fit(states: np.ndarray, labels: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    from sklearn.linear_model import LogisticRegression

    mean, scale = states.mean(axis=0), states.std(axis=0)
    scale[scale == 0] = 1
    model = LogisticRegression(C=PENALTY_C, max_iter=1000).fit((states - mean) / scale, labels)
    return lambda rows: model.predict_proba((rows - mean) / scale)[:, 1].astype(np.float64)
