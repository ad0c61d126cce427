"""What one watches a run by: its progress, curves, a sample answer and the tokens that it trains."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import gradio as gr

from app.look.figures import run_curves, steps_frame
from app.look.markup import block, duration
from app.look.texts import say
from app.rooms.unlearn.words import (
    CURVES_NOTE,
    IDLE,
    advice,
    advice_html,
    done_html,
    progress_html,
    rescue_words,
    sample_html,
    tokens_html,
    way_on,
)
from app.visit.kept_run import KeptRun
from app.visit.studio import Studio
from app.visit.training import Training
from unlearn import RunConfig

# Curves are redrawn with every probe and at least this often.
REDRAW_SECONDS = 0.5


class RunWatch:
    """The widgets beside the form; what the buttons do is the room's."""

    def build(self, proof: str) -> None:
        """Lay them out, with the tokens that a run would train."""
        self.status = block(IDLE, elem_id="status")
        self.rescue = gr.Button(visible=False, elem_id="rescue", elem_classes="pg-rescue")
        self.curves = gr.Plot(visible=False, show_label=False, elem_id="curves", container=False)
        self.caption = block(elem_id="curves-note")
        self.sample = block(elem_id="sample")
        self.proof = block(proof, elem_id="proof")
        self.onward = gr.Button(say("to_compare"), visible=False, elem_id="to-compare", variant="primary")

    @property
    def outputs(self) -> list[Any]:
        """All of them."""
        return [self.status, self.rescue, self.curves, self.caption, self.sample, self.proof, self.onward]

    def drawn(self, trainings: Iterator[Training], studio: Studio) -> Iterator[dict[Any, Any]]:
        """A run as it trains: what changes with each of its states."""
        redrawn = 0.0
        for training in trainings:
            steps, config = training.steps, training.config
            if not steps:
                yield self._begun(config)
                continue
            last, lost = steps[-1], advice(steps)
            update: dict[Any, Any] = {
                self.status: progress_html(
                    last.number,
                    last.of,
                    f"{duration(last.seconds_left)} left",
                    advice_html(lost and f"{lost} {way_on(training.way_back)}"),
                ),
                self.sample: _sample(training, studio),
            }
            due = last.probe is not None or time.monotonic() - redrawn > REDRAW_SECONDS
            # Live weights move; others are the same to the end.
            if len(steps) == 1 or (due and (config.score_every or config.learn == "alternate")):
                update[self.proof] = _proof(training, studio)
            if due:
                update[self.curves] = run_curves(steps_frame(steps), config.steps)
                redrawn = time.monotonic()
            yield update

    def _begun(self, config: RunConfig) -> dict[Any, Any]:
        first = "Learning the scorer in a first run" if config.learn == "refit" else "Scoring every row to forget"
        return {
            self.status: progress_html(0, config.steps, first),
            self.rescue: gr.update(visible=False),
            self.curves: gr.update(value=run_curves(steps_frame([]), config.steps), visible=True),
            self.caption: CURVES_NOTE,
            self.sample: "",
            self.proof: "",
            self.onward: gr.update(visible=False),
        }

    def shown(self, kept: KeptRun | None, studio: Studio) -> dict[Any, Any]:
        """At rest: a run that has ended, or the invitation to start one."""
        if kept is None:
            return {
                self.status: IDLE,
                self.rescue: gr.update(visible=False),
                self.curves: gr.update(visible=False),
                self.caption: "",
                self.sample: "",
                self.proof: "",
                self.onward: gr.update(visible=False),
            }
        figure = run_curves(steps_frame(kept.steps), kept.config.steps, kept.rolled_back_to)
        return {
            self.status: done_html(kept),
            self.rescue: gr.update(visible=bool(rescue_words(kept)), value=rescue_words(kept)),
            self.curves: gr.update(value=figure, visible=True),
            self.caption: CURVES_NOTE,
            self.sample: _sample(kept, studio),
            self.proof: _proof(kept, studio),
            self.onward: gr.update(visible=True),
        }


def _sample(run: Training | KeptRun, studio: Studio) -> str:
    question = studio.corpus.forget[run.row].example.prompt
    return sample_html(question, studio.answer_before(run.row), run.samples)


def _proof(run: Training | KeptRun, studio: Studio) -> str:
    """The tokens of one row with the weights that the run trains them with."""
    encoded = studio.model.encode(studio.corpus.forget[run.row].example)
    return tokens_html("What this run trains in this row", encoded, run.selections[run.row])
