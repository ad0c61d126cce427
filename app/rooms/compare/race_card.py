"""The race of arms as a part of Compare: its button, its curves, its table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import gradio as gr

from app.look.figures import race_curves
from app.look.markup import alert, block, count, escape
from app.rooms.compare.race import ARMS, STEPS, TITLES, Race, is_marked, make_arms, run_race
from app.rooms.unlearn.words import progress_html
from app.visit.run_config import form_config
from app.visit.session import Visits
from app.visit.studio import Studio


class RaceCard:
    """The part of Compare that races the visible cut against what it should beat."""

    def __init__(self, studio: Studio, visits: Visits) -> None:
        self.studio = studio
        self.visits = visits

    def build(self) -> None:
        """Lay the card out."""
        with gr.Column(elem_classes="pg-card"):
            with gr.Row(elem_classes="pg-line pg-ask"):
                block(HEAD)
                self.steps = gr.Slider(
                    5,
                    self.studio.settings.max_steps,
                    value=min(STEPS, self.studio.settings.max_steps),
                    step=1,
                    label="Steps per arm",
                    elem_id="race-steps",
                    scale=0,
                    min_width=240,
                )
                with gr.Row(elem_classes="pg-buttons"):
                    self.go = gr.Button("Race", variant="primary", elem_id="race", scale=0, min_width=100)
                    self.halt = gr.Button(
                        "Stop", variant="stop", elem_id="race-stop", scale=0, min_width=80, interactive=False
                    )
            self.status = block(elem_id="race-status")
            self.curves = gr.Plot(visible=False, show_label=False, elem_id="race-curves", container=False)
            self.table = block(elem_id="race-table")

    @property
    def outputs(self) -> list[Any]:
        """What a race writes to."""
        return [self.go, self.halt, self.status, self.curves, self.table]

    def start(
        self, cut: dict[str, Any], values: Mapping[str, Any], steps: float, request: gr.Request
    ) -> Iterator[dict[Any, Any]]:
        """Race, and draw every point as it is measured.

        Args:
            cut: the rule that is visible in Inspect.
            values: of the form in Unlearn, whose settings every arm has.
            steps: of each arm.
        """
        rest = {self.go: gr.update(interactive=True), self.halt: gr.update(interactive=False)}
        try:
            visit = self.visits.of(request.session_hash)
            studio = visit.studio or self.studio
            config = form_config({**values, "strategy": "hard", "steps": steps}, cut, studio.settings)
            arms = make_arms(config, values["softness"], tuple(ARMS), is_marked(studio.corpus))
            yield {
                self.go: gr.update(interactive=False),
                self.halt: gr.update(interactive=True),
                self.status: progress_html(0, len(arms) * config.steps, "Measuring the original model"),
                self.table: "",
            }
            drawn = 0
            for state in run_race(studio, visit, arms):
                points = sum(len(trial.points) for trial in state.trials)
                update: dict[Any, Any] = {self.status: status_html(state)}
                if points != drawn:
                    figure = race_curves(state.trials, state.forgetting, state.kept, TITLES)
                    update[self.curves] = gr.update(value=figure, visible=True)
                    drawn = points
                if state.ended:
                    update |= {self.table: table_html(state), **rest}
                yield update
        except ValueError as error:
            yield {self.status: alert(str(error)), **rest}

    def stop(self, request: gr.Request) -> None:
        """Ask the arm that is running to end after its step; no other begins."""
        self.visits.of(request.session_hash).stop()


HEAD = (
    '<div><h3 class="pg-title">The race of arms</h3><p class="pg-soft">Is it these tokens, or would any do? The cut '
    "that is visible in Inspect, hard and soft, against the whole sequence, as many random tokens and the marked "
    "facts: the same run otherwise, one after another, with the settings of Unlearn.</p></div>"
)


def status_html(state: Race) -> str:
    """How far the race is, in words and as a bar."""
    number = len(state.trials)
    total = len(state.arms) * state.steps
    if state.ended:
        words = f"{state.ended}: {number} of {count(len(state.arms), 'arm')}"
        return progress_html(total if state.ended == "Done" else (number - 1) * state.steps + state.step, total, words)
    arm = state.arms[number - 1]
    words = f"Arm {number} of {len(state.arms)}: {arm.name}, {arm.title}"
    return progress_html((number - 1) * state.steps + state.step, total, words)


def table_html(state: Race) -> str:
    """Every arm where it ended and at equal forgetting, and what one seed is worth."""
    compared = state.compared()
    forgetting = TITLES[state.forgetting].lower()
    targets = compared.targets if compared is not None else ()
    head = "".join(f'<th scope="col">At {target:.2g} of {forgetting} left</th>' for target in targets)
    body = ""
    for trial in state.trials:
        last = trial.figures(trial.points[-1])
        kept = ", ".join(f"{TITLES[name].lower()} {last[name]:.2f}" for name in state.kept)
        cells = f"<td data-title='After its last step'>{forgetting} <b>{last[state.forgetting]:.2f}</b>, {kept}</td>"
        result = next((arm for arm in compared.arms if arm.arm == trial.arm), None) if compared is not None else None
        for k, target in enumerate(targets):
            said = "" if result is None else _at(result.at[k], state.kept, result.lowest)
            cells += f'<td data-title="At {target:.2g} left">{said}</td>'
        share = f"{trial.selected / trial.tokens:.0%} of tokens" if trial.tokens else ""
        note = f" {escape(trial.note)}" if trial.note else ""
        body += (
            f'<tr><th scope="row">{escape(trial.arm.capitalize())}<br><span class="pg-soft">{escape(trial.title)}; '
            f"{share}.{note}</span></th>{cells}</tr>"
        )
    first = state.trials[0]
    n = ", ".join(
        f"{TITLES[name].lower()} n = {sum(first.counts[name]):.0f}" for name in (state.forgetting, *state.kept)
    )
    return (
        '<table class="pg-answers pg-stresses"><thead><tr><th scope="col">Arm</th>'
        f'<th scope="col">After its last step</th>{head}</tr></thead><tbody>{body}</tbody></table>'
        f'<p class="pg-soft"><b>One seed.</b> {n}. Another seed, or other rows, moves these figures by some '
        "hundredths: read small differences as none. <code>python -m unlearn arms</code> runs several seeds and gives "
        "intervals and tests.</p>"
    )


def _at(reading: Any, kept: Sequence[str], lowest: float) -> str:
    if not reading.reached:
        return f'<span class="pg-soft">never: lowest {lowest:.2f}</span>'
    figures = ", ".join(f"{TITLES[name].lower()} <b>{reading.figures[name].value:.2f}</b>" for name in kept)
    return f'{figures} <span class="pg-soft">step&nbsp;{reading.step:.0f}</span>'
