"""Unlearn: train a copy of the model on exactly the visible cut, watch it, stop it, undo it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from app import markup
from app.figures import run_curves, steps_frame
from app.inspection import cut_words
from app.kept_run import Sample
from app.markup import alert, block, count, duration, escape, explained
from app.run_words import CURVES_NOTE, IDLE, advice, done_html, kept_html, progress_html, tokens_html
from app.session import Visit, Visits
from app.studio import OWN, SPLITS, Studio
from app.training import DEFAULTS, STRATEGIES, Training, make_config, make_rule, train
from attribution import Rule, Selection, TokenScores, select
from attribution.registry import scorer_info
from unlearn.objectives import OBJECTIVES
from unlearn.presets import SOFT_TEMPERATURE

# Curves are redrawn with every probe and at least this often.
REDRAW_SECONDS = 0.5


class UnlearnRoom:
    """The widgets of Unlearn and what they do."""

    def __init__(self, studio: Studio, visits: Visits) -> None:
        self.studio = studio
        self.visits = visits

    def build(self) -> None:
        """Lay the room out."""
        defaults = DEFAULTS
        with gr.Row(elem_classes="pg-room"):
            with gr.Column(elem_classes=["pg-card", "pg-form"], scale=2, min_width=320):
                self.cut = block(
                    self.cut_html(self.studio.opening, defaults.rule, "forget", self.studio), elem_id="unlearn-cut"
                )
                self.strategy = gr.Radio(
                    [(title, name) for name, title in STRATEGIES.items()],
                    value="hard",
                    label="What is pushed",
                    elem_classes="pg-segments",
                    elem_id="strategy",
                )
                self.temperature = gr.Slider(
                    0.05,
                    2.0,
                    value=SOFT_TEMPERATURE,
                    step=0.05,
                    label="Softness",
                    info="Small: nearly only the best token. Large: nearly all alike.",
                    visible=False,
                    elem_id="temperature",
                )
                self.objective = gr.Dropdown(
                    [(f"{objective.title}, {objective.paper}", name) for name, objective in OBJECTIVES.items()],
                    value=defaults.objective,
                    label="Objective",
                    elem_id="objective",
                )
                self.steps = gr.Slider(
                    5,
                    self.studio.settings.max_steps,
                    value=defaults.steps,
                    step=1,
                    label="Steps",
                    elem_id="steps",
                )
                self.rate = gr.Number(
                    defaults.learning_rate, label="Learning rate", minimum=0, step=1e-5, elem_id="rate"
                )
                self.estimate = block(self.estimate_html(defaults.steps, self.studio), elem_id="estimate")
                self.notice = block(elem_classes="pg-notice", elem_id="unlearn-notice")
                with gr.Row(elem_classes="pg-buttons"):
                    self.go = gr.Button("Start", variant="primary", elem_id="start", min_width=90)
                    self.halt = gr.Button("Stop", variant="stop", elem_id="stop", min_width=80, interactive=False)
                    self.back = gr.Button("Undo", elem_id="undo", min_width=80, interactive=False)
                self.kept = block(elem_id="kept-runs")
            with gr.Column(elem_classes=["pg-card", "pg-watch"], scale=5, min_width=320):
                self.status = block(IDLE, elem_id="status")
                self.curves = gr.Plot(visible=False, show_label=False, elem_id="curves", container=False)
                self.caption = block(elem_id="curves-note")
                self.sample = block(elem_id="sample")
                self.proof = block(elem_id="proof")
                self.onward = gr.Button("Compare the answers", visible=False, elem_id="to-compare", variant="primary")

    @property
    def outputs(self) -> list[Any]:
        """What a run and its undoing write to."""
        return [
            self.notice,
            self.go,
            self.halt,
            self.back,
            self.kept,
            self.status,
            self.curves,
            self.caption,
            self.sample,
            self.proof,
            self.onward,
            self.estimate,
        ]

    @property
    def form(self) -> dict[str, Any]:
        """The fields that a run is started with besides the cut, by the name they have in an address."""
        return {
            "strategy": self.strategy,
            "softness": self.temperature,
            "objective": self.objective,
            "steps": self.steps,
            "rate": self.rate,
        }

    # Before a run ----------------------------------------------------------------------------------------------------

    @explained
    def show_cut(self, rule: dict[str, Any], strategy: str, temperature: float, request: gr.Request) -> dict[Any, Any]:
        """Say in words what a run would train on: the cut that is visible in Inspect, under this strategy."""
        visit = self.visits.of(request.session_hash)
        studio = visit.studio or self.studio
        scores = visit.scores or studio.opening
        chosen = make_rule(rule, strategy, temperature)
        shown: dict[Any, Any] = {
            self.cut: self.cut_html(scores, chosen, visit.split, studio),
            self.temperature: gr.update(visible=strategy == "soft"),
        }
        if visit.last is None and visit.job is None:
            shown[self.proof] = tokens_html(
                "What a run would train in this row", scores.encoded, select(scores, chosen)
            )
        return shown

    def cut_html(self, scores: TokenScores, rule: Rule, split: str, studio: Studio) -> str:
        """The cut in words, and where it applies."""
        kept, total = sum(select(scores, rule).kept), len(scores)
        rows = count(len(studio.corpus.forget), "row")
        if rule.kind == "sequence":
            what = f"Every token of every answer, the end included ({total} of {total} in this row)"
        else:
            how = f"soft ({rule.cut:g})" if rule.kind == "soft" else cut_words(rule)
            what = f"{scorer_info(rule.scorer).title}, {how}: {kept} of {total} answer tokens of this row"
        where = f"Applied to all {rows} of {studio.corpus.name}"
        if split != "forget":
            where = (
                f"The row in view is {'your own' if split == OWN else 'from ' + SPLITS[split].lower()} and is not "
                f"trained on: the cut's rule is applied to all {rows} of {studio.corpus.name}"
            )
        return (
            f'<div class="pg-label">This cut</div><p class="pg-lead">{escape(what)}</p>'
            f'<p class="pg-soft">{escape(where)}.</p>'
        )

    def estimate_html(self, steps: float, studio: Studio) -> str:
        """How long a run will take and what it holds, from what a step was measured to take on this machine."""
        memory = f"{studio.run_megabytes:.0f} MB"
        pace = studio.seconds_per_step
        if pace is None:
            return f'<p class="pg-soft">Measuring how fast this machine trains; a run holds about {memory}.</p>'
        return (
            f'<p class="pg-soft">About <b>{duration(pace * steps)}</b> of training here '
            f"({pace:.2f} s a step, measured) and {memory} while it lasts.</p>"
        )

    def estimated(self, steps: float, request: gr.Request) -> str:
        """The estimate, after timing a few steps if nothing was timed yet."""
        studio = self.visits.of(request.session_hash).studio or self.studio
        studio.calibrate()
        return self.estimate_html(steps, studio)

    def known_estimate(self, steps: float, request: gr.Request) -> str:
        """The estimate as far as it is known, at once."""
        return self.estimate_html(steps, self.visits.of(request.session_hash).studio or self.studio)

    # The run ---------------------------------------------------------------------------------------------------------

    def start(
        self,
        rule: dict[str, Any],
        strategy: str,
        temperature: float,
        objective: str,
        steps: float,
        rate: float,
        request: gr.Request,
    ) -> Iterator[dict[Any, Any]]:
        """Train, and draw every step. What goes wrong is one sentence, and what was there stays."""
        try:
            config = make_config(make_rule(rule, strategy, temperature), objective, steps, rate, self.studio.settings)
            visit = self.visits.of(request.session_hash)
        except ValueError as error:
            yield {self.notice: alert(str(error))}
            return
        try:
            studio = visit.studio or self.studio
            yield from self._draw(train(studio, visit, config), studio)
            yield self.shown(visit)
        except ValueError as error:
            yield {**self.shown(visit), self.notice: alert(str(error))}

    def _draw(self, trainings: Iterator[Training], studio: Studio) -> Iterator[dict[Any, Any]]:
        drawn = 0.0
        for training in trainings:
            steps, config = training.steps, training.config
            if not steps:
                yield {
                    self.notice: "",
                    self.go: gr.update(interactive=False),
                    self.halt: gr.update(interactive=True),
                    self.back: gr.update(interactive=False),
                    self.status: progress_html(0, config.steps, "Scoring every row to forget"),
                    self.curves: gr.update(value=run_curves(steps_frame([]), config.steps), visible=True),
                    self.caption: CURVES_NOTE,
                    self.sample: "",
                    self.proof: "",
                    self.onward: gr.update(visible=False),
                }
                continue
            last = steps[-1]
            update: dict[Any, Any] = {
                self.status: progress_html(last.number, last.of, f"{duration(last.seconds_left)} left", advice(steps)),
                self.sample: self.sample_html(training.row, training.samples, studio),
            }
            if len(steps) == 1:
                update[self.proof] = self.proof_html(training.row, training.selections, studio)
            if last.probe is not None or time.monotonic() - drawn > REDRAW_SECONDS:
                update[self.curves] = run_curves(steps_frame(steps), config.steps)
                drawn = time.monotonic()
            yield update

    def stop(self, request: gr.Request) -> None:
        """Ask the run of this visit to end after the step it is at."""
        self.visits.of(request.session_hash).stop()

    @explained
    def undo(self, request: gr.Request) -> dict[Any, Any]:
        """Drop the last run; the one before it, if there is one, is shown again."""
        visit = self.visits.of(request.session_hash)
        visit.undo()
        return self.shown(visit)

    def shown(self, visit: Visit) -> dict[Any, Any]:
        """The room at rest: the last run that is kept, or the invitation to start one."""
        kept, studio = visit.last, visit.studio or self.studio
        buttons = {
            self.notice: "",
            self.go: gr.update(interactive=True),
            self.halt: gr.update(interactive=False),
            self.back: gr.update(interactive=kept is not None),
            self.onward: gr.update(visible=kept is not None),
            self.kept: kept_html(visit.runs),
        }
        if kept is None:
            return {
                **buttons,
                self.status: IDLE,
                self.curves: gr.update(visible=False),
                self.caption: "",
                self.sample: "",
                self.proof: "",
            }
        return {
            **buttons,
            self.status: done_html(kept),
            self.curves: gr.update(value=run_curves(steps_frame(kept.steps), kept.config.steps), visible=True),
            self.caption: CURVES_NOTE,
            self.sample: self.sample_html(kept.row, kept.samples, studio),
            self.proof: self.proof_html(kept.row, kept.selections, studio),
        }

    def sample_html(self, row: int, samples: Sequence[Sample], studio: Studio) -> str:
        """One question and how its answer stands, changes against the original model's answer marked."""
        if not samples:
            return ""
        question = studio.corpus.forget[row].example.prompt
        latest = samples[-1]
        return (
            f'<div class="pg-sample"><div class="pg-label">Asked at step {latest.step}</div>'
            f'<p class="pg-question">{escape(question)}</p>'
            f'<p class="pg-said">{markup.differences(studio.answer_before(row), latest.answer)}</p></div>'
        )

    def proof_html(self, row: int, selections: Sequence[Selection], studio: Studio) -> str:
        """The tokens of one row with the weights that the run trains them with."""
        encoded = studio.model.encode(studio.corpus.forget[row].example)
        return tokens_html("What this run trains in this row", encoded, selections[row])
