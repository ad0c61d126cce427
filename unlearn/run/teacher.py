"""What a selected token is to be predicted from instead: the frozen model, asked as if it did not know the subject.

Made once before the first step, as last states of the frozen model, `[labels, d]` a row: whole distributions would take
the vocabulary's size instead of d.
"""

from __future__ import annotations

import dataclasses
import random
from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from attribution.data.rows import Row
from attribution.model.language_model import LanguageModel
from attribution.scorers.token_unlearn import subject_positions
from attribution.text.example import Encoded, Example
from attribution.text.subject import Subject, find_subject
from unlearn.objectives.labels import Target, label_states


def with_frozen(model: LanguageModel, targets: Sequence[Target]) -> list[Target]:
    """The targets with the frozen model's states at their labels, for anchors."""
    states = label_states(model, targets)
    return [dataclasses.replace(target, frozen=mine) for target, mine in zip(targets, states, strict=True)]


def with_teacher(
    model: LanguageModel, targets: Sequence[Target], retain: Sequence[Row], kind: str, seed: int, notes: list[str]
) -> list[Target]:
    """The targets with the states that a counterfactual teacher predicts their labels from.

    `swap`: the row with another subject's name in it, one fixed name a subject, taken from the rows to keep; from those
    that are asked the same questions, where there are any. `hidden`: the row with its subject hidden by attention. A
    row in which no other name fits takes `hidden`; one without a subject takes the frozen model as it is, which then
    may not say the label. Tokens of the subject itself, and the end, are predicted as they were.

    Args:
        targets: with their `frozen` states.
        notes: what was done instead of `kind` is added here, a sentence each.

    Raises:
        ValueError: the subject is to be hidden in a model whose layers do not all work by attention.
    """
    rows = [target.row for target in targets]
    subjects = [find_subject(row.example) for row in rows]
    named = [i for i, subject in enumerate(subjects) if subject.text]
    found = _swapped(model, rows, subjects, retain, seed) if kind == "swap" else {}
    left = [i for i in named if i not in found]
    found |= _hidden(model, rows, subjects, left)
    if kind == "swap" and left:
        notes.append(f"In {len(left)} rows no other name fits in the subject's place: the teacher has it hidden.")
    if len(named) < len(rows):
        notes.append(
            f"{len(rows) - len(named)} rows name no subject: there the teacher is the original model without the "
            "word that is to be forgotten."
        )
    return [
        _taught(target, found[i], subjects[i])
        if i in found
        else dataclasses.replace(
            target, teacher=target.frozen, unsaid=torch.ones(len(target.weights), dtype=torch.bool)
        )
        for i, target in enumerate(targets)
    ]


def _taught(target: Target, states: Tensor, subject: Subject) -> Target:
    """The target with these states, `[answer tokens, d]`, at all labels but the subject's own and the end."""
    assert target.frozen is not None
    own = set(subject_positions(target.row, subject))
    teacher = target.frozen.clone()
    for label, position in enumerate(target.row.answer_positions):
        if position not in own:
            teacher[label] = states[label].to(teacher)
    return dataclasses.replace(target, teacher=teacher, unsaid=torch.zeros(len(target.weights), dtype=torch.bool))


def _hidden(
    model: LanguageModel, rows: Sequence[Encoded], subjects: Sequence[Subject], numbers: Sequence[int]
) -> dict[int, Tensor]:
    """States of rows whose subject no other token attends to, `[answer tokens, d]` by row number."""
    if not numbers:
        return {}
    keys = [subject_positions(rows[i], subjects[i]) for i in numbers]
    read = model.token_statistics([rows[i] for i in numbers], hidden_keys=keys, states=True)
    return {i: one.predicting for i, one in zip(numbers, read, strict=True) if one.predicting is not None}


