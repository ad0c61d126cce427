"""The same row about somebody else: other subjects' names, and a row with one of them in its subject's place."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache

from attribution.model.language_model import LanguageModel
from attribution.scorers.token_unlearn import subject_positions
from attribution.text.example import Encoded, Example
from attribution.text.subject import Subject, find_subject


def other_names(
    examples: Sequence[Example], subjects: Sequence[Subject], retain: Sequence[Example], seed: int
) -> dict[str, str]:
    """Another subject's name for each subject, by its text: always the same, and not two alike while there are more."""
    draw = random.Random(seed)
    names: dict[str, str] = {}
    for text, fit in namesakes(examples, subjects, questions_by_name(tuple(retain))).items():
        if fit:
            names[text] = draw.choice([name for name in fit if name not in names.values()] or fit)
    return names


# Tens of thousands of rows take a second: kept for the rows that were asked about last.
@lru_cache(maxsize=2)
def questions_by_name(retain: tuple[Example, ...]) -> Mapping[str, frozenset[str]]:
    """The questions that the rows to keep ask about each subject, without its name (see `frame`)."""
    kept: dict[str, set[str]] = defaultdict(set)
    for example in retain:
        subject = find_subject(example)
        if subject.text and subject.prompt_spans:
            kept[subject.text].add(frame(example.prompt, subject))
    return {name: frozenset(asked) for name, asked in kept.items()}


def namesakes(
    examples: Sequence[Example], subjects: Sequence[Subject], kept: Mapping[str, frozenset[str]]
) -> dict[str, list[str]]:
    """By each subject's text, whose name could stand in its place: other subjects of the rows to keep, sorted.

    Those that are asked most of the same questions; where nobody is asked any of them, those with at least two rows.

    Args:
        kept: what `questions_by_name` gives.
    """
    mine: dict[str, set[str]] = defaultdict(set)
    for example, subject in zip(examples, subjects, strict=True):
        if subject.text:
            mine[subject.text].add(frame(example.prompt, subject))
    found: dict[str, list[str]] = {}
    for text, frames in mine.items():
        shared = {other: len(frames & asked) for other, asked in kept.items() if other not in mine}
        most = max(shared.values(), default=0)
        found[text] = sorted(
            other for other, count in shared.items() if (count == most if most else len(kept[other]) > 1)
        )
    return found


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
    changed = Example(prompt, answer, window=example.window, ends=example.ends)
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


def encoded_with(
    model: LanguageModel, row: Encoded, subject: Subject, name: str
) -> tuple[Encoded, list[tuple[int, int]]]:
    """The row with another name, and the numbers of answer tokens outside the names, (in the row, in the other row).

    No numbers where these tokens are not the same.
    """
    example, other = with_name(row.example, subject, name)
    encoded = model.encode(example)
    return encoded, _aligned(row, subject, encoded, other)


def _aligned(row: Encoded, subject: Subject, other: Encoded, name: Subject) -> list[tuple[int, int]]:
    mine, theirs = (
        [k for k, position in enumerate(one.answer_positions) if position not in set(subject_positions(one, whose))]
        for one, whose in ((row, subject), (other, name))
    )
    if [row.tokens[k].id for k in mine] != [other.tokens[k].id for k in theirs]:
        return []
    return list(zip(mine, theirs, strict=True))
