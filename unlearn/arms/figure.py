"""A comparison as one self-contained HTML page."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from unlearn.arms.comparison import Comparison
from unlearn.arms.table import HOW, text_table
from unlearn.arms.trial import Trial

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

COLOURS = ("#2E8CA6", "#C9772B", "#6B7A2A", "#8A5AA8", "#B8434E", "#4F6D8F", "#9A8A3C", "#3B9E77", "#A0577A", "#777777")


def figure(comparison: Comparison, trials: Sequence[Trial]) -> Figure:
    """Above, each kept figure against forgetting along the runs; below, the same at the first target with intervals."""
    from plotly.subplots import make_subplots

    names = comparison.figures
    titles = [name.replace("_", " ") for name in names]
    made = make_subplots(
        rows=2,
        cols=len(names),
        subplot_titles=[*titles, *(f"at {comparison.targets[0]:g} left" for _ in names)],
        vertical_spacing=0.14,
        horizontal_spacing=0.04,
    )
    for number, arm in enumerate(comparison.arms):
        colour = COLOURS[number % len(COLOURS)]
        runs = [trial for trial in trials if trial.arm == arm.arm]
        for column, name in enumerate(names, start=1):
            for k, trial in enumerate(runs):
                figures = [trial.figures(point) for point in trial.points]
                made.add_scatter(
                    x=[f[comparison.forgetting] for f in figures],
                    y=[f[name] for f in figures],
                    mode="lines+markers",
                    name=arm.arm,
                    legendgroup=arm.arm,
                    showlegend=column == 1 and k == 0,
                    line={"color": colour, "width": 1.2},
                    marker={"size": 4},
                    opacity=0.6,
                    customdata=[[trial.seed, point.step, point.update_size] for point in trial.points],
                    hovertemplate=f"{html.escape(arm.arm)}, seed %{{customdata[0]}}, step %{{customdata[1]}}<br>left "
                    "%{x:.3f}, kept %{y:.3f}<br>|&#916;&#952;| %{customdata[2]:.2f}<extra></extra>",
                    row=1,
                    col=column,
                )
            at = arm.at[0].figures[name]
            if at.value is not None and at.low is not None and at.high is not None:
                made.add_scatter(
                    x=[at.value],
                    y=[arm.arm],
                    error_x={"array": [at.high - at.value], "arrayminus": [at.value - at.low]},
                    mode="markers",
                    name=arm.arm,
                    legendgroup=arm.arm,
                    showlegend=False,
                    marker={"color": colour, "size": 8},
                    row=2,
                    col=column,
                )
    made.update_xaxes(title_text=f"{comparison.forgetting.replace('_', ' ')}: forgotten to the right", row=1)
    made.update_xaxes(autorange="reversed", row=1)
    made.update_yaxes(
        categoryorder="array",
        categoryarray=[arm.arm for arm in comparison.arms][::-1],
        range=[-0.5, len(comparison.arms) - 0.5],
        row=2,
    )
    for column in range(2, len(names) + 1):
        made.update_yaxes(showticklabels=False, row=2, col=column)
    made.update_layout(
        template="plotly_white", height=520 + 26 * len(comparison.arms), legend={"orientation": "h", "y": -0.12}
    )
    return made


def html_page(comparison: Comparison, trials: Sequence[Trial]) -> str:
    """Figure and tables in one file that opens from disk, with no network."""
    drawn = figure(comparison, trials).to_html(full_html=False, include_plotlyjs=True)
    tables = html.escape(text_table(comparison))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Arms at equal forgetting</title>'
        "<style>body{font:15px/1.5 system-ui,sans-serif;margin:24px;color:#1d2226}pre{overflow:auto;font-size:12px}"
        "</style></head><body><h1>Arms at equal forgetting</h1>"
        f"<p>{html.escape(HOW)} The reference is {html.escape(comparison.reference)}. An arm without a mark below "
        f"never got that far.</p>{drawn}<pre>{tables}</pre></body></html>\n"
    )
