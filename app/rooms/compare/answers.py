"""Figures and answers side by side: what is compared, when it is there, and how it looks as HTML."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from app.look.markup import count, differences, escape, with_facts
from app.visit.kept_run import KeptRun
from app.visit.session import Visit
from app.visit.studio import Studio
from unlearn import Evaluation, evaluate
from unlearn.metrics import Answer

ALL = "all"
SPLIT_TITLES = {"forget": "Forget", "paraphrase": "Paraphrase", "retain": "Retain", "world": "World"}
# A model that has lost its speech repeats itself for ever; the CSV has every character.
LONGEST = 200
WAIT_SECONDS = 0.4
REFERENCE, REFERENCE_TITLE = "reference", "Never taught (reference)"
Asked = tuple[Answer, Answer, Answer | None]
"""One question's answers: the original model's, the run's, and that of what it is held against."""


@dataclass(frozen=True)
class Metric:
    """A figure on a card: its name in `Evaluation.metrics`, its title, the good direction, and a plain sentence."""

    name: str
    title: str
    higher_is_better: bool
    noun: str
    sentence: str


METRICS = (
    Metric(
        "forget_recall", "Facts to forget", False, "fact", "Share of the facts to forget that answers still contain."
    ),
    Metric(
        "paraphrase_recall", "The same, asked otherwise", False, "fact", "Those facts asked in words never trained."
    ),
    Metric("retain_recall", "Facts to keep", True, "fact", "Share of facts about everybody else still in the answers."),
    Metric("world_recall", "World knowledge", True, "fact", "Share of general knowledge still in the answers."),
    Metric(
        "structure", "Structure", True, "token", "Mean probability of words that carry no fact: does it still speak?"
    ),
    Metric("subject", "Subject", True, "token", "Mean probability of the name asked about: is it the right person?"),
)


@dataclass(frozen=True)
class Other:
    """What a run is held against besides the original: the retrained model, or another run of the visit.

    Attributes:
        title: the head of its column; `word` what the cards call it.
        evaluation: its answers and figures; None where there are none, or none yet.
    """

    title: str
    word: str
    evaluation: Evaluation | None


def others(studio: Studio, visit: Visit) -> list[tuple[str, str]]:
    """What the visit's current run can be held against: (title, value) of the reference and of the other runs."""
    reference = [] if studio.reference() is None else [(REFERENCE_TITLE, REFERENCE)]
    return reference + [(kept.name, str(kept.number)) for kept in reversed(visit.runs) if kept is not visit.last]


def other_run(visit: Visit, against: str | None) -> KeptRun | None:
    """The kept run that `against` is the number of; None for the reference, and for a run that has gone."""
    return next((kept for kept in visit.runs if str(kept.number) == against and kept is not visit.last), None)


def wanted_run(visit: Visit, against: str) -> KeptRun | None:
    """As `other_run`, for a caller who must not be given another column than they asked for.

    Raises:
        ValueError: `against` is neither `reference` nor another run of the visit; names those there are.
    """
    beside = other_run(visit, against)
    if against != REFERENCE and beside is None:
        numbers = ", ".join(str(kept.number) for kept in visit.runs if kept is not visit.last)
        raise ValueError(
            f"There is no other run {against!r} to hold against: choose {REFERENCE}"
            f"{f', or one of {numbers}' if numbers else ''}."
        )
    return beside


def other(studio: Studio, visit: Visit, against: str | None) -> Other:
    """What stands beside the current run, as far as it is known."""
    kept = other_run(visit, against)
    if kept is None:
        return Other(REFERENCE_TITLE, "reference", known(studio.reference()))
    return Other(kept.name, kept.name, kept.evaluation)


def waiting(studio: Studio, kept: KeptRun, beside: KeptRun | None = None) -> Iterator[str]:
    """Compute what a comparison needs and is not there yet; yields what is being done, some times a second.

    Args:
        beside: another run that is held against this one.
    """
    futures = [(studio.before(), "the original model"), (studio.reference(), "the retrained reference")]
    runs = [kept] if beside is None else [kept, beside]
    total = len(runs) + sum(future is not None for future, _ in futures)
    for number, each in enumerate(runs, start=1):
        if each.evaluation is None:
            yield f"Asking the model of {each.name} ({number} of {total})"
            each.evaluation = evaluate(each.model, studio.corpus)
    for number, (future, who) in enumerate(futures, start=len(runs) + 1):
        while future is not None and not future.done():
            yield f"Asking {who} ({number} of {total})"
            time.sleep(WAIT_SECONDS)
        if future is not None:
            future.result()


