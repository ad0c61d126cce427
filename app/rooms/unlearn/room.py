"""Unlearn: train a copy of the model on exactly the visible cut, watch it, stop it, undo it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import gradio as gr

from app.look.markup import alert, block, explained
from app.look.texts import say
from app.rooms.inspect.room import InspectRoom
from app.rooms.unlearn.form import RunForm
from app.rooms.unlearn.watch import RunWatch
from app.rooms.unlearn.words import cut_html, estimate_html, tokens_html
from app.visit.kept_runs import KeptRuns
from app.visit.run_config import DEFAULTS, ITS_OWN, OWN_CUT, form_config, form_values
from app.visit.session import Visit, Visits
from app.visit.studio import Studio
from app.visit.training import go_back, plain, train
from attribution import TokenScores, select
from unlearn import RunConfig

DEFAULT_CUT = dataclasses.asdict(DEFAULTS.rule)


class UnlearnRoom:
    """The widgets of Unlearn and what they do.

    Attributes:
        form: the fields that a run is started with besides the cut.
        kept: the runs of the visit.
        watch: what the current run shows.
    """

    def __init__(self, studio: Studio, visits: Visits, inspect_room: InspectRoom) -> None:
        self.studio = studio
        self.visits = visits
        self.inspect_room = inspect_room
        self.form = RunForm(studio.settings.max_steps)
        self.kept = KeptRuns()
        self.watch = RunWatch()

    def build(self) -> None:
        """Lay the room out."""
        most = self.form.most_steps
        with gr.Row(elem_classes="pg-room"):
            with gr.Column(elem_classes=["pg-card", "pg-form"], scale=2, min_width=320):
                cut, estimate, proof = self._words(Visit(), self.studio, form_values(OWN_CUT, most), DEFAULT_CUT)
                self.cut = block(cut, elem_id="unlearn-cut")
                self.form.build_choice()
                self.form.build_advanced()
                with gr.Column(elem_classes="pg-run-bar"):
                    self.estimate = block(estimate, elem_id="estimate")
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
    def inputs(self) -> set[Any]:
        """What says which run is wanted. A set: the handlers are given a dict by widget.

        Gradio sorts it by age, so the cut, which stands in a room that is built before, is the first of them.
        """
        return {self.inspect_room.rule, *self.form.fields.values()}

    @property
    def described(self) -> list[Any]:
        """What describing a run to be writes to."""
        return [self.notice, self.cut, self.form.softness, self.estimate, self.watch.proof]

    @property
    def filled(self) -> list[Any]:
        """What filling the form writes to."""
        return list(dict.fromkeys([*self.described, *self.form.outputs]))

    @property
    def outputs(self) -> list[Any]:
        """What a run and its undoing write to."""
        buttons = [self.notice, self.go, self.halt, self.back, self.estimate, self.form.fields["rollback"]]
        return [*buttons, *self.kept.outputs, *self.watch.outputs]

    @property
    def whole(self) -> list[Any]:
        """What entering the room writes to."""
        return list(dict.fromkeys([*self.described, *self.outputs]))

    # Before a run ----------------------------------------------------------------------------------------------------

    @explained
    def enter(self, given: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        """The room is opened: say what a run would train on; runs of a model that was left are gone."""
        visit = self.visits.of(request.session_hash)
        described = self._described(self.form.values(given), given[self.inspect_room.rule], request)
        empty = visit.last is None and not visit.busy.locked()
        return {**(self.shown(visit) if empty else {}), **described}

    @explained
    def show(self, given: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        """Say in words what a run would train on, and how long it would take."""
        values = self.form.values(given)
        soft = gr.update(visible=values["strategy"] == "soft")
        return {self.form.softness: soft, **self._described(values, given[self.inspect_room.rule], request)}

    @explained
    def pick_preset(self, given: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        """A preset was chosen: fill the form from it, and say what it would train on."""
        values = form_values(given[self.form.preset], self.form.most_steps)
        return self.set_to(values, given[self.inspect_room.rule], request)

    @explained
    def pick_objective(self, given: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        """Another objective was chosen: fill in its own constants."""
        return self.form.with_objective(given[self.form.preset], given[self.form.objective])

    @explained
    def estimated(self, given: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        """The estimate, after timing a few steps if nothing was timed yet."""
        (self.visits.of(request.session_hash).studio or self.studio).calibrate()
        described = self._described(self.form.values(given), given[self.inspect_room.rule], request)
        return {self.estimate: described[self.estimate]}

    def set_to(self, values: dict[str, Any], rule: dict[str, Any], request: gr.Request) -> dict[Any, Any]:
        """The form filled with these values, and what it would train on with this cut."""
        filled = self.form.filled(values)
        try:
            return {**filled, **self._described(values, rule, request)}
        except ValueError as error:
            # The form must say what Start would do, also where it cannot: a model without a fitted scorer, say.
            return {**filled, self.notice: alert(str(error))}

    def _described(self, values: dict[str, Any], rule: dict[str, Any], request: gr.Request) -> dict[Any, Any]:
        visit = self.visits.of(request.session_hash)
        cut, estimate, proof = self._words(visit, visit.studio or self.studio, values, rule)
        # A run that is there keeps its place.
        kept = visit.last is not None or visit.job is not None
        return {self.cut: cut, self.estimate: estimate, **({} if kept else {self.watch.proof: proof})}

    def _words(
        self, visit: Visit, studio: Studio, values: dict[str, Any], rule: dict[str, Any]
    ) -> tuple[str, str, str]:
        """The cut, the estimate and the tokens of the row in view, for the run that the form asks for."""
        config = form_config(values, rule, studio.settings)
        scores = self._scored(visit, studio, config)
        # What a run learns for itself, it alone can show.
        selection = select(scores, config.rule) if config.learn == "given" else None
        kept = sum(selection.kept) if selection else None
        rows, name = len(studio.corpus.forget), studio.corpus.name
        return (
            cut_html(config, kept, len(scores), visit.split, rows, name, values["strategy"] == ITS_OWN),
            estimate_html(studio.seconds_per_step, studio.run_megabytes, config, plain(config)),
            tokens_html("What a run would train in this row", scores.encoded, selection) if selection else "",
        )

    def _scored(self, visit: Visit, studio: Studio, config: RunConfig) -> TokenScores:
        """The row in view, scored by what the run selects with."""
        scores = visit.scores or studio.opening
        known = config.rule.scorer in scores.columns or config.rule.kind == "sequence" or config.learn != "given"
        return scores if known else studio.score(scores.example, (config.rule.scorer,), visit.mask_scope)

    # The run ---------------------------------------------------------------------------------------------------------

    def start(self, given: dict[Any, Any], request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Train, and draw every step. What goes wrong is one sentence, and what was there stays."""
        try:
            visit = self.visits.of(request.session_hash)
            values = self.form.values(given)
            settings = (visit.studio or self.studio).settings
            config = form_config(values, given[self.inspect_room.rule], settings)
        except ValueError as error:
            yield {self.notice: alert(str(error))}
            return
        yield from self._run(visit, config, "" if values["preset"] == OWN_CUT else values["preset"])

    def recover(self, request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Go back to the current run's best sound step; where none is kept, run it again and keep it."""
        visit = self.visits.of(request.session_hash)
        kept = visit.last
        if kept is None:
            yield self.shown(visit)
        elif kept.way_back is None:
            yield {self.form.fields["rollback"]: True}
            yield from self._run(visit, dataclasses.replace(kept.config, roll_back=True), kept.preset)
        else:
            try:
                go_back(visit.studio or self.studio, visit)
                yield self.shown(visit)
            except ValueError as error:
                yield {self.notice: alert(str(error))}

    def _run(self, visit: Visit, config: RunConfig, name: str) -> Iterator[dict[Any, Any]]:
        studio = visit.studio or self.studio
        try:
            trainings = train(studio, visit, config, name)
            for number, update in enumerate(self.watch.drawn(trainings, studio)):
                yield update if number else {**self._held(), **update}
            yield self.shown(visit)
        except ValueError as error:
            yield {**self.shown(visit), self.notice: alert(str(error))}

    def stop(self, request: gr.Request) -> None:
        """Ask the run of this visit to end after the step it is at."""
        self.visits.of(request.session_hash).stop()

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
            self.notice: "",
            self.go: gr.update(interactive=True),
            self.halt: gr.update(interactive=False),
            self.back: gr.update(interactive=visit.last is not None),
            **self.kept.shown(visit),
            **self.watch.shown(visit.last, visit.studio or self.studio),
        }

    def _held(self) -> dict[Any, Any]:
        """The room while a run trains: Stop is all there is to press."""
        return {
            self.notice: "",
            self.go: gr.update(interactive=False),
            self.halt: gr.update(interactive=True),
            self.back: gr.update(interactive=False),
            **self.kept.held(),
        }
