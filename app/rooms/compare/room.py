"""Compare: the same questions before and after a run, and what a model says that never learned them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from app.look.answers import ALL, REFERENCE, REFERENCE_TITLE, SPLIT_TITLES, cards_html, table_html
from app.look.lanes import LANES_ID, read_state
from app.look.markup import block, describe, escape
from app.rooms.compare.depth import DepthCard
from app.rooms.compare.logs import LogsCard
from app.rooms.compare.trials import RaceCard, StressCard
from app.rooms.compare.words import EMPTY, busy_html, changes_html
from app.visit.comparison import known, other, other_run, others, side_by_side, waiting
from app.visit.export import SAVE, answers_csv, run_json
from app.visit.report import make_report
from app.visit.session import KeptRun, Visit
from app.visit.visits import ASKING, LATEST, PRIVATE, QUIET, SCORING, Visits, explained
from attribution.data.rows import Row
from unlearn import Corpus
from unlearn.metrics import answer_log_probs, evaluation_rows

PAGE_SIZES = (10, 25, 50, 100)


class CompareRoom:
    """The widgets of Compare and what they do."""

    def __init__(self, visits: Visits) -> None:
        self.visits = visits
        self.stress = StressCard(visits)
        self.depth = DepthCard(visits)
        self.race = RaceCard(visits)
        self.logs = LogsCard(visits)

    def build(self) -> None:
        """Lay the room out."""
        self.notice = block(elem_classes="pg-notice", elem_id="compare-notice")
        with gr.Row(elem_classes="pg-headline"):
            self.head = block(EMPTY, elem_id="compare-head")
            self.against = gr.Dropdown(
                [(REFERENCE_TITLE, REFERENCE)],
                value=REFERENCE,
                label="Held against",
                visible=False,
                elem_id="against",
                scale=0,
                min_width=260,
            )
        self.begin = gr.Button(
            "Choose words to forget", variant="primary", elem_id="to-unlearn", elem_classes="pg-begin"
        )
        self.cards = block(elem_id="cards")
        with gr.Column(elem_classes="pg-card", visible=False) as self.answers:
            with gr.Row(elem_classes="pg-line"):
                self.split = gr.Radio(
                    [("All", ALL), *((title, split) for split, title in SPLIT_TITLES.items())],
                    value="forget",
                    label="Questions",
                    elem_classes="pg-segments",
                    elem_id="compare-split",
                    scale=4,
                    min_width=300,
                )
                self.changed = gr.Checkbox(False, label="Only changed answers", elem_id="only-changed", scale=1)
                self.size = gr.Dropdown(
                    [(f"{size} a page", size) for size in PAGE_SIZES],
                    value=PAGE_SIZES[0],
                    label="Rows",
                    elem_id="page-size",
                    scale=1,
                    min_width=130,
                )
            self.table = block(elem_id="answers", js_on_load=PICK)
            with gr.Row(elem_classes="pg-pager"):
                self.previous = gr.Button("Previous", size="sm", elem_id="previous", scale=0, min_width=100)
                self.place = block(elem_id="place")
                self.next = gr.Button("Next", size="sm", elem_id="next", scale=0, min_width=100)
                self.save_json = gr.Button("Run as JSON", size="sm", elem_id="run-json", scale=0, min_width=110)
                self.save_csv = gr.Button("Answers as CSV", size="sm", elem_id="answers-csv", scale=0, min_width=130)
                self.save_report = gr.Button("Report as HTML", size="sm", elem_id="report", scale=0, min_width=130)
        self.depth.build()
        self.stress.build()
        self.race.build()
        self.logs.build()
        self.page = gr.State(0)
        # The view of the lanes, which the browser fills in when the report is asked for.
        self.lanes_state = gr.JSON(visible="hidden")
        self.file = gr.JSON(visible="hidden")

    def wire(self) -> None:
        """Listen to the widgets, those of the stresses aside from the race's: it needs what other rooms hold."""
        shown = {"outputs": self.outputs, **QUIET}
        gr.on([self.split.input, self.changed.input, self.size.input], self.filtered, self.view, **shown, **LATEST)
        # Another run may have to be asked first.
        self.against.input(self.compare, self.view, **shown, **ASKING, **LATEST)
        self.previous.click(self.back, [*self.view, self.page], **shown)
        self.next.click(self.forward, [*self.view, self.page], **shown)
        self.table.pick(self.tokens, [*self.view, self.page], **shown, **SCORING)
        kept: dict[str, Any] = {"outputs": [self.notice, self.file], **QUIET}
        state = [self.against, self.lanes_state]
        for saved in (
            self.save_json.click(self.as_json, None, **kept),
            self.save_csv.click(self.as_csv, self.against, **kept),
            self.save_report.click(self.as_report, state, js=read_state(LANES_ID), **kept),
        ):
            saved.then(None, self.file, self.file, js=SAVE, **PRIVATE)
        self.depth.wire()
        self.stress.wire()
        self.logs.wire()

    def follow(self, event: Any) -> Any:
        """Compare anew after an event by which another run has become the current one; the event that ends it."""
        return event.then(self.compare, self.view, self.outputs, **QUIET, **ASKING)

    @property
    def outputs(self) -> list[Any]:
        """What a comparison writes to."""
        return [
            self.notice,
            self.head,
            self.against,
            self.begin,
            self.cards,
            self.answers,
            self.table,
            self.place,
            self.page,
            self.previous,
            self.next,
            *self.depth.shown,
            *self.stress.shown,
        ]

    @property
    def view(self) -> list[Any]:
        """What decides which answers are shown."""
        return [self.split, self.changed, self.size, self.against]

    # What the widgets do ---------------------------------------------------------------------------------------------

    @explained
    def compare(
        self, split: str, changed: bool, size: int, against: str | None, request: gr.Request
    ) -> Iterator[dict[Any, Any]]:
        """Ask the last run's model every question, saying how far it is, and show the answers side by side."""
        visit = self.visits.of(request.session_hash)
        kept = visit.last
        if kept is not None:
            for sentence in waiting(visit, kept, other_run(visit, against)):
                yield {self.head: busy_html(kept, sentence), self.begin: gr.update(visible=False)}
        yield self.shown(visit, split, changed, size, against, 0)

    @explained
    def filtered(
        self, split: str, changed: bool, size: int, against: str | None, request: gr.Request
    ) -> dict[Any, Any]:
        """Other questions, or another page size: from the first page on. Nothing is computed anew."""
        return self.shown(self.visits.of(request.session_hash), split, changed, size, against, 0)

    @explained
    def back(
        self, split: str, changed: bool, size: int, against: str | None, page: int, request: gr.Request
    ) -> dict[Any, Any]:
        """The page before."""
        return self.shown(self.visits.of(request.session_hash), split, changed, size, against, page - 1)

    @explained
    def forward(
        self, split: str, changed: bool, size: int, against: str | None, page: int, request: gr.Request
    ) -> dict[Any, Any]:
        """The page after."""
        return self.shown(self.visits.of(request.session_hash), split, changed, size, against, page + 1)

    @explained
    def tokens(
        self,
        split: str,
        changed: bool,
        size: int,
        against: str | None,
        page: int,
        event: gr.EventData,
        request: gr.Request,
    ) -> dict[Any, Any]:
        """Open one row of the table on its answer's tokens, or close it."""
        picked = event._data if isinstance(event._data, dict) else {}
        number = picked.get("row")
        if not isinstance(number, int):
            raise ValueError("No row was picked: press Tokens beside a question.")
        opened = None if picked.get("open") else number
        return self.shown(self.visits.of(request.session_hash), split, changed, size, against, page, opened)

    @explained
    def as_json(self, request: gr.Request) -> dict[Any, Any]:
        """The run in view, to be saved by the browser."""
        visit, kept = self._kept(request)
        studio = visit.studio
        before, reference = known(studio.before()), known(studio.reference())
        return {self.file: run_json(kept, studio.corpus, before, reference).to_dict()}

    @explained
    def as_csv(self, against: str | None, request: gr.Request) -> dict[Any, Any]:
        """Every answer, to be saved by the browser."""
        visit, kept = self._kept(request)
        if kept.evaluation is None:
            raise ValueError("The answers are not there yet: wait until they are shown.")
        rows = side_by_side(known(visit.studio.before()), kept.evaluation, other(visit, against).evaluation)
        return {self.file: answers_csv(kept.number, rows).to_dict()}

    @explained
    def as_report(self, against: str | None, state: dict[str, Any] | None, request: gr.Request) -> dict[Any, Any]:
        """Lanes, run, curves, figures and answers as one HTML file, to be saved by the browser."""
        visit, _ = self._kept(request)
        return {self.file: make_report(visit, against, state).to_dict()}

    def _kept(self, request: gr.Request) -> tuple[Visit, KeptRun]:
        visit = self.visits.of(request.session_hash)
        if visit.last is None:
            raise ValueError("There is no run to save: press Forget these words.")
        return visit, visit.last

    def shown(
        self,
        visit: Visit,
        split: str,
        changed: bool,
        size: int,
        against: str | None,
        page: int,
        opened: int | None = None,
    ) -> dict[Any, Any]:
        """The room for a visit's run once its answers are known, or the invitation to start one.

        Args:
            opened: the question under which its answer's tokens are shown, counted over all kinds.
        """
        kept, studio = visit.last, visit.studio
        if kept is None or kept.evaluation is None:
            return {
                self.head: EMPTY,
                self.against: gr.update(visible=False),
                self.begin: gr.update(visible=True),
                self.cards: "",
                self.answers: gr.update(visible=False),
                self.page: 0,
                **self.depth.at_rest(visit),
                **self.stress.at_rest(visit),
            }
        before, beside = known(studio.before()), other(visit, against)
        rows = [
            (number, answers)
            for number, answers in enumerate(side_by_side(before, kept.evaluation, beside.evaluation))
            if split in (ALL, answers[0].split) and not (changed and answers[0].answer == answers[1].answer)
        ]
        pages = max(1, -(-len(rows) // size))
        page = min(max(page, 0), pages - 1)
        part = rows[page * size : (page + 1) * size]
        place = f"{page * size + 1} to {page * size + len(part)} of {len(rows)}" if rows else "None"
        return {
            self.head: f'<p class="pg-lead">{escape(kept.name)}: {escape(describe(kept.config))}</p>',
            self.against: self._choice(visit, against),
            self.begin: gr.update(visible=False),
            self.cards: cards_html(before, kept.evaluation, beside),
            self.answers: gr.update(visible=True),
            self.table: table_html(
                [answers for _, answers in part],
                beside.title,
                [number for number, _ in part],
                None if opened is None else (opened, changes_of(visit, opened)),
            ),
            self.place: f'<p class="pg-soft">{place}</p>',
            self.page: page,
            self.previous: gr.update(interactive=page > 0),
            self.next: gr.update(interactive=page < pages - 1),
            **self.depth.at_rest(visit),
            **self.stress.at_rest(visit),
        }

    def _choice(self, visit: Visit, against: str | None) -> Any:
        """The dropdown of what the run can be held against; hidden where there is no choice."""
        choices = others(visit)
        gone = against not in [value for _, value in choices]
        value = (REFERENCE if visit.studio.reference() is not None else None) if gone else against
        return gr.update(choices=choices, value=value, visible=len(choices) > 1)


# A click on a row's button asks for its tokens; Gradio finds the event's name in this text.
PICK = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-row]');
  if (!button) return;
  button.setAttribute('aria-busy', 'true');
  trigger('pick', { row: Number(button.dataset.row), open: button.getAttribute('aria-expanded') === 'true' });
});
"""


def asked_row(corpus: Corpus, number: int) -> Row:
    """The row behind an answer of an evaluation, by the answer's place. ValueError when there is none."""
    rows = [row for rows in evaluation_rows(corpus).values() for row in rows if row.example.prompt]
    if not 0 <= number < len(rows):
        raise ValueError(f"There is no question {number}: the evaluation asks questions 0 to {len(rows) - 1}.")
    return rows[number]


def changes_of(visit: Visit, number: int) -> str:
    """The lanes of one question's true answer, of the original model and of the visit's current run."""
    kept, studio = visit.last, visit.studio
    row = asked_row(studio.corpus, number)
    if kept is None:
        raise ValueError("There is no run to compare with: press Forget these words.")
    before = answer_log_probs(studio.model, row)
    with kept.weights:
        after = answer_log_probs(kept.model, row)
    return changes_html(studio.model.encode(row.example), before, after, kept.name)
