"""Do the answers read like answers? Of what the model itself says, where structure reads what it is given.

*Speaks* needs no ground truth (`unlearn.metrics.judge`). A word is impossible when the original model, asked about this
subject and about up to 32 others that are asked the same questions, gives it less than 0.0001 on average. Whatever a
model was never taught, it says in words that it was taught of somebody. Its places on the embedded world (60 answers):
the original 1.00, the retrained model .92 to .97, ascent that leaves word salad .47, a destroyed model and shuffled
words 0.

*Fluent* and *sensible* are for rows that share their wordings and mark their facts: a frame is an answer without its
subject and its facts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from attribution.data.rows import Row
from attribution.text.example import Example
from attribution.text.subject import find_subject, occurrences
from unlearn.metrics.answers import spaced
from unlearn.metrics.base import metric
from unlearn.metrics.examination import Examination
from unlearn.metrics.judge import Judge

JUDGED = 60
"""Answers that are judged at most, evenly spaced."""


_sense = partial(metric, better="higher", unit="share", of="answers", paper="ours", evidence="ours")


@_sense(
    "sampled_speaks",
    title="Speaks, sampled",
    group="sampled",
    formula="as speaks, of answers drawn at temperature 1",
    sentence="The same of answers that are drawn from the model instead of taken word by word as the most probable.",
)
def sampled_speaks(examination: Examination) -> None:
    """One drawn answer to each row to forget."""
    if examination.judge is None:
        examination.note("Whether answers are language is judged by the model before unlearning: none was given.")
        return
    _speaks(examination, examination.judge, "sampled_speaks", examination.drawn("forget"))


@_sense(
    "speaks",
    title="Speaks",
    group="recall",
    formula="answers without a token of mean_k p_ref(y_t | x with name k, y_<t) < 0.0001 / answers",
    sentence="Share of the answers in which every word is one that the original model could have said of somebody.",
)
def speaks(examination: Examination) -> None:
    """Of the rows to forget, where the original model is at hand to judge."""
    if examination.judge is not None:
        _speaks(examination, examination.judge, "speaks", [answer.answer for answer in examination.answers("forget")])


def _speaks(examination: Examination, judge: Judge, name: str, answers: Sequence[str]) -> None:
    numbers, rows = examination.asked("forget"), examination.rows("forget")
    picked = spaced(range(len(numbers)), JUDGED)
    possible = judge.possible([rows[numbers[i]].example.prompt for i in picked], [answers[i] for i in picked])
    for i, value in zip(picked, possible, strict=True):
        examination.row("forget", numbers[i], name, float(value))
    if picked:
        examination.figure(name, sum(possible) / len(possible), len(possible))


@_sense(
    "sampled_sensible",
    title="Sensible, sampled",
    group="sampled",
    formula="as sensible, of answers drawn at temperature 1",
    sentence="The same of answers that are drawn from the model instead of taken word by word as the most probable.",
)
@_sense(
    "sampled_fluent",
    title="Fluent, sampled",
    group="sampled",
    formula="as fluent, of answers drawn at temperature 1",
    sentence="The same of answers that are drawn from the model instead of taken word by word as the most probable.",
)
def sampled_frames(examination: Examination) -> None:
    """One drawn answer to each row to forget, the same as for `sampled_speaks`."""
    _fits(examination, ("sampled_fluent", "sampled_sensible"), lambda: examination.drawn("forget"))


@_sense(
    "sensible",
    title="Sensible",
    group="recall",
    formula="fluent answers whose facts are all facts of some row of that frame / answers to the rows to forget",
    sentence="Share of the answers that also name a fact of the right kind, true or not.",
)
@_sense(
    "fluent",
    title="Fluent",
    group="recall",
    formula="answers that fit the frame of some trained answer / answers to the rows to forget",
    sentence="Share of the answers that are a whole sentence as the model was taught to make them.",
)
def measure(examination: Examination) -> None:
    """Of rows whose frames come again with other facts; others may be right in words of their own."""
    _fits(examination, ("fluent", "sensible"), lambda: [answer.answer for answer in examination.answers("forget")])


def _fits(examination: Examination, names: tuple[str, str], answers: Callable[[], Sequence[str]]) -> None:
    taught = frames((*examination.corpus.forget, *examination.corpus.retain))
    if not taught:
        return
    known = examination.answers("forget")
    if 2 * sum(answer.written is not None for answer in known) > len(known):
        examination.note("Fluent and sensible compare answers letter by letter: this tokenizer writes other letters.")
        return
    numbers = examination.asked("forget")
    judged = [fits(answer, taught) for answer in answers()]
    for name, values in zip(names, ([one[0] for one in judged], [one[1] for one in judged]), strict=True):
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
