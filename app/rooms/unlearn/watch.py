"""What stands beside the form of a run: the run as it trains and at rest, and the list of the runs of a visit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from app.look.figures import run_curves, steps_frame
from app.look.markup import block, duration, progress_html
from app.look.texts import say
from app.rooms.pace import CURVES_SECONDS, WORDS_SECONDS, Pace
from app.rooms.unlearn.words import (
    CURVES_NOTE,
    IDLE,
    advice,
    advice_html,
    done_html,
    kept_words,
    rescue_words,
    sample_html,
    tokens_html,
    way_on,
)
from app.visit.session import LONGEST_NAME, KeptRun, Training, Visit
from app.visit.studio import Studio
from unlearn import RunConfig


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

    def drawn(self, trainings: Iterator[Training], studio: Studio) -> Iterator[tuple[Training, dict[Any, Any]]]:
        """A run as it trains: each state that is shown, and what changes with it."""
        words, curves = Pace(WORDS_SECONDS), Pace(CURVES_SECONDS)
        for number, training in enumerate(trainings):
            steps, config = training.steps, training.config
            # A run that is taken up may be anywhere.
            begun = {} if number else self._begun(config)
            if not steps:
                yield training, begun
                continue
            last = steps[-1]
            if number and not words.due(at_once=last.probe is not None or last.number in (1, config.steps)):
                continue
            lost = advice(training)
            update: dict[Any, Any] = {
                **begun,
                self.status: progress_html(
                    last.number,
                    last.of,
                    f"{duration(last.seconds_left)} left",
                    advice_html(lost and f"{lost} {way_on(training.way_back)}"),
                ),
                self.sample: _sample(training, studio),
            }
            due = curves.due(at_once=last.probe is not None)
            # Live weights move; others are the same to the end.
            if len(steps) == 1 or begun or (due and (config.score_every or config.learn == "alternate")):
                update[self.proof] = _proof(training, studio)
            if due:
                update[self.curves] = gr.update(value=run_curves(steps_frame(steps), config.steps), visible=True)
            yield training, update

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


class KeptRuns:
    """The widgets of the list; what they do is the room's."""

    def build(self) -> None:
        """Lay the list out, empty."""
        with gr.Column(visible=False, elem_classes="pg-kept", elem_id="kept-runs") as self.column:
            self.runs = gr.Radio([], label=say("kept_runs"), elem_id="kept-list")
            with gr.Row(elem_classes="pg-naming"):
                self.name = gr.Textbox(
                    label=say("run_name"), max_length=LONGEST_NAME, elem_id="run-name", scale=1, min_width=120
                )
                self.rename = gr.Button(say("rename"), elem_id="rename", size="sm", scale=0, min_width=90)
            self.undo_to = gr.Button(say("undo_to"), elem_id="undo-to", size="sm", visible=False)

    @property
    def outputs(self) -> list[Any]:
        """What `shown` writes to."""
        return [self.column, self.runs, self.name, self.rename, self.undo_to]

    def shown(self, visit: Visit) -> dict[Any, Any]:
        """The runs of a visit, the latest first, the current one chosen."""
        kept = visit.last
        if kept is None:
            return {self.column: gr.update(visible=False)}
        # The first line is the name, which the stylesheet sets apart.
        choices = [(f"{each.name}\n{kept_words(each)}", each.number) for each in reversed(visit.runs)]
        return {
            self.column: gr.update(visible=True),
            self.runs: gr.update(choices=choices, value=kept.number, interactive=True),
            self.name: gr.update(value=kept.name),
            self.rename: gr.update(interactive=True),
            self.undo_to: gr.update(visible=kept is not visit.runs[-1], interactive=True),
        }

    def held(self) -> dict[Any, Any]:
        """The list while a run trains: to be read alone."""
        still = gr.update(interactive=False)
        return {self.runs: still, self.rename: still, self.undo_to: still}
