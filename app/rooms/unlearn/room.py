"""Unlearn: train a copy of the model on exactly the visible cut, watch it, stop it, undo it."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Protocol

import gradio as gr

from app.look.lanes import LANES_ID, read_rule
from app.look.markup import alert, block
from app.look.texts import say
from app.rooms.stage.frames import kept_frame, training_frame, waiting_frame
from app.rooms.unlearn.form import RunForm
from app.rooms.unlearn.watch import KeptRuns, RunWatch
from app.rooms.unlearn.words import (
    cut_html,
    estimate_html,
    foreseen_html,
    tokens_html,
)
from app.server.line import lasting
from app.visit.run_config import ITS_OWN, OWN_CUT, edits_of, form_config, form_values
from app.visit.session import Training, Visit
from app.visit.training import followed, foresee, plain, train
from app.visit.visits import LATEST, QUIET, TRAINING, Visits, explained
from attribution import TokenScores, by_hand, select
from unlearn import RunConfig
from unlearn.run.config import OURS
from unlearn.run.prediction import TRIAL_STEPS

DEFAULT_CUT = dataclasses.asdict(OURS.rule)
# Between two looks at the line.
LOOK_SECONDS = 0.5
# So many looks it may take until a run stands in line that was asked for just now.
FIRST_LOOKS = 4


class Stage(Protocol):
    """Where a run plays."""

    frame: gr.JSON
    rescue: gr.Button
    again: gr.Button
    asked: gr.Button


class UnlearnRoom:
    """The widgets of Unlearn and what they do.

    Attributes:
        form: the fields that a run is started with besides the cut.
        kept: the runs of the visit.
        watch: what the current run shows.
    """

    def __init__(self, visits: Visits, stage: Stage) -> None:
        self.visits = visits
        self.studio = visits.studio
        self.stage = stage
        self.form = RunForm(self.studio.settings.max_steps)
        self.kept = KeptRuns()
        self.watch = RunWatch()

    def build(self, rule: gr.JSON) -> None:
        """Lay the room out.

        Args:
            rule: holds the rule of the visible cut.
        """
        self.rule = rule
        # Pressed by page.js, when the visible cut is let go while this room is open.
        self.cut_set = gr.Button(elem_id="cut-set", visible="hidden")
        most = self.form.most_steps
        with gr.Row(elem_classes="pg-room"):
            with gr.Column(elem_classes=["pg-card", "pg-form"], scale=2, min_width=320):
                cut, estimate, proof = self._words(Visit(self.studio), form_values(OWN_CUT, most), DEFAULT_CUT)
                self.cut = block(cut, elem_id="unlearn-cut")
                self.form.build_choice()
                self.form.build_advanced()
                with gr.Column(elem_classes="pg-run-bar"):
                    self.estimate = block(estimate, elem_id="estimate")
                    self.ask = gr.Button(say("foresee"), elem_id="foresee", size="sm")
                    self.foreseen = block(elem_id="foreseen")
                    self.notice = block(elem_classes="pg-notice", elem_id="unlearn-notice")
                    with gr.Row(elem_classes="pg-buttons"):
                        self.go = gr.Button(say("start"), variant="primary", elem_id="start", min_width=90)
                        self.halt = gr.Button(
                            say("stop"), variant="stop", elem_id="stop", min_width=80, interactive=False
                        )
                        self.back = gr.Button(say("undo"), elem_id="undo", min_width=80, interactive=False)
                self.kept.build()
            with gr.Column(elem_classes=["pg-card", "pg-watch"], scale=5, min_width=320):
                self.watch.build(proof)

    @property
    def asking(self) -> dict[str, Any]:
        """What a listener is given that says which run is wanted: the visible cut and the form."""
        return {"inputs": self.inputs, "js": read_rule(LANES_ID)}

    @property
    def training(self) -> dict[str, Any]:
        """How a listener that trains is answered: its inputs, its line, and where it says how long it waits."""
        limit = self.studio.settings.runs_at_once
        return {
            **self.asking,
            **QUIET,
            **TRAINING,
            "concurrency_limit": limit,
            # Whoever waits for another's run sees their place in line and the time it will take.
            "show_progress": "minimal",
            "show_progress_on": self.watch.status,
        }

    def wire(self, tab: gr.Tab) -> list[Any]:
        """Listen to the widgets; returns the events after which another run, or none, is the current one.

        Args:
            tab: the room's own.
        """
        form, kept = self.form, self.kept
        training = {**self.training, "outputs": self.outputs}
        asking = self.asking

        # One listener, so that the latest is answered last: whoever enters and chooses at once would otherwise read of
        # what stood there before.
        changes = [tab.select, self.cut_set.click, form.strategy.input, form.softness.release, form.steps.release]
        changes += [form.fields[name].input for name in ("every", "lora", "rollback")]
        gr.on(changes, self.show, outputs=self.whole, **asking, **QUIET, **LATEST)
        form.preset.input(self.pick_preset, outputs=self.filled, **asking, **QUIET, **LATEST)
        form.objective.input(self.pick_objective, outputs=[self.notice, *form.outputs], **asking, **QUIET, **LATEST)

        trying = {**QUIET, **TRAINING, "show_progress": "minimal", "show_progress_on": self.foreseen}
        self.ask.click(self.foresee, outputs=[self.notice, self.foreseen], **asking, **trying)
        # Not in the queue: Stop must not wait behind the run that it stops.
        self.halt.click(self.stop, queue=False, **QUIET)
        # It waits without a thread: as many as there are may do so.
        self.stage.asked.click(self.wait, None, self.stage.frame, concurrency_limit=None, **QUIET)
        gr.on([kept.rename.click, kept.name.submit], self.rename, kept.name, self.outputs, **QUIET)
        return [
            self.stage.again.click(self.follow, None, self.outputs, **QUIET),
            self.go.click(self.start, **training),
            gr.on(
                [self.watch.rescue.click, self.stage.rescue.click],
                self.recover,
                **{**training, "inputs": None, "js": None},
            ),
            self.back.click(self.undo, None, self.outputs, **QUIET),
            kept.runs.input(self.pick, kept.runs, self.outputs, **QUIET),
            kept.undo_to.click(self.undo_to, None, self.outputs, **QUIET),
        ]

    @property
    def inputs(self) -> set[Any]:
        """What says which run is wanted. A set: the handlers are given a dict by widget.

        Gradio sorts it by age, so the cut, which stands in a room that is built before, is the first of them.
        """
        return {self.rule, *self.form.fields.values()}

    def asked(self, given: Mapping[Any, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """(the visible cut, the form's values by name), from what Gradio hands over of `inputs`."""
        return given[self.rule], {name: given[widget] for name, widget in self.form.fields.items()}

    @property
    def described(self) -> list[Any]:
        """What describing a run to be writes to."""
        return [self.notice, self.cut, self.form.softness, self.estimate, self.foreseen, self.watch.proof]

    @property
    def filled(self) -> list[Any]:
        """What filling the form writes to."""
        return list(dict.fromkeys([*self.described, *self.form.outputs]))

    @property
    def outputs(self) -> list[Any]:
        """What a run and its undoing write to."""
        buttons = [self.notice, self.go, self.halt, self.back, self.estimate, self.form.fields["rollback"]]
        return [*buttons, *self.kept.outputs, *self.watch.outputs, self.stage.frame]

    @property
    def whole(self) -> list[Any]:
        """What entering the room writes to."""
        return list(dict.fromkeys([*self.described, *self.outputs]))

    # Before a run ----------------------------------------------------------------------------------------------------

    @explained
    def show(self, given: dict[Any, Any], request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Say in words what a run would train on, and how long it takes; runs of a model that was left are gone."""
        visit, (cut, values) = self.visits.of(request.session_hash), self.asked(given)
        empty = visit.last is None and not visit.busy.locked()
        soft = {self.form.softness: gr.update(visible=values["strategy"] == "soft")}
        # Asked before the words are made: they may be made while another visitor's wish has a step timed.
        timed = visit.studio.seconds_per_step is not None
        described = self._described(cut, values, request)
        yield {**(self.shown(visit) if empty else {}), **soft, **described}
        if not timed:
            # Nothing was timed yet: a few steps tell how long a run takes.
            visit.studio.calibrate()
            yield {self.estimate: self._described(cut, values, request)[self.estimate]}

    @explained
    def pick_preset(self, given: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        """A preset was chosen: fill the form from it, and say what it would train on."""
        values = form_values(given[self.form.preset], self.form.most_steps)
        return self.set_to(given[self.rule], values, request)

    @explained
    def pick_objective(self, given: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        """Another objective was chosen: fill in its own constants."""
        return self.form.with_objective(given[self.form.preset], given[self.form.objective])

    def set_to(self, cut: dict[str, Any], values: dict[str, Any], request: gr.Request) -> dict[Any, Any]:
        """The form filled with these values, and what it would train on with this cut."""
        filled = self.form.filled(values)
        try:
            return {**filled, **self._described(cut, values, request)}
        except ValueError as error:
            # The form must say what Start would do, also where it cannot: a model without a fitted scorer, say.
            return {**filled, self.notice: alert(str(error))}

    def _described(self, rule: dict[str, Any], values: dict[str, Any], request: gr.Request) -> dict[Any, Any]:
        visit = self.visits.of(request.session_hash)
        cut, estimate, proof = self._words(visit, values, rule)
        # A run that is there keeps its place.
        kept = visit.last is not None or visit.job is not None
        # What was foreseen was foreseen of another run.
        return {
            self.cut: cut,
            self.estimate: estimate,
            self.foreseen: "",
            **({} if kept else {self.watch.proof: proof}),
        }

    def _words(self, visit: Visit, values: dict[str, Any], rule: dict[str, Any]) -> tuple[str, str, str]:
        """The cut, the estimate and the tokens of the row in view, for the run that the form asks for."""
        studio = visit.studio
        config = form_config(values, rule, studio.settings, visit.forget_row)
        scores = self._scored(visit, config)
        # What a run learns for itself, it alone can show.
        selection = select(scores, config.rule) if config.learn == "given" else None
        if selection and config.by_hand:
            selection = by_hand(selection, edits_of(rule))
        kept = sum(selection.kept) if selection else None
        rows, name = len(studio.corpus.forget), studio.corpus.name
        return (
            cut_html(config, kept, len(scores), visit.split, rows, name, values["strategy"] == ITS_OWN, edits_of(rule)),
            estimate_html(studio.seconds_per_step, studio.run_megabytes, config, plain(config)),
            tokens_html("What a run would train in this row", scores.encoded, selection) if selection else "",
        )

    def _scored(self, visit: Visit, config: RunConfig) -> TokenScores:
        """The row in view, scored by what the run selects with."""
        scores = visit.scores or visit.studio.opening
        known = config.rule.scorer in scores.columns or config.rule.kind == "sequence" or config.learn != "given"
        return scores if known else visit.studio.score(scores.example, (config.rule.scorer,), visit.mask_scope)

    # The run ---------------------------------------------------------------------------------------------------------

    @explained
    def foresee(self, given: dict[Any, Any], request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Try a few steps of the run that the form asks for, say what they cost, and take them back."""
        cut, values = self.asked(given)
        visit = self.visits.of(request.session_hash)
        config = form_config(values, cut, visit.studio.settings, visit.forget_row)
        yield {self.foreseen: f'<p class="pg-soft">Trying {TRIAL_STEPS} steps of this run, to be taken back.</p>'}
        try:
            yield {self.foreseen: foreseen_html(foresee(visit, config))}
        except ValueError:
            yield {self.foreseen: ""}
            raise

    @explained
    @lasting
    def start(self, given: dict[Any, Any], request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Train, and draw every step. What goes wrong is one sentence, and what was there stays."""
        yield from self.begin(given, request)

    def begin(self, given: dict[Any, Any], request: gr.Request) -> Iterator[dict[Any, Any]]:
        """The same, for whoever says in a place of their own what goes wrong.

        Raises:
            ValueError: what the form asks for cannot be, or could not be trained.
        """
        visit, (cut, values) = self.visits.of(request.session_hash), self.asked(given)
        config = form_config(values, cut, visit.studio.settings, visit.forget_row)
        yield from self.run(visit, config, "" if values["preset"] == OWN_CUT else values["preset"])

    @explained
    @lasting
    def recover(self, request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Go back to the current run's best sound step; where none is kept, run it again and keep it."""
        visit = self.visits.of(request.session_hash)
        kept = visit.last
        if kept is None:
            yield self.shown(visit)
        elif kept.way_back is None:
            yield {self.form.fields["rollback"]: True}
            yield from self.run(visit, dataclasses.replace(kept.config, roll_back=True), kept.preset)
        else:
            visit.go_back()
            yield self.shown(visit)

    def run(self, visit: Visit, config: RunConfig, name: str) -> Iterator[dict[Any, Any]]:
        """Train a run for a visit and show it here and on the stage, at rest where it fails.

        Args:
            name: the preset that it was set up by; empty for a cut of the visitor's own.
        """
        try:
            yield from self._played(train(visit, config, name), visit)
        except ValueError:
            yield self.shown(visit)
            raise
        yield self.shown(visit)

    def _played(self, trainings: Iterator[Training], visit: Visit) -> Iterator[dict[Any, Any]]:
        for number, (training, update) in enumerate(self.watch.drawn(trainings, visit.studio)):
            played = {**update, self.stage.frame: training_frame(training, visit.studio)}
            yield played if number else {**self._held(), **played}

    @explained
    def follow(self, request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Take up what the page before has left to this one: a run that waits or trains, then the runs it kept."""
        visit, said = self.visits.of(request.session_hash), None
        while (place := self.visits.place(request.session_hash)) is not None:
            if visit.now is not None:
                yield from self._played(followed(visit), visit)
            elif place.before is not None and said != (frame := waiting_frame(visit, place)):
                said = frame
                yield {**self._held(), self.stage.frame: frame}
            time.sleep(LOOK_SECONDS)
        yield self.shown(visit)

    async def wait(self, request: gr.Request) -> AsyncIterator[Any]:
        """While a run that was asked for waits in line: its place and its time, on the stage."""
        visit, said, looks = self.visits.of(request.session_hash), None, 0
        while visit.now is None:
            place, looks = self.visits.place(request.session_hash), looks + 1
            if place is None and (said is not None or looks > FIRST_LOOKS):
                break
            # At the first look it may be on its way to a place that is free.
            if place is not None and place.before is not None and looks > 1:
                frame = waiting_frame(visit, place)
                if frame != said:
                    said = frame
                    yield frame
            await asyncio.sleep(LOOK_SECONDS)
        if said is not None and visit.now is None:
            yield kept_frame(visit.last, visit.studio)

    async def stop(self, request: gr.Request) -> None:
        """Ask the run of this visit to end after the step it is at; one that waits leaves the line."""
        await self.visits.stop(request.session_hash)

    # Kept runs -------------------------------------------------------------------------------------------------------

    @explained
    def undo(self, request: gr.Request) -> dict[Any, Any]:
        """Drop the current run; the one before it, if there is one, is shown again."""
        visit = self.visits.of(request.session_hash)
        visit.undo()
        return self.shown(visit)

    @explained
    def pick(self, number: int, request: gr.Request) -> dict[Any, Any]:
        """Make another kept run the current one."""
        visit = self.visits.of(request.session_hash)
        visit.pick(number)
        return self.shown(visit)

    @explained
    def rename(self, name: str, request: gr.Request) -> dict[Any, Any]:
        """Call the current run otherwise."""
        visit = self.visits.of(request.session_hash)
        if visit.last is None:
            raise ValueError("There is no run to name: start one first.")
        visit.rename(visit.last.number, name)
        return self.shown(visit)

    @explained
    def undo_to(self, request: gr.Request) -> dict[Any, Any]:
        """Drop every run that was made after the current one."""
        visit = self.visits.of(request.session_hash)
        if visit.last is not None:
            visit.undo_to(visit.last.number)
        return self.shown(visit)

    def shown(self, visit: Visit) -> dict[Any, Any]:
        """The room at rest: the current run, or the invitation to start one."""
        return {
            self.go: gr.update(interactive=True),
            self.halt: gr.update(interactive=False),
            self.back: gr.update(interactive=visit.last is not None),
            **self.kept.shown(visit),
            **self.watch.shown(visit.last, visit.studio),
            self.stage.frame: kept_frame(visit.last, visit.studio),
        }

    def _held(self) -> dict[Any, Any]:
        """The room while a run trains: Stop is all there is to press."""
        return {
            self.go: gr.update(interactive=False),
            self.halt: gr.update(interactive=True),
            self.back: gr.update(interactive=False),
            **self.kept.held(),
        }
