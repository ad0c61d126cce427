"""Learn: an article that scrolls. Its six figures are set up in place, each with a question about its own numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from app.look.glossary import glossary_html
from app.look.lanes import figure_style, lanes_props, make_lanes
from app.look.markup import block
from app.look.texts import say
from app.rooms.learn.figures import Figure, charts_html, ranking_claim, runs_figure, truth_claim, verdict_figure
from app.rooms.learn.questions import latest_run
from app.rooms.learn.steps import STEPS, LessonStep
from app.rooms.learn.words import (
    claim_html,
    head_html,
    limits_html,
    progress_html,
    task_html,
    text_html,
    title_html,
    verdict_html,
)
from app.rooms.pace import CURVES_SECONDS, Pace
from app.rooms.stage.frames import kept_frame
from app.rooms.unlearn.room import UnlearnRoom
from app.server.line import lasting
from app.visit.run_config import OWN_CUT
from app.visit.session import Visit
from app.visit.visits import PRIVATE, QUIET, SCORING, Visits, explained
from attribution import TokenScores

Prepare = Callable[[LessonStep, gr.Request], dict[Any, Any]]
OTHERS = (
    "This is asked of the page's own model, and you work with another one: Run it here goes back, and drops its runs."
)
STILL = "A run of yours is still training: stop it or wait for it, then start this one."


class LessonCard:
    """One section: its text, its figure, its question, and what is right."""

    def __init__(self, number: int, room: LearnRoom) -> None:
        self.number = number
        self.step = STEPS[number - 1]
        self.room = room

    @property
    def trains(self) -> bool:
        """Whether its figure shows a run."""
        return self.step.shown == "run"

    def build(self, scores: TokenScores) -> None:
        """Lay the section out.

        Args:
            scores: the row of the figure.
        """
        n, question = self.number, self.step.question
        # A host's own model may have no fitted scorer: then a figure shows what there is.
        columns = {name: scores.columns[name] for name in self.step.drawn if name in scores.columns} or scores.columns
        drawn = dataclasses.replace(scores, columns=columns)
        state = self.step.state if {self.step.active, *self.step.cuts} <= set(columns) else None
        with gr.Column(elem_classes="pg-part", elem_id=f"step-{n}"):
            self.head = block(head_html(n, False))
            block(text_html(self.step.text))
            self.lanes = make_lanes(
                lanes_props(drawn, state),
                page=False,
                elem_id=f"figure-{n}",
                elem_classes=["pg-live", f"pg-live-{self.step.shown}"],
            )
            first = self.room.at_rest(self, Visit(self.room.visits.studio))
            self.result = block(first.html, elem_id=f"result-{n}")
            self.claim = block(claim_html(n, first.claim), elem_id=f"claim-{n}")
            self.frame = gr.JSON(visible="hidden")
            # Given with the press: a call that does not know which figure it is of trains nothing.
            self.which = gr.Number(n, visible="hidden")
            with gr.Row(elem_classes="pg-buttons"):
                self.here = gr.Button(
                    say("run_here"),
                    visible=self.trains,
                    variant="primary",
                    elem_id=f"here-{n}",
                    elem_classes="pg-run-here",
                    scale=0,
                    min_width=140,
                )
                self.go = gr.Button(say("open_on_stage"), elem_id=f"lesson-{n}", scale=0, min_width=170)
            with gr.Row(elem_classes="pg-lesson-ask"):
                self.choice = gr.Radio(
                    [(title, value) for value, title in question.options],
                    label=question.text,
                    elem_id=f"question-{n}",
                )
                self.answer = gr.Button(say("check"), size="sm", elem_id=f"check-{n}", scale=0, min_width=90)
            # The verdict on an answer, or why there is none.
            self.notice = block(elem_id=f"verdict-{n}")

    def wire(self, outputs: list[Any]) -> tuple[Any, Any]:
        """Listen to the buttons; returns the events by which the page is set up, and by which a run has ended."""
        room = self.room
        self.answer.click(self.check, [self.choice, room.solved], [self.notice, room.solved, *room.marks], **QUIET)
        written = [self.notice, *outputs]
        set_up = self.go.click(self.set_up, None, [*written, room.strip, room.task], **QUIET, **SCORING)
        if not self.trains:
            return set_up, None
        # Not in the queue: Stop must not wait behind the run that it stops.
        self.lanes.stop(room.unlearn.stop, queue=False, **QUIET)
        training = {**room.unlearn.training, "js": None, "show_progress": "hidden"}
        training.pop("show_progress_on")
        return set_up, self.here.click(
            self.run_here, **{**training, "inputs": self.which, "outputs": [*written, *room.figures]}
        )

    @explained
    def set_up(self, request: gr.Request) -> dict[Any, Any]:
        """Set the other rooms up as the figure is, with its run, and say in the strip what there is to do."""
        room = self.room
        shown = {room.strip: gr.update(visible=True), room.task: task_html(self.number)}
        prepared = room.prepare(self.step, request)
        visit = room.visits.of(request.session_hash)
        kept = room.at_rest(self, visit).kept
        if kept is None or visit.busy.locked():
            return {**prepared, **shown}
        visit.pick(kept.number)
        return {**prepared, **room.unlearn.shown(visit), **shown}

    @explained
    @lasting
    def run_here(self, which: float, request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Train what the figure shows and is not there yet, its own run always, on the page's own rows."""
        room = self.room
        if which != self.number:
            raise ValueError("This is no figure of the page as it stands: reload it.")
        visit = room.visits.of(request.session_hash)
        if visit.busy.locked():
            raise ValueError(STILL)
        yield {**room.prepare(self.step, request), **room.held()}
        pace = Pace(CURVES_SECONDS)
        try:
            for step in self._wanted(visit):
                name = "" if step.preset == OWN_CUT else step.preset
                for update in room.unlearn.run(visit, step.config(visit.studio.settings), name):
                    now = visit.now
                    drawn = now is not None and pace.due() and {self.result: charts_html([("This run", now)])}
                    yield {**update, **(drawn or {})}
                if visit.last is None or visit.last.stopped:
                    break
        except ValueError:
            yield room.refreshed(visit)
            raise
        yield room.refreshed(visit)

    def _wanted(self, visit: Visit) -> list[LessonStep]:
        """What there is to train, in order: another figure's run that this one is held against, and its own."""
        missing = [kind for kind in self.step.runs[:-1] if latest_run(visit, kind) is None]
        return [*(each for each in STEPS if each.runs and each.runs[-1] in missing), self.step]

    @explained
    def check(self, choice: str | None, solved: list[int], request: gr.Request) -> dict[Any, Any]:
        """Hold an answer against what the page has computed."""
        if choice is None:
            raise ValueError("Choose an answer first.")
        room, question = self.room, self.step.question
        visit = room.visits.of(request.session_hash)
        if self.step.runs and visit.studio is not room.visits.studio:
            raise ValueError(OTHERS)
        found = question.judge(visit, room.visits.studio)
        right = choice in found.right
        solved = sorted({*(solved or []), self.number}) if right else solved
        return {
            self.notice: verdict_html(question, right, found),
            room.solved: solved,
            **room.marked(solved),
        }