def _swapped(
    model: LanguageModel, rows: Sequence[Encoded], subjects: Sequence[Subject], retain: Sequence[Row], seed: int
) -> dict[int, Tensor]:
    """States of rows in which another subject's name stands, `[answer tokens, d]` by row number; 0 at the name.

    A row is left out where its other tokens do not stay the same.
    """
    names = other_names([row.example for row in rows], subjects, [row.example for row in retain], seed)
    swapped: dict[int, Encoded] = {}
    places: dict[int, list[tuple[int, int]]] = {}
    for i, (row, subject) in enumerate(zip(rows, subjects, strict=True)):
        if subject.text in names:
            example, other = with_name(row.example, subject, names[subject.text])
            encoded = model.encode(example)
            if pairs := _aligned(row, subject, encoded, other):
                swapped[i], places[i] = encoded, pairs
    found: dict[int, Tensor] = {}
    for i, one in zip(swapped, model.token_statistics(list(swapped.values()), states=True), strict=True):
        assert one.predicting is not None
        found[i] = one.predicting.new_zeros(len(rows[i].tokens), one.predicting.shape[1])
        for mine, theirs in places[i]:
            found[i][mine] = one.predicting[theirs]
    return found


def other_names(
    examples: Sequence[Example], subjects: Sequence[Subject], retain: Sequence[Example], seed: int
) -> dict[str, str]:
    """Another subject's name for each subject, by its text: always the same, and not two alike while there are more.

    Of the subjects of the rows to keep, those are drawn from that are asked most of the same questions; where nobody is
    asked any of them, those with at least two rows.
    """
    kept: dict[str, set[str]] = defaultdict(set)
    for example in retain:
        subject = find_subject(example)
        if subject.text and subject.prompt_spans:
            kept[subject.text].add(frame(example.prompt, subject))
    mine: dict[str, set[str]] = defaultdict(set)
    for example, subject in zip(examples, subjects, strict=True):
        if subject.text:
            mine[subject.text].add(frame(example.prompt, subject))
    draw = random.Random(seed)
    names: dict[str, str] = {}
    for text, frames in mine.items():
        shared = {other: len(frames & asked) for other, asked in kept.items() if other not in mine}
        most = max(shared.values(), default=0)
        fit = sorted(other for other, count in shared.items() if (count == most if most else len(kept[other]) > 1))
        fresh = [other for other in fit if other not in names.values()]
        if fit:
            names[text] = draw.choice(fresh or fit)
    return names


def frame(prompt: str, subject: Subject) -> str:
    """A question without whom it asks about.

    >>> frame("Where was Ada Quell born?", Subject("Ada Quell", ((10, 19),)))
    'Where was {} born?'
    """
    return _replaced(prompt, subject.prompt_spans, subject.text or "", "{}")[0]


def with_name(example: Example, subject: Subject, name: str) -> tuple[Example, Subject]:
    """The row with another name wherever its subject stands, and where that name then stands."""
    prompt, prompt_spans = _replaced(example.prompt, subject.prompt_spans, subject.text or "", name)
    answer, answer_spans = _replaced(example.answer, subject.answer_spans, subject.text or "", name)
    changed = Example(prompt, answer, window=example.window)
    return changed, Subject(name, prompt_spans, answer_spans, "given")


def _replaced(
    text: str, spans: Sequence[tuple[int, int]], old: str, new: str
) -> tuple[str, tuple[tuple[int, int], ...]]:
    """A text with `new` at these places. A lone first or last word of the old name becomes that word of the new one."""
    parts: list[str] = []
    places: list[tuple[int, int]] = []
    end = length = 0
    for start, stop in spans:
        said, words = text[start:stop].casefold(), old.casefold().split()
        word = new
        if len(words) > 1 and len(new.split()) > 1 and said in (words[0], words[-1]):
            word = new.split()[0 if said == words[0] else -1]
        parts += [text[end:start], word]
        length += start - end
        places.append((length, length + len(word)))
        length += len(word)
        end = stop
    return "".join((*parts, text[end:])), tuple(places)


def _aligned(row: Encoded, subject: Subject, other: Encoded, name: Subject) -> list[tuple[int, int]]:
    """Numbers of answer tokens outside the names, (in the row, in the other row); none where they are not the same."""
    mine, theirs = (
        [k for k, position in enumerate(one.answer_positions) if position not in set(subject_positions(one, whose))]
        for one, whose in ((row, subject), (other, name))
    )
    if [row.tokens[k].id for k in mine] != [other.tokens[k].id for k in theirs]:
        return []
    return list(zip(mine, theirs, strict=True))
