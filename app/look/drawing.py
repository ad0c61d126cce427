"""Line charts as SVG text, for a file that opens without a script. The page itself draws with Plotly (`figures.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.look.markup import escape

WIDTH, HEIGHT = 420, 190
LEFT, RIGHT, TOP, BOTTOM = 40, 52, 30, 26
GRID_LINES = 3


@dataclass(frozen=True)
class Line:
    """One line of a chart: its name, its colour, and (x, y) from left to right."""

    title: str
    colour: str
    points: Sequence[tuple[float, float]]
    dotted: bool = False


def line_chart(title: str, lines: Sequence[Line], width: float, limits: tuple[float, float] | None = None) -> str:
    """Lines over 0 to `width`, each with its last value at its end.

    Args:
        limits: lowest and highest y; None fits 0 and what is drawn.
    """
    values = [y for line in lines for _, y in line.points]
    low, high = limits or (min([0.0, *values]), max(values, default=1.0))
    high = high if high > low else low + 1.0

    def across(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * x / (width or 1.0)

    def down(y: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (y - low) / (high - low)

    parts = [f'<text x="0" y="14" class="pg-chart-title">{escape(title)}</text>']
    for k in range(GRID_LINES):
        y = low + (high - low) * k / (GRID_LINES - 1)
        parts.append(
            f'<path d="M{LEFT} {down(y):.1f}H{WIDTH - RIGHT}" class="pg-chart-grid"/>'
            f'<text x="{LEFT - 6}" y="{down(y) + 4:.1f}" text-anchor="end">{y:.2g}</text>'
        )
    for x in (0, width):
        parts.append(f'<text x="{across(x):.1f}" y="{HEIGHT - 6}" text-anchor="middle">{x:g}</text>')
    for line in lines:
        if not line.points:
            continue
        path = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in line.points)
        dots = ' stroke-dasharray="2 4"' if line.dotted else ""
        end_x, end_y = line.points[-1]
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{line.colour}" stroke-width="2.5" '
            f'stroke-linejoin="round" stroke-linecap="round"{dots}/>'
            f'<text x="{across(end_x) + 6:.1f}" y="{down(end_y) + 4:.1f}" class="pg-chart-last">{end_y:.2f}</text>'
        )
    spoken = "; ".join(f"{line.title} ends at {line.points[-1][1]:.2f}" for line in lines if line.points)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}: {escape(spoken)}" '
        f'class="pg-chart">{"".join(parts)}</svg>'
    )
