"""Plotly figures as pure functions of data frames. Ink, grid and background come from the page's CSS, light or dark."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from unlearn import Step
from unlearn.arms import Trial
from unlearn.arms.figure import COLOURS
from unlearn.depth import KNOWS_NATS, DepthRow
from unlearn.metrics import Probe, metric_info

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# Readable on the light and on the dark panel alike.
ACCENT, SECOND = "#2E8CA6", "#C9772B"
PANELS: tuple[tuple[str, tuple[tuple[str, str, str], ...], tuple[float, float] | None], ...] = (
    ("Forget recall ↓", (("forget_recall", "forget recall", SECOND),), (-0.04, 1.08)),
    ("Retain recall ↑", (("retain_recall", "retain recall", ACCENT),), (-0.04, 1.08)),
    ("Structure, speaks ↑", (("structure", "structure", ACCENT), ("speaks", "speaks", ACCENT)), (-0.04, 1.08)),
    ("Losses, nats", (("forget_nll", "forget", SECOND), ("retain_loss", "retain", ACCENT)), None),
)
"""The small multiples: title with the good direction, (column, name, colour) of each line, range of the axis."""
DOTTED = ("retain_loss", "speaks")


def steps_frame(steps: Sequence[Step]) -> pd.DataFrame:
    """A row per step: step, forget_nll, retain_loss, and the figures of its probe (NaN where there is none)."""
    columns = ["step", "forget_nll", "retain_loss", *(one.name for one in dataclasses.fields(Probe))]
    records = [
        {
            "step": step.number,
            "forget_nll": step.forget_nll,
            "retain_loss": step.retain_loss,
            **(step.probe.to_dict() if step.probe else {}),
        }
        for step in steps
    ]
    return pd.DataFrame(records, columns=columns).astype(float)


def run_curves(frame: pd.DataFrame, steps: int, back_at: int | None = None) -> Figure:
    """Four small panels over the steps of a run: both recalls, structure with speech, and the two losses.

    Args:
        frame: what `steps_frame` returns.
        steps: how many the run will have; the width of every panel.
        back_at: the step that the model went back to, marked by a line.
    """
    # Half a second of import that the page does not need to open.
    from plotly.subplots import make_subplots

    figure = make_subplots(
        rows=2, cols=2, subplot_titles=[title for title, _, _ in PANELS], horizontal_spacing=0.12, vertical_spacing=0.2
    )
    for place, (_, lines, limits) in enumerate(PANELS):
        row, column = place // 2 + 1, place % 2 + 1
        ends: list[float] = []
        for name, title, colour in lines:
            known = frame[["step", name]].dropna()
            figure.add_scatter(
                x=known["step"],
                y=known[name],
                name=title,
                mode="lines+markers" if limits else "lines",
                line={"color": colour, "width": 2.5, "dash": "dot" if name in DOTTED else "solid"},
                marker={"size": 5},
                hovertemplate=f"{title} %{{y:.2f}}<br>step %{{x}}<extra></extra>",
                row=row,
                col=column,
            )
            if len(known):
                end = float(known[name].iloc[-1])
                # Two lines that end together would write their numbers over each other.
                beside = limits is not None and any(abs(end - other) < 0.12 for other in ends)
                figure.add_annotation(_last_value(known, name, place) | ({"yshift": -12} if beside else {}))
                ends.append(end)
        figure.update_yaxes(range=limits, row=row, col=column, **_AXIS, nticks=3 if limits else 4)
    if back_at is not None:
        figure.add_vline(x=back_at, line={"color": ACCENT, "width": 1.5, "dash": "dash"})
    figure.update_xaxes(range=[0, steps * 1.22], **_AXIS, nticks=5, tickvals=_ticks(steps))
    figure.update_layout(
        height=380,
        margin={"l": 34, "r": 8, "t": 30, "b": 28},
        showlegend=False,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "inherit", "size": 12},
        hoverlabel={"font": {"size": 12}},
    )
    for title in figure.layout.annotations[: len(PANELS)]:
        title.update(font={"size": 13}, xanchor="left", x=title.x - 0.22 - 0.0, yshift=4)
    return figure


_AXIS: dict[str, Any] = {"zeroline": False, "fixedrange": True, "gridcolor": "rgba(128,140,145,.25)"}


def _ticks(steps: int) -> list[int]:
    return sorted({0, round(steps / 2), steps})


def _last_value(known: pd.DataFrame, name: str, place: int) -> dict[str, Any]:
    """The last number of a line, written at its end."""
    suffix = "" if not place else str(place + 1)
    return {
        "x": known["step"].iloc[-1],
        "y": known[name].iloc[-1],
        "xref": f"x{suffix}",
        "yref": f"y{suffix}",
        "text": f"{known[name].iloc[-1]:.2f}",
        "showarrow": False,
        "xanchor": "left",
        "xshift": 6,
        "font": {"size": 12},
    }


def race_curves(trials: Sequence[Trial], forgetting: str, kept: Sequence[str]) -> Figure:
    """What each arm keeps against what it has forgotten, along its run: a panel per kept figure, a line per arm.

    Args:
        forgetting: the figure that falls as the run goes on; the axis runs to the right as it falls.
        kept: the figures of the panels.
    """
    from plotly.subplots import make_subplots

    figure = make_subplots(
        rows=1,
        cols=max(1, len(kept)),
        subplot_titles=[f"{metric_info(name).title} \u2191" for name in kept],
        horizontal_spacing=0.1,
    )
    for number, trial in enumerate(trials):
        along = [trial.figures(point) for point in trial.points]
        for column, name in enumerate(kept, start=1):
            figure.add_scatter(
                x=[values[forgetting] for values in along],
                y=[values[name] for values in along],
                name=html.escape(trial.arm),
                legendgroup=trial.arm,
                showlegend=column == 1,
                mode="lines+markers",
                line={"color": COLOURS[number % len(COLOURS)], "width": 2.5},
                marker={"size": 7, "symbol": number},
                customdata=[[point.step] for point in trial.points],
                hovertemplate=f"{html.escape(trial.title)}, step %{{customdata[0]}}<br>left %{{x:.2f}}, kept %{{y:.2f}}"
                "<extra></extra>",
                row=1,
                col=column,
            )
    figure.update_xaxes(range=[1.04, -0.04], nticks=5, **_AXIS)
    for column, name in enumerate(kept, start=1):
        lowest = min(trial.figures(point)[name] for trial in trials for point in trial.points)
        # Arms that all keep nearly everything are still told apart; the axis says where it begins.
        figure.update_yaxes(range=[max(-0.04, min(0.88, lowest - 0.04)), 1.02], nticks=5, row=1, col=column, **_AXIS)
    # Once for both panels: under each it would not fit on a phone.
    across = {"xref": "paper", "yref": "paper", "x": 0.5, "y": -0.14, "yanchor": "top", "showarrow": False}
    figure.add_annotation(text=f"{metric_info(forgetting).title}: forgotten to the right", **across)
    figure.update_layout(
        height=340,
        margin={"l": 34, "r": 8, "t": 30, "b": 40},
        legend={"orientation": "h", "y": -0.28},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "inherit", "size": 12},
    )
    return figure


def depth_map(row: DepthRow) -> Figure:
    """One row's map: a line of cells per block, the first at the bottom, a column per answer token.

    Against a retrained model a cell is the share of the knowledge that is gone from the states after that block (empty
    where there was none); by the logit lens it is the nats by which the token is less probable. Tokens that are no
    facts stay empty.
    """
    from plotly.graph_objects import Figure as Plot
    from plotly.graph_objects import Heatmap

    def cell(block: int, place: int) -> float | None:
        if not row.facts[place]:
            return None
        missing = row.missing[block][place]
        if not row.known:
            return missing
        known = row.known[block][place]
        return min(1.0, max(0.0, missing / known)) if known > KNOWS_NATS else None

    places = range(len(row.tokens))
    cells = [[cell(block, place) for place in places] for block in range(len(row.missing))]
    said = [
        [
            f"{html.escape(row.tokens[place])}, after block {block + 1}<br>"
            + (f"missing {row.missing[block][place]:.2f} nats" if row.facts[place] else "no fact")
            + (f" of {row.known[block][place]:.2f}" if row.known and row.facts[place] else "")
            for place in places
        ]
        for block in range(len(row.missing))
    ]
    # By the lens the colour's middle is 0: a token may have become more probable.
    reach = max((abs(value) for line in cells for value in line if value is not None), default=1.0) or 1.0
    low, high = (0.0, 1.0) if row.known else (-reach, reach)
    colours = [[0, SECOND], [0.5, "rgba(128,140,145,.35)"], [1, ACCENT]]
    title = "gone" if row.known else "nats"
    figure = Plot(
        Heatmap(
            z=cells,
            text=said,
            hovertemplate="%{text}<extra></extra>",
            zmin=low,
            zmax=high,
            colorscale=colours,
            xgap=2,
            ygap=2,
            hoverongaps=False,
            colorbar={"title": {"text": title}, "thickness": 10, "nticks": 3},
        )
    )
    tokens = [html.escape(token.strip()) for token in row.tokens]
    figure.update_xaxes(tickvals=list(places), ticktext=tokens, fixedrange=True, showgrid=False)
    blocks = [f"block {block + 1}" for block in range(len(cells))]
    figure.update_yaxes(tickvals=list(range(len(cells))), ticktext=blocks, fixedrange=True, showgrid=False)
    figure.update_layout(
        height=150 + 26 * len(cells),
        margin={"l": 60, "r": 8, "t": 12, "b": 60},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "inherit", "size": 12},
    )
    return figure
