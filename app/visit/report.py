"""One HTML file that holds a whole comparison and opens from disk with no network."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from app.look.answers import REFERENCE, SPLIT_TITLES, Asked, Other, cards_html, results_html, table_html
from app.look.drawing import Line, line_chart
from app.look.figures import PANELS, steps_frame
from app.look.markup import count, describe, duration, escape
from app.visit.comparison import known, other, side_by_side
from app.visit.export import Download
from app.visit.session import KeptRun, Visit
from app.visit.trials import found
from attribution.lanes import lanes_html, lanes_props
from attribution.version import VERSION, commit
from unlearn import Evaluation, RunConfig

TITLE = "Forget Lens: report"


def make_report(
    visit: Visit,
    against: str | None = REFERENCE,
    state: Mapping[str, Any] | None = None,
    most: int | None = None,
) -> Download:
    """The row in view, the current run, its figures and its answers, as far as they are known.

    Args:
        against: what the run is held against, as in `app.visit.comparison.other`.
        state: how the lanes are shown, in the shape of their `view` event.
        most: answers of each kind at most; None for all.

    Raises:
        ValueError: `state` does not fit the row in view.
    """
    studio, kept = visit.studio, visit.last
    scores = visit.scores or studio.opening
    before, beside = known(studio.before()), other(visit, against)
    parts = []
    if kept is not None:
        parts.append(_run_html(kept))
        if before is not None and kept.evaluation is not None:
            parts += _compared(before, kept.evaluation, beside, most)
        if kept.stressed:
            parts += ["<h2>Does it come back?</h2>", results_html(found(visit))]
    made = f"Forget Lens {VERSION}, commit {commit()}"
    about = f"{escape(studio.model.name)} on {escape(studio.corpus.name)}"
    above = f'<p class="pg-report-about">Model and rows: {about}. Made with {escape(made)}.</p>'
    below = f'<div class="gradio-container"><div class="contain pg-report">{"".join(parts)}</div></div>'
    text = lanes_html(lanes_props(scores, state), TITLE, above, below, _style())
    number = f"-{kept.number}" if kept is not None else ""
    return Download(f"forget-lens-report{number}.html", "text/html", text)


@cache
def _style() -> str:
    """The page's own rules, and what a report has besides."""
    folder = Path(__file__).resolve().parents[1] / "look"
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in ("page.css", "report.css"))


def _compared(before: Evaluation, after: Evaluation, beside: Other, most: int | None) -> list[str]:
    """Cards, then a foldable table of answers for each kind of question."""
    rows = side_by_side(before, after, beside.evaluation)
    parts = ["<h2>Figures, before and after</h2>", cards_html(before, after, beside), "<h2>Answers</h2>"]
    for split, title in SPLIT_TITLES.items():
        mine = [row for row in rows if row[0].split == split]
        if mine:
            parts.append(_answers_html(title, mine[:most], len(mine), beside.title, split == "forget"))
    return parts


def _answers_html(title: str, rows: list[Asked], total: int, column: str, opened: bool) -> str:
    shown = count(total, "question") if len(rows) == total else f"{len(rows)} of {count(total, 'question')}"
    return (
        f'<details class="pg-card"{" open" if opened else ""}><summary>{title}: {shown}</summary>'
        f"{table_html(rows, column)}</details>"
    )


def _run_html(kept: KeptRun) -> str:
    """What was trained and how it went: a sentence, the curves, every number and every setting."""
    how = "stopped after" if kept.stopped else "done in"
    gone_back = "" if kept.rolled_back_to is None else f" The weights are those of step {kept.rolled_back_to}."
    notes = gone_back + "".join(f" {escape(note)}" for note in kept.notes)
    frame = steps_frame(kept.steps)
    charts = "".join(
        line_chart(
            title,
            [
                Line(
                    name,
                    colour,
                    [(x, y) for x, y in frame[["step", column]].dropna().itertuples(index=False)],
                    column == "retain_loss",
                )
                for column, name, colour in lines
            ],
            kept.config.steps,
            (0.0, 1.0) if limits else None,
        )
        for title, lines, limits in PANELS
    )
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in frame.columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{'' if value != value else f'{value:.4g}'}</td>" for value in row) + "</tr>"
        for row in frame.itertuples(index=False)
    )
    return (
        f'<section class="pg-card"><h2>{escape(kept.name)}: {escape(describe(kept.config))}</h2>'
        f'<p class="pg-soft">{len(kept.steps)} of {count(kept.config.steps, "step")}, {how} {duration(kept.seconds)}. '
        f"Measured on 32 rows of each kind; losses: solid to forget, dotted to keep.{notes}</p>"
        f'<div class="pg-charts">{charts}</div>'
        f'<details><summary>Every step in numbers</summary><table class="pg-numbers"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></details>"
        f"<details><summary>Every setting</summary>{_settings_html(kept.config)}</details></section>"
    )


def _settings_html(config: RunConfig) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in config.to_dict().items()
    )
    return f'<table class="pg-numbers"><tbody>{rows}</tbody></table>'
