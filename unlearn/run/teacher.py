"""What a selected token is to be predicted from instead: the frozen model, asked as if it did not know the subject.

Made once before the first step, as last states of the frozen model, `[labels, d]` a row: whole distributions would take
the vocabulary's size instead of d. States after inner blocks are kept beside them where the run draws to those, too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from attribution.data.rows import Row
from attribution.model.forward import TokenStatistics
from attribution.model.language_model import LanguageModel
from attribution.scorers.token_unlearn import subject_positions
from attribution.text.example import Encoded
from attribution.text.subject import Subject, find_subject
from unlearn.data.names import encoded_with, other_names
from unlearn.objectives.labels import Target, label_states

UNTAUGHT = "there the teacher is the original model without the word that is to be forgotten"


def with_frozen(model: LanguageModel, targets: Sequence[Target]) -> list[Target]:
    """The targets with the frozen model's states at their labels, for anchors."""
    states = label_states(model, targets)
    return [dataclasses.replace(target, frozen=mine) for target, mine in zip(targets, states, strict=True)]


def with_teacher(
    model: LanguageModel,
    targets: Sequence[Target],
    retain: Sequence[Row],
    kind: str,
    seed: int,
    notes: list[str],
    blocks: Sequence[int] = (),
) -> list[Target]:
    """The targets with the states that a counterfactual teacher predicts their labels from.

    `swap`: the row with another subject's name in it, one fixed name a subject, taken from the rows to keep; from those
    that are asked the same questions, where there are any. `hidden`: the row with its subject hidden by attention. A
    row in which no other name fits takes `hidden`; one without a subject takes the frozen model as it is, which then
    may not say the label. Tokens of the subject itself, and the end, are predicted as they were.

    Args:
        targets: with their `frozen` states.
        notes: what was done instead of `kind` is added here, a sentence each.
        blocks: whose states are kept as `inner`; 0, or None for a whole row, where the teacher predicts a label as the
            frozen model does.

    Raises:
        ValueError: `hidden` for a model whose layers do not all work by attention.
    """
    rows = [target.row for target in targets]
    subjects = [find_subject(row.example) for row in rows]
    named = [i for i, subject in enumerate(subjects) if subject.text]
    found = _swapped(model, rows, subjects, retain, seed, blocks) if kind == "swap" else {}
    left = [i for i in named if i not in found]
    if model.hides:
        found |= _hidden(model, rows, subjects, left, blocks)
    elif kind == "hidden":
        raise ValueError(
            f"The model {model.name!r} carries tokens on outside attention, so a teacher cannot have the subject "
            "hidden: take the teacher 'swap'."
        )
    if kind == "swap" and left:
        instead = "the teacher has it hidden there" if model.hides else f"this model cannot hide it: {UNTAUGHT}"
        notes.append(f"No other name fits in the subject's place in {len(left)} of {len(rows)} rows: {instead}.")
    if len(named) < len(rows):
        notes.append(f"No subject is named in {len(rows) - len(named)} of {len(rows)} rows: {UNTAUGHT}.")
    return [
        _taught(target, found[i], subjects[i])
        if i in found
        else dataclasses.replace(
            target,
            teacher=target.frozen,
            unsaid=torch.ones(len(target.weights), dtype=torch.bool),
        )
        for i, target in enumerate(targets)
    ]


class _States(NamedTuple):
    """What a teacher predicts a row's answer tokens from.

    Attributes:
        last: what the logits are made of, `[answer tokens, d]`, or the logits where the head cannot be run on its own.
        inner: after the blocks that were asked for, `[answer tokens, blocks, width]`: a model may be wider inside than
            before its head.
    """

    last: Tensor
    inner: Tensor | None

    def at(self, places: Sequence[tuple[int, int]], count: int) -> _States:
        """So many tokens: (place there, place here) says whose states they are, 0 where it says nothing."""
        inner = None if self.inner is None else _moved(self.inner, places, count)
        return _States(_moved(self.last, places, count), inner)


def _moved(states: Tensor, places: Sequence[tuple[int, int]], count: int) -> Tensor:
    found = states.new_zeros(count, *states.shape[1:])
    for there, here in places:
        found[there] = states[here]
    return found


def _taught(target: Target, states: _States, subject: Subject) -> Target:
    """The target with these states at all labels but the subject's own and the end."""
    assert target.frozen is not None
    own = set(subject_positions(target.row, subject))
    labels = [label for label, position in enumerate(target.row.answer_positions) if position not in own]
    taught, teacher = states.at([(label, label) for label in labels], len(target.weights)), target.frozen.clone()
    teacher[labels] = taught.last[labels].to(teacher)
    unsaid = torch.zeros(len(target.weights), dtype=torch.bool)
    return dataclasses.replace(target, teacher=teacher, unsaid=unsaid, inner=taught.inner)


def _states(numbers: TokenStatistics) -> _States:
    assert numbers.to_head is not None
    return _States(numbers.to_head, numbers.inner)


def _hidden(
    model: LanguageModel,
    rows: Sequence[Encoded],
    subjects: Sequence[Subject],
    numbers: Sequence[int],
    blocks: Sequence[int],
) -> dict[int, _States]:
    """States of rows whose subject no other token attends to, by row number."""
    if not numbers:
        return {}
    keys = [subject_positions(rows[i], subjects[i]) for i in numbers]
    read = model.token_statistics([rows[i] for i in numbers], hidden_keys=keys, to_head=True, blocks=blocks)
    return {i: _states(one) for i, one in zip(numbers, read, strict=True)}


def _swapped(
    model: LanguageModel,
    rows: Sequence[Encoded],
    subjects: Sequence[Subject],
    retain: Sequence[Row],
    seed: int,
    blocks: Sequence[int],
) -> dict[int, _States]:
    """States of rows in which another subject's name stands, by row number; 0 at the name.

    A row is left out where its other tokens do not stay the same.
    """
    names = other_names([row.example for row in rows], subjects, [row.example for row in retain], seed)
    swapped: dict[int, Encoded] = {}
    places: dict[int, list[tuple[int, int]]] = {}
    for i, (row, subject) in enumerate(zip(rows, subjects, strict=True)):
        if subject.text in names:
            encoded, pairs = encoded_with(model, row, subject, names[subject.text])
            if pairs:
                swapped[i], places[i] = encoded, pairs
    read = model.token_statistics(list(swapped.values()), to_head=True, blocks=blocks)
    return {i: _states(one).at(places[i], len(rows[i].tokens)) for i, one in zip(swapped, read, strict=True)}