class LearnRoom:
    """The widgets of Learn.

    Args:
        prepare: sets the other rooms up for a section: which of their widgets show what.
        unlearn: the room of the runs, which trains here as it does there.
    """

    def __init__(self, visits: Visits, prepare: Prepare, unlearn: UnlearnRoom) -> None:
        self.visits = visits
        self.prepare = prepare
        self.unlearn = unlearn
        self.cards = [LessonCard(number, self) for number in range(1, len(STEPS) + 1)]

    def build_strip(self) -> None:
        """Above the rooms: what the step in hand asks one to do, and the way back to its question."""
        # In the visitor's browser alone, and outside the rooms, whose parts are made when they are first entered. The
        # key is no secret: which questions were answered is none either.
        self.solved = gr.BrowserState([], storage_key="forget-lens-lesson", secret="forget-lens")
        with gr.Row(visible=False, elem_classes="pg-strip", elem_id="lesson-strip") as self.strip:
            self.task = block()
            self.answer = gr.Button(say("lesson_back"), size="sm", elem_id="lesson-back", scale=0, min_width=170)
            self.leave = gr.Button(say("lesson_leave"), size="sm", elem_id="lesson-leave", scale=0, min_width=150)

    def build(self) -> None:
        """Lay the room out."""
        studio = self.visits.studio
        self.scores = studio.score(studio.opening.example, (*studio.scorers, "random"))
        with gr.Column(elem_classes="pg-article", elem_id="article"):
            block(f"<style>{figure_style('.pg-article .pg-live')}</style>")
            block(title_html())
            self.progress = block(progress_html([]), elem_id="lesson-progress")
            for card in self.cards:
                card.build(self.scores)
            block(limits_html())
            block(glossary_html())

    def wire(self, page: gr.Blocks, tab: gr.Tab, outputs: list[Any]) -> Iterator[tuple[LessonCard, Any, Any]]:
        """Listen to the widgets; gives each card with the events by which it sets the page up, and by which its run has
        ended.

        Args:
            tab: the room's own.
            outputs: what `prepare` and a run write to.
        """
        page.load(self.marked, self.solved, self.marks, **QUIET)
        self.leave.click(lambda: gr.update(visible=False), None, self.strip, **QUIET)
        self.show_after(tab.select)
        for card in self.cards:
            yield card, *card.wire(outputs)

    def show_after(self, event: Callable[..., Any]) -> None:
        """Draw the figures anew after an event: runs come and go in every room."""
        shown = event(self.refresh, None, self.figures, **QUIET)
        frames = [card.frame for card in self.cards if card.trains]
        numbers = [card.number for card in self.cards if card.trains]
        shown.then(None, frames, js=f"(...frames) => ForgetLensLesson.play({numbers}, frames)", **PRIVATE)

    # The figures -----------------------------------------------------------------------------------------------------

    @property
    def figures(self) -> list[Any]:
        """What the runs of a visit change in the figures."""
        trains = [card for card in self.cards if card.trains]
        return [part for card in trains for part in (card.result, card.claim, card.frame, card.here)]

    def at_rest(self, card: LessonCard, visit: Visit) -> Figure:
        """What a figure shows while nothing trains."""
        step = card.step
        if step.shown == "truth":
            return Figure(claim=truth_claim(self.visits.studio.opening))
        if step.shown == "lanes":
            return Figure(claim=ranking_claim(self.visits.studio.opening))
        if not step.runs:
            return verdict_figure(visit)
        if visit.studio is not self.visits.studio:
            return Figure(claim=OTHERS, missing=step.runs)
        return runs_figure(visit, step.runs, self.scores)

    def refresh(self, request: gr.Request) -> dict[Any, Any]:
        """The figures as the visit's runs are now."""
        return self.refreshed(self.visits.of(request.session_hash))

    def refreshed(self, visit: Visit) -> dict[Any, Any]:
        """The same for a visit."""
        shown: dict[Any, Any] = {}
        for card in self.cards:
            if card.trains:
                found = self.at_rest(card, visit)
                again = found.kept is not None and not found.missing
                shown[card.result] = found.html
                shown[card.claim] = claim_html(card.number, found.claim)
                shown[card.frame] = kept_frame(found.kept, visit.studio)
                label = say("run_again_here") if again else say("run_here")
                shown[card.here] = gr.update(value=label, interactive=not visit.busy.locked())
        return shown

    def held(self) -> dict[Any, Any]:
        """The figures while a run trains: none can be started."""
        return {card.here: gr.update(interactive=False) for card in self.cards if card.trains}

    # Progress --------------------------------------------------------------------------------------------------------

    @property
    def marks(self) -> list[Any]:
        """What an answer writes to besides its verdict."""
        return [self.progress, *(card.head for card in self.cards)]

    def marked(self, solved: list[int]) -> dict[Any, Any]:
        """The ticks of the sections whose question was answered."""
        known = [card.number for card in self.cards if card.number in (solved or [])]
        heads = {card.head: head_html(card.number, card.number in known) for card in self.cards}
        return {self.progress: progress_html(known), **heads}
