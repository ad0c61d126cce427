"""Curves as pure functions of steps."""

from __future__ import annotations

import math

from app.look.figures import run_curves, steps_frame
from unlearn import Step
from unlearn.metrics import Probe


def step(number: int, probe: Probe | None = None) -> Step:
    return Step(number, 10, -0.5, 0.1, 0.5 * number, float(number), 10.0 - number, probe)


def test_a_frame_has_a_row_per_step_and_gaps_between_probes() -> None:
    frame = steps_frame([step(1, Probe(1.0, 0.9, None)), step(2)])
    assert list(frame["step"]) == [1, 2]
    assert frame["forget_recall"][0] == 1.0
    assert math.isnan(frame["forget_recall"][1])
    assert math.isnan(frame["structure"][0])


def test_every_curve_is_drawn_in_its_own_panel() -> None:
    probes = [Probe(1.0, 0.9, 1.0), None, Probe(0.5, 0.8, 0.95)]
    figure = run_curves(steps_frame([step(i + 1, probe) for i, probe in enumerate(probes)]), 10)
    panels = {trace.name: trace.xaxis for trace in figure.data}
    assert len({panels["forget recall"], panels["retain recall"], panels["structure"], panels["forget"]}) == 4
    assert panels["forget"] == panels["retain"]
    (recall,) = [trace for trace in figure.data if trace.name == "forget recall"]
    assert list(recall.x) == [1, 3] and list(recall.y) == [1.0, 0.5]


def test_no_steps_give_empty_panels() -> None:
    figure = run_curves(steps_frame([]), 10)
    assert all(len(trace.x) == 0 for trace in figure.data)
