"""RWKU's five utility sets, as tasks with the prompts of the authors' code (arXiv 2406.10890)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attribution.data.records import Record
from unlearn.data.corpus import Task
from unlearn.data.tables import Place

LETTERS = "ABCDEFGHIJ"


def utility_sets(place: Place, hub: str, person: str) -> tuple[tuple[str, tuple[Task, ...]], ...]:
    """The sets that are there, by ability; records that name a person are those of this one.

    Raises:
        ValueError: a record lacks a field or holds something else in it; the place in the file is named.
    """
    found = []
    for ability, (stem, fields, task) in SETS.items():
        table = place.optional(hub, f"utility_{ability}", "test", (stem,))
        if table is None:
            continue
        tasks = []
        for where, record in table.need(*fields):
            if record.get("subject", person) != person:
                continue
            try:
                tasks.append(task(record))
            except (TypeError, KeyError, IndexError, AttributeError) as error:
                raise ValueError(f"{where} is no task of {stem!r}: {error}.") from error
        if tasks:
            found.append((ability, tuple(tasks)))
    return tuple(found)


def _choices(question: str, choices: Sequence[str]) -> str:
    lines = (f"{letter}. {choice}" for letter, choice in zip(LETTERS, choices, strict=False))
    return "\n".join((f"Question: {question}", *lines))


def _general(record: Record) -> Task:
    head = f"The following are multiple choice questions (with answers) about {record['task'].replace('_', ' ')}.\n\n"
    shown = "".join(
        f"{_choices(one['question'], one['choices'])}\nAnswer: {LETTERS[one['answer']]}\n\n"
        for one in record["examples"]
    )
    asks = "Please following the previous examples and answer the given question.\n"
    letters = LETTERS[: len(record["choices"])]
    right = letters[record["answer"]]
    prompt = head + shown + asks + _choices(record["question"], record["choices"])
    return Task(prompt, (right,), tuple(letter for letter in letters if letter != right))


def _reason(record: Record) -> Task:
    asks = "Following previous examples, answer the following questions and end with 'so the answer is'"
    # An answer that is a text is one answer: the authors' code would go through its characters.
    return Task(f"{record['cot'].strip()}\n\n{asks}\nQ: {record['question']}", _texts(record["answer"]))


def _truthfulness(record: Record) -> Task:
    targets: Mapping[str, Any] = record["mc1_targets"]
    marked = list(zip(targets["choices"], targets["labels"], strict=True))
    right, wrong = (tuple(choice for choice, label in marked if (label == 1) is wanted) for wanted in (True, False))
    if not right or not wrong:
        raise TypeError("mc1_targets needs a right choice and a wrong one")
    return Task(f"Q: {record['question']}", right, wrong)


def _factuality(record: Record) -> Task:
    return Task(f"Please briefly answer the following question:\nQ: {record['question']}", _texts(record["answers"]))


def _fluency(record: Record) -> Task:
    return Task(f"Instruction: {record['instruction']}")


def _texts(value: Any) -> tuple[str, ...]:
    found = (value,) if isinstance(value, str) else tuple(value)
    if not found or not all(isinstance(text, str) for text in found):
        raise TypeError("its answers are no texts")
    return found


SETS: dict[str, tuple[str, tuple[str, ...], Callable[[Record], Task]]] = {
    "general": ("retain_mmlu", ("question", "choices", "answer", "examples", "task"), _general),
    "reason": ("retain_bbh", ("question", "answer", "cot"), _reason),
    "truthfulness": ("truthful", ("question", "mc1_targets"), _truthfulness),
    "factuality": ("triviaqa", ("question", "answers"), _factuality),
    "fluency": ("fluency", ("instruction",), _fluency),
}
"""Ability -> the name of its file, the fields it needs, and how a record becomes a task."""