def known(future: Future[Evaluation] | None) -> Evaluation | None:
    """The evaluation, if it is there; None while it is computed."""
    return future.result() if future is not None and future.done() else None


def side_by_side(before: Evaluation | None, after: Evaluation, beside: Evaluation | None) -> list[Asked]:
    """(before, after, beside) for every question, in the order they were asked."""
    if before is None:
        raise ValueError("The original model's answers are not there yet: try again in a few seconds.")
    thirds = beside.answers if beside is not None else (None,) * len(after.answers)
    return list(zip(before.answers, after.answers, thirds, strict=True))


# In HTML -------------------------------------------------------------------------------------------------------------


def cards_html(before: Evaluation | None, after: Evaluation, beside: Other) -> str:
    """A card per figure: before and after, the good direction, what it is held against, n, and one sentence."""
    cards = [_card(metric, before, after, beside) for metric in METRICS if metric.name in after.metrics]
    return f'<div class="pg-cards">{"".join(cards)}</div>'


def _card(metric: Metric, before: Evaluation | None, after: Evaluation, beside: Other) -> str:
    now = after.metrics[metric.name]
    was = before.metrics.get(metric.name) if before else None
    target = beside.evaluation.metrics.get(metric.name) if beside.evaluation else None
    arrow, direction = ("↑", "higher is better") if metric.higher_is_better else ("↓", "lower is better")
    n = count(after.counts[metric.name], metric.noun)
    marks = "".join(
        f'<i class="pg-{kind}" style="left:{100 * value:.1f}%"></i>'
        for kind, value in (("was", was), ("target", target), ("now", now))
        if value is not None
    )
    return (
        f'<section class="pg-metric" data-metric="{metric.name}"><h4>{metric.title}</h4>'
        f'<p class="pg-figure">{_number(was)} <span aria-label="to">→</span> <b>{now:.2f}</b></p>'
        f'<div class="pg-scale" aria-hidden="true">{marks}</div>'
        f'<p class="pg-direction">{arrow} {direction}; {escape(beside.word)} {_number(target)}</p>'
        f'<p class="pg-soft">{metric.sentence} <span class="pg-n">n = {n}</span></p></section>'
    )


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def table_html(
    rows: Sequence[Asked],
    title: str = REFERENCE_TITLE,
    numbers: Sequence[int] = (),
    opened: tuple[int, str] | None = None,
) -> str:
    """Question, before, after, and the column of that title; facts underlined, changed words marked.

    Args:
        numbers: what each row is told to be when its tokens are asked for; none for a table without that button.
        opened: the number of the row that is open, and the HTML that stands under it.
    """
    if not rows:
        return '<p class="pg-empty">No answer of this kind: choose other questions above.</p>'
    named: Sequence[int | None] = numbers or (None,) * len(rows)
    body = "".join(_row(row, title, number, opened) for row, number in zip(rows, named, strict=True))
    return (
        '<table class="pg-answers"><thead><tr><th>Question</th><th>Before</th><th>After this run</th>'
        f"<th>{escape(title)}</th></tr></thead><tbody>{body}</tbody></table>"
    )


def _row(row: Asked, title: str, number: int | None, opened: tuple[int, str] | None) -> str:
    before, after, beside = row
    under = opened[1] if opened is not None and opened[0] == number else ""
    button = "" if number is None else _button(number, before.question, bool(under))
    return (
        f'<tr data-split="{before.split}"><td data-title="Question"><span class="pg-chip">{SPLIT_TITLES[before.split]}'
        f"</span> {escape(before.question)}{button}</td>"
        f'<td data-title="Before">{with_facts(before.answer, before.facts)}</td>'
        f'<td data-title="After">{_changed(before, after)}</td>'
        f'<td data-title="{escape(title)}">{_changed(before, beside) if beside else ""}</td></tr>'
        + (f'<tr class="pg-under"><td colspan="4">{under}</td></tr>' if under else "")
    )


def _button(number: int, question: str, is_open: bool) -> str:
    return (
        f'&emsp;<button type="button" class="pg-pick" data-row="{number}" aria-expanded="{str(is_open).lower()}" '
        f'aria-label="Tokens of the answer to: {escape(question)}">{"Close" if is_open else "Tokens"}</button>'
    )


def _changed(before: Answer, other: Answer) -> str:
    if other.answer == before.answer:
        return '<span class="pg-soft">unchanged</span>'
    if not other.answer:
        return '<span class="pg-soft">(no answer)</span>'
    shown = differences(before.answer, other.answer[:LONGEST])
    rest = len(other.answer) - LONGEST
    return shown if rest <= 0 else f'{shown} <span class="pg-soft">… and {count(rest, "more character")}</span>'
