"""Figures, answers and stresses side by side, as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.look.markup import count, differences, escape, with_facts
from unlearn import Evaluation
from unlearn.metrics import MAIN_FIGURES, Answer, MetricInfo, metric_info
from unlearn.stress import KINDS, Stress

ALL = "all"
SPLIT_TITLES = {"forget": "Forget", "paraphrase": "Paraphrase", "retain": "Retain", "world": "World"}
# A model that has lost its speech repeats itself for ever; the CSV has every character.
LONGEST = 200
REFERENCE, REFERENCE_TITLE = "reference", "Never taught (reference)"
MODELS = {"run": "This run", "original": "The original", REFERENCE: REFERENCE_TITLE}
"""What is put under stress, with the heads of its columns."""
# Rows asked in a stress and in a race: enough to see a fact come back or go, few enough to wait for.
FORGET_ROWS, KEEP_ROWS = 80, 60

Asked = tuple[Answer, Answer, Answer | None]
"""One question's answers: the original model's, the run's, and that of what it is held against."""


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


def cards_html(before: Evaluation | None, after: Evaluation, beside: Other) -> str:
    """A card per figure: before and after, the good direction, what it is held against, n, and one sentence."""
    cards = [_card(metric_info(name), before, after, beside) for name in MAIN_FIGURES if name in after.metrics]
    return f'<div class="pg-cards">{"".join(cards)}</div>'


def _card(metric: MetricInfo, before: Evaluation | None, after: Evaluation, beside: Other) -> str:
    now = after.metrics[metric.name]
    was = before.metrics.get(metric.name) if before else None
    target = beside.evaluation.metrics.get(metric.name) if beside.evaluation else None
    arrow, direction = ("↑", "higher is better") if metric.better == "higher" else ("↓", "lower is better")
    n = count(after.counts[metric.name], metric.of.removesuffix("s"))
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


def results_html(results: Mapping[str, Mapping[str, Sequence[Stress]]]) -> str:
    """A row per stress, a column per model; each with recall before and under it."""
    mine = [one for kind in KINDS for one in results.get("run", {}).get(kind, ())]
    if not mine:
        return ""
    columns = [who for who in MODELS if results.get(who)]
    head = "".join(f'<th scope="col">{MODELS[who]}</th>' for who in columns)
    body = ""
    for one in mine:
        cells = ""
        for who in columns:
            same = (each for each in results[who].get(one.kind, ()) if each.title == one.title)
            cells += f'<td data-title="{MODELS[who]}">{_cell(next(same, None))}</td>'
        body += f'<tr><th scope="row">{escape(one.kind.capitalize())}<br>'
        body += f'<span class="pg-soft">{escape(one.title)}</span></th>{cells}</tr>'
    return (
        f'<table class="pg-answers pg-stresses"><thead><tr><th scope="col">Stress</th>{head}</tr></thead>'
        f'<tbody>{body}</tbody></table><p class="pg-soft">{escape(mine[0].measure.capitalize())}, before → under '
        f"stress, on {FORGET_ROWS} rows to forget and {KEEP_ROWS} to keep at most. Read it beside the model that was "
        "never taught: guesses come back too.</p>"
    )


def _cell(one: Stress | None) -> str:
    if one is None:
        return '<span class="pg-soft">not measured</span>'
    kept = ""
    if "retain_before" in one.detail:
        n = f'<span class="pg-n">n = {one.detail["retain_n"]:.0f}</span>'
        kept = f"<br>to keep {one.detail['retain_before']:.2f} → <b>{one.detail['retain_after']:.2f}</b> {n}"
    return f'to forget {one.before:.2f} → <b>{one.after:.2f}</b> <span class="pg-n">n = {one.n}</span>{kept}'
