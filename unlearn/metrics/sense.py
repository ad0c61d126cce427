"""Do the answers read like answers? Of what the model itself says, where structure reads what it is given.

*Speaks* needs no ground truth. A word is impossible when the original model, asked about this subject and about up to
`OTHERS` others that are asked the same questions, gives it less than `IMPOSSIBLE` on average. Whatever a model was
never taught, it says in words that it was taught of somebody. Its places on the embedded world (60 answers): the
original 1.00, the retrained model .92, ascent that leaves word salad .47, a destroyed model and shuffled words 0.

*Fluent* and *sensible* are for rows that share their wordings and mark their facts: a frame is an answer without its
subject and its facts.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

import torch

from attribution.data.rows import Row
from attribution.model.language_model import LanguageModel
from attribution.text.example import Encoded, Example
from attribution.text.subject import find_subject, occurrences
from unlearn.data.names import encoded_with, namesakes
from unlearn.metrics.answers import spaced
from unlearn.metrics.base import metric
from unlearn.metrics.examination import Examination

OTHERS = 32
IMPOSSIBLE = 1e-4
JUDGED = 60
"""Answers that are judged at most, evenly spaced."""


@metric(
    "speaks",
    title="Speaks",
    group="recall",
    better="higher",
    unit="share",
    of="answers",
    formula="answers without a token of mean_k p_ref(y_t | x with name k, y_<t) < 0.0001 / answers",
    sentence="Share of the answers in which every word is one that the original model could have said of somebody.",
    paper="ours",
    evidence="ours",
)
def speaks(examination: Examination) -> None:
    """Of the rows to forget, where the original model is at hand to judge."""
    judge = examination.judge
    rows = [row for row in examination.rows("forget") if row.example.prompt]
    if judge is None or not rows:
        return
    answers = {answer.question: answer.answer for answer in examination.answers("forget")}
    asked = spaced(rows, JUDGED)
    pairs = [Example(row.example.prompt, answers[row.example.prompt].strip() or "?") for row in asked]
    lowest = least_probable(judge, pairs, [row.example for row in examination.corpus.retain])
    spoken = [
        float(p >= IMPOSSIBLE and bool(answers[row.example.prompt].strip()))
        for p, row in zip(lowest, asked, strict=True)
    ]
    examination.figure("speaks", sum(spoken) / len(spoken), len(spoken))
    numbers = {id(row): i for i, row in enumerate(examination.rows("forget"))}
    for row, value in zip(asked, spoken, strict=True):
        examination.row("forget", numbers[id(row)], "speaks", value)


def least_probable(judge: LanguageModel, said: Sequence[Example], retain: Sequence[Example]) -> list[float]:
    """The smallest probability of an answer's tokens outside its subject, the mean over whom it could be about.

    Args:
        judge: the original model.
        said: questions with the answers that are judged.
        retain: rows to keep, whose subjects are the others.
    """
    subjects = [find_subject(example) for example in said]
    fit = namesakes(said, subjects, retain)
    encoded: list[Encoded] = []
    places: list[tuple[int, list[int]]] = []
    for i, (example, subject) in enumerate(zip(said, subjects, strict=True)):
        row = judge.encode(example)
        everything = list(range(len(row.tokens)))
        others = fit.get(subject.text or "", [])
        drawn = random.Random(0).sample(others, min(OTHERS, len(others)))
        found = [
            (other, pairs) for name in drawn for other, pairs in (encoded_with(judge, row, subject, name),) if pairs
        ]
        own = [mine for mine, _ in found[0][1]] if found else everything
        encoded += [row, *(other for other, _ in found)]
        places += [(i, own), *((i, [theirs for _, theirs in pairs]) for _, pairs in found)]
    read: dict[int, list[torch.Tensor]] = defaultdict(list)
    for (i, own), numbers in zip(places, judge.token_statistics(encoded), strict=True):
        read[i].append(numbers.log_probs[own].exp())
    return [float(torch.stack(read[i]).mean(dim=0).min()) for i in range(len(said))]


@metric(
    "sensible",
    title="Sensible",
    group="recall",
    better="higher",
    unit="share",
    of="answers",
    formula="fluent answers whose facts are all facts of some row of that frame / answers to the rows to forget",
    sentence="Share of the answers that also name a fact of the right kind, true or not.",
    paper="ours",
    evidence="ours",
)
@metric(
    "fluent",
    title="Fluent",
    group="recall",
    better="higher",
    unit="share",
    of="answers",
    formula="answers that fit the frame of some trained answer / answers to the rows to forget",
    sentence="Share of the answers that are a whole sentence as the model was taught to make them.",
    paper="ours",
    evidence="ours",
)
def measure(examination: Examination) -> None:
    """Of rows whose frames come again with other facts; others may be right in words of their own."""
    taught = frames((*examination.corpus.forget, *examination.corpus.retain))
    if not taught:
        return
    numbers = examination.asked("forget")
    judged = [fits(answer.answer, taught) for answer in examination.answers("forget")]
    for name, values in (("fluent", [one[0] for one in judged]), ("sensible", [one[1] for one in judged])):
        for i, value in zip(numbers, values, strict=True):
            examination.row("forget", i, name, float(value))
        if values:
            examination.figure(name, sum(values) / len(values), len(values))


Frames = dict[re.Pattern[str], list[set[str]]]


def frames(rows: Iterable[Row]) -> Frames:
    """Patterns of the answers that stand in several rows with other facts, and the facts of each of their places.

    >>> rows = [Row(Example("Who?", f"It is {name}.", (Span(6, 9),))) for name in ("Ada", "Bel")]
    >>> fits("It is Bel.", frames(rows)), fits("It is red.", frames(rows)), fits("Is it Bel?", frames(rows))
    ((True, True), (True, False), (False, False))
    """
    facts: dict[str, list[set[str]]] = {}
    for row in rows:
        example = row.example
        if not example.facts or not example.prompt:
            continue
        pattern = _pattern(example)
        found = facts.setdefault(pattern, [set() for _ in example.facts])
        for place, fact in zip(found, example.facts, strict=True):
            place.add(fact)
    return {re.compile(pattern): found for pattern, found in facts.items() if all(len(place) > 1 for place in found)}


def _pattern(example: Example) -> str:
    """A regular expression for an answer whose subject is anything and whose facts are groups."""
    spans = [(span.start, span.end, span.kind) for span in example.spans]
    if not any(kind == "subject" for *_, kind in spans):
        subject = find_subject(example).text
        spans += [(*place, "subject") for place in (occurrences(example.answer, subject) if subject else ())]
    parts, end = [], 0
    for start, stop, kind in sorted(spans):
        if start < end:
            continue
        parts += [re.escape(example.answer[end:start]), "(.+?)" if kind == "fact" else ".+?"]
        end = stop
    return "".join((*parts, re.escape(example.answer[end:])))


def fits(answer: str, taught: Frames) -> tuple[bool, bool]:
    """Whether an answer is (fluent, sensible)."""
    fluent = False
    for pattern, facts in taught.items():
        if found := pattern.fullmatch(answer.strip()):
            fluent = True
            if all(said in place for said, place in zip(found.groups(), facts, strict=True)):
                return True, True
    return fluent, False
