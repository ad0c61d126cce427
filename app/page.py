"""The page's table of contents: its rooms in a person's order, the ways between them, and the endpoints."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from app.address import ROOMS, follow_view, learn_address, open_address
from app.api.compare import compare_endpoint
from app.api.depth import depth_endpoint
from app.api.matrix import matrix_endpoint
from app.api.open import open_endpoint
from app.api.predict import predict_endpoint
from app.api.race import race_endpoint
from app.api.report import report_endpoint
from app.api.score import score_endpoint
from app.api.stress import stress_endpoint
from app.api.unlearn import unlearn_endpoint
from app.look.markup import block
from app.look.texts import say
from app.rooms.compare.room import CompareRoom
from app.rooms.inspect.room import InspectRoom
from app.rooms.learn.room import LearnRoom
from app.rooms.learn.steps import LessonStep
from app.rooms.own.room import OwnRoom
from app.rooms.stage.room import PLAY, StageRoom
from app.rooms.stage.sharing import card_of
from app.rooms.unlearn.room import UnlearnRoom
from app.server.gradio_side import GuardedBlocks, fair_line
from app.visit.models import Shelf, Wish
from app.visit.run_config import OWN_CUT, form_of, form_values, opened_with
from app.visit.visits import ASKING, LATEST, LOADING, PRIVATE, QUIET, SCORING, TRAINING, Visits
from assets.gallery.runs import EMBEDDED, Wanted
from attribution.version import VERSION, commit
from unlearn.presets import DEFAULT_PRESET, preset_for

TITLE = "Forget Lens"
OTHER_TAB = (
    '<p class="pg-soft pg-aside" role="status">Your other tab is still open and keeps its runs: this one is a visit of '
    "its own.</p>"
)


class Page:
    """The rooms and what crosses them."""

    def __init__(self, visits: Visits) -> None:
        self.visits = visits
        self.studio = studio = visits.studio
        self.inspect = InspectRoom(visits)
        self.stage = StageRoom(visits)
        self.unlearn = UnlearnRoom(visits, self.stage)
        self.compare = CompareRoom(visits)
        self.learn = LearnRoom(visits, self.prepare, self.unlearn)
        self.shelf = shelf = Shelf(studio.settings, studio.model)
        self.own = OwnRoom(
            visits, shelf, self.inspect.open_first, self.inspect.open_text, self.inspect.open_scores, self.fill
        )

    def build(self) -> gr.Blocks:
        """Lay the rooms out and wire them."""
        with GuardedBlocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
            page.cards = card_of
            self.learn.build_strip()
            self.inspect.build()
            self.stage.build()
            self.inspect.build_how()
            self.stage.build_below()
            with gr.Tabs(selected="compare", elem_id="rooms") as self.tabs:
                with gr.Tab(say("room_compare"), id="compare"):
                    self.compare.build()
                with gr.Tab(say("room_unlearn"), id="unlearn") as unlearn_tab:
                    self.unlearn.build(self.inspect.rule)
                with gr.Tab(say("room_learn"), id="learn") as learn_tab:
                    self.learn.build()
                with gr.Tab(say("room_own"), id="own"):
                    self.own.build()

            block(f'<footer class="pg-soft" id="version">{TITLE} {VERSION}, commit {commit()}</footer>')
            # First: a listener takes the name of its function, and the endpoints' names must still be free.
            publish(self.visits, self.shelf)
            self.follow = {**follow_view(self.inspect, self.unlearn, self.own), **PRIVATE}
            self.wire(page, unlearn_tab, learn_tab)
            # Pressed by page.js only. Hidden is not the same as not visible, which would leave it out of the page.
            gr.Button(elem_id="left-answers", visible="hidden").click(lambda: None, **QUIET)
        return page

    def wire(self, page: gr.Blocks, unlearn_tab: gr.Tab, learn_tab: gr.Tab) -> None:
        """Let every room listen to itself, and tie what crosses them."""
        self.inspect.wire(self.follow)
        changes = self.unlearn.wire(unlearn_tab)
        for changed in (self.stage.wire(self.inspect.lanes, self.inspect.rule, self.unlearn), *changes):
            self.learn.show_after(self.stage.follow(self.compare.follow(changed)).then)
        self.compare.wire()
        self.compare.race.wire(self.unlearn.inputs, self.unlearn.asked)
        to_stage = {"fn": None, "js": "() => ForgetLensPage.toStage()", **PRIVATE}
        found = self.own.wire([*self.inspect.whole_view, *self.unlearn.form.outputs], self.inspect.shown)
        # Lanes of a row that has just come would take a run that has ended from the stage.
        self.own.played.then(self.stage.replay, self.own.notice, self.stage.frame, **QUIET)
        for shown in (found, self.own.played):
            shown.then(None, self.own.notice, js="(notice) => { if (!notice) ForgetLensPage.toStage(); }", **PRIVATE)

        everything = [*self.inspect.whole_view, *self.unlearn.filled, *self.own.outputs]
        self.stage.gallery.wire(self.same_run, list(dict.fromkeys(everything))).then(**self.follow)

        onward = self.unlearn.watch.onward.click(self._to("compare"), None, self.tabs, **QUIET)
        onward.then(None, js="() => ForgetLensPage.enter('compare')", **PRIVATE)
        self.compare.begin.click(**to_stage)
        lesson = list(dict.fromkeys([*self.inspect.whole_view, *self.unlearn.filled, *self.unlearn.outputs]))
        for card, set_up, ran in self.learn.wire(page, learn_tab, lesson):
            # Lanes of a row that has just come would take a run that has ended from the stage.
            set_up.then(None, self.stage.frame, js=PLAY, **PRIVATE).then(**self.follow)
            set_up.then(None, card.notice, js="(notice) => { if (!notice) ForgetLensPage.toStage(); }", **PRIVATE)
            for changed in filter(None, (ran, set_up if card.trains else None)):
                self.learn.show_after(self.stage.follow(self.compare.follow(changed)).then)
        back = {"fn": None, "js": "() => ForgetLensLesson.toQuestion()", **PRIVATE}
        self.learn.answer.click(self._to("learn"), None, self.tabs, **QUIET).then(**back)
        self._wire_address(page)

        # The guard ends a visit (app/server/guard.py); this tells the browser to keep a connection open for it.
        page.unload(lambda: None)

    def fill(self, preset: str) -> dict[Any, Any]:
        """The form of a run with the settings of a preset, for the visible cut."""
        form = self.unlearn.form
        name = OWN_CUT if preset == DEFAULT_PRESET else preset
        return form.filled({**form_values(name, form.most_steps), "strategy": "hard"})

    def _to(self, room: str) -> Callable[..., Any]:
        """A handler that opens a room below the stage; not where its input is a notice that says why it should not."""

        def move(notice: str = "") -> Any:
            return gr.skip() if notice or room == ROOMS[0] else gr.Tabs(selected=room)

        return move

    def prepare(self, step: LessonStep, request: gr.Request) -> dict[Any, Any]:
        """For a section of the lesson: score the opening row in its lanes, with its cuts, and set the form to its run.

        Raises:
            ValueError: a run is training on another model or other rows.
        """
        # The lesson is about the embedded model and its rows.
        self.visits.of(request.session_hash).take(self.studio)
        shown = self.inspect.open("forget", self.studio.opening_row, "subject", step.lanes, step.state, request)
        values = step.values(self.unlearn.form.most_steps)
        return {**shown, **self.unlearn.set_to(shown[self.inspect.rule], values, request)}

    def same_run(self, run: Wanted, request: gr.Request) -> Iterator[dict[Any, Any]]:
        """The model, the row, the cut and the form of a prepared run; of a real model it takes a while.

        Raises:
            ValueError: a run is training, the model or its rows cannot be had here.
        """
        visit, form = self.visits.of(request.session_hash), self.unlearn.form
        if visit.busy.locked():
            raise ValueError("A run of yours is still training: stop it or wait for it, then set this one up.")
        if run.model == EMBEDDED:
            visit.take(self.studio)
        else:
            subjects = run.forget.partition(":")[2].split(",")
            for update in self.own.model.bring(Wish(run.model), subjects, request):
                # How far it is, is said where the button was pressed, too.
                told = update.get(self.own.said, "")
                yield {**update, self.stage.notice: told.replace('"pg-soft ', '"pg-soft pg-aside ')}
        name = run.preset or preset_for(run.forget)
        row = visit.studio.number_of(run.row)
        cut, values = form_of(OWN_CUT if name == DEFAULT_PRESET else name, run.config, row, form.most_steps)
        state = opened_with(cut, run.lanes)
        shown = self.inspect.open("forget", row, "subject", run.lanes, state, request)
        seen = shown[self.inspect.rule]
        yield {**shown, **self.unlearn.set_to(cut if cut["scorer"] == seen["scorer"] else seen, values, request)}

    def _wire_address(self, page: gr.Blocks) -> None:
        # No state: the browser must be told it, too.
        room = gr.Textbox(ROOMS[0], visible="hidden", elem_id="arrived")
        query, ticket, shown_query = (gr.Textbox(visible="hidden") for _ in range(3))
        told = gr.JSON(visible="hidden")
        # Pressed by page.js, when the visitor goes back or forward.
        moved = gr.Button(elem_id="moved", visible="hidden")
        form = self.unlearn.form
        rooms = (self.inspect, self.unlearn, self.own)
        view = [room, *self.inspect.whole_view, *form.outputs, *self.own.asking]

        async def arrive(query: str, ticket: str, request: gr.Request) -> dict[Any, Any]:
            found = await self.visits.come_back(str(ticket or ""), request.session_hash or "")
            name, shown = await asyncio.to_thread(open_address, *rooms, str(query or ""), request, found.again)
            asking = self.own.asking_of(request) if found.again else {}
            elsewhere = OTHER_TAB if found.elsewhere else ""
            return {**asking, **shown, room: name, told: found._asdict(), self.stage.notice: elsewhere}

        def move(query: str, request: gr.Request) -> dict[Any, Any]:
            name, shown = open_address(*rooms, str(query or ""), request, True)
            return {**shown, room: name, shown_query: str(query or "")}

        opened = page.load(
            arrive,
            [query, ticket],
            [told, self.stage.notice, *view],
            js=f"() => ({learn_address(*rooms)}, ForgetLensPage.arrival())",
            **QUIET,
        )

        def enter(name: str) -> Any:
            # Nothing where nothing was asked for: the visitor may have gone elsewhere by now.
            return gr.skip() if name == ROOMS[0] else gr.Tabs(selected=name)

        # The room once the lanes stand: entering Unlearn reads the cut from them.
        entered = opened.then(enter, room, self.tabs, **QUIET)
        entered.then(None, room, js="(room) => ForgetLensPage.enter(room)", **PRIVATE).then(**self.follow)
        entered.then(None, told, js="(told) => ForgetLensPage.arrived(told)", **PRIVATE)
        moving = {"js": "() => [location.search]", **QUIET, **LATEST}
        gone = moved.click(move, query, [shown_query, *view], **moving)
        gone = gone.then(enter, room, self.tabs, **QUIET)
        went = {"fn": None, "js": "(room, query) => ForgetLensPage.went(room, query)", **PRIVATE}
        gone.then(inputs=[room, shown_query], **went).then(**self.follow)
        self.tabs.select(None, js="() => ForgetLensPage.chose()", **PRIVATE)
        gr.on(
            [self.tabs.change, self.own.asked.change, *(field.change for field in form.fields.values())], **self.follow
        )


def build_page(visits: Visits) -> gr.Blocks:
    """The whole page, wired, around what its visitors share."""
    # Small handlers of many visitors side by side; scoring and training have limits of their own.
    waiting = visits.studio.settings.max_waiting
    page = Page(visits).build().queue(default_concurrency_limit=16, max_size=waiting, api_open=False)
    visits.line = fair_line(page, visits.studio.settings)
    return page


def publish(visits: Visits, shelf: Shelf) -> None:
    """The public endpoints."""
    settings = visits.studio.settings
    gr.api(score_endpoint(visits), api_name="score", concurrency_limit=settings.scores_at_once, **SCORING)
    gr.api(open_endpoint(visits, shelf), api_name="open", **LOADING)
    gr.api(matrix_endpoint(visits.studio), api_name="matrix", **SCORING)
    gr.api(unlearn_endpoint(visits), api_name="unlearn", concurrency_limit=settings.runs_at_once, **TRAINING)
    gr.api(predict_endpoint(visits), api_name="predict", **TRAINING)
    gr.api(compare_endpoint(visits), api_name="compare", **ASKING)
    gr.api(report_endpoint(visits), api_name="report", **ASKING)
    gr.api(stress_endpoint(visits), api_name="stress", **TRAINING)
    gr.api(depth_endpoint(visits), api_name="depth", **TRAINING)
    gr.api(race_endpoint(visits), api_name="race", **TRAINING)
