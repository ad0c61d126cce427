"""Compare: the same questions before and after a run, and what a model says that never learned them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.export import answers_csv, run_json
from app.kept_run import KeptRun
from app.markup import alert, block, count, differences, escape, explained, refused, with_facts
from app.run_words import describe
from app.session import Visit, Visits
from app.studio import Studio
from unlearn import Evaluation, evaluate
from unlearn.metrics import Answer

SPLIT_TITLES = {"forget": "Forget", "paraphrase": "Paraphrase", "retain": "Retain", "world": "World"}
ALL, CHANGED = "all", "changed"
PAGE_SIZES = (10, 25, 50, 100)
# A model that has lost its speech repeats itself for ever; the CSV has every character.
LONGEST = 200
WAIT_SECONDS = 0.4


@dataclass(frozen=True)
class Metric:
    """A figure on a card: its name in `Evaluation.metrics`, its title, the good direction, and a plain sentence."""

    name: str
    title: str
    higher_is_better: bool
    noun: str
    sentence: str


METRICS = (
    Metric(
        "forget_recall", "Facts to forget", False, "fact", "Share of the facts to forget that answers still contain."
    ),
    Metric(
        "paraphrase_recall", "The same, asked otherwise", False, "fact", "Those facts asked in words never trained."
    ),
    Metric("retain_recall", "Facts to keep", True, "fact", "Share of facts about everybody else still in the answers."),
    Metric("world_recall", "World knowledge", True, "fact", "Share of general knowledge still in the answers."),
    Metric(
        "structure", "Structure", True, "token", "Mean probability of words that carry no fact: does it still speak?"
    ),
    Metric("subject", "Subject", True, "token", "Mean probability of the name asked about: is it the right person?"),
)


class CompareRoom:
    """The widgets of Compare and what they do."""

    def __init__(self, studio: Studio, visits: Visits) -> None:
        self.studio = studio
        self.visits = visits

    def build(self) -> None:
        """Lay the room out."""
        self.notice = block(elem_classes="pg-notice", elem_id="compare-notice")
        self.head = block(EMPTY, elem_id="compare-head")
        self.begin = gr.Button("Go to Unlearn", variant="primary", elem_id="to-unlearn", elem_classes="pg-begin")
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
            self.table = block(elem_id="answers")
            with gr.Row(elem_classes="pg-pager"):
                self.previous = gr.Button("Previous", size="sm", elem_id="previous", scale=0, min_width=100)
                self.place = block(elem_id="place")
                self.next = gr.Button("Next", size="sm", elem_id="next", scale=0, min_width=100)
                self.save_json = gr.Button("Run as JSON", size="sm", elem_id="run-json", scale=0, min_width=110)
                self.save_csv = gr.Button("Answers as CSV", size="sm", elem_id="answers-csv", scale=0, min_width=130)
        self.page = gr.State(0)
        self.file = gr.JSON(visible="hidden")

    @property
    def outputs(self) -> list[Any]:
        """What a comparison writes to."""
        return [
            self.notice,
            self.head,
            self.begin,
            self.cards,
            self.answers,
            self.table,
            self.place,
            self.page,
            self.previous,
            self.next,
        ]

    @property
    def view(self) -> list[Any]:
        """What decides which answers are shown."""
        return [self.split, self.changed, self.size]

    # What the widgets do ---------------------------------------------------------------------------------------------

    def compare(self, split: str, changed: bool, size: int, request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Ask the last run's model every question, saying how far it is, and show the answers side by side."""
        visit = self.visits.of(request.session_hash)
        kept = visit.last
        try:
            if kept is not None:
                for sentence in waiting(visit.studio or self.studio, kept):
                    yield {self.notice: "", self.head: busy_html(kept, sentence), self.begin: gr.update(visible=False)}
            yield self.shown(visit, split, changed, size, 0)
        except ValueError as error:
            yield {self.notice: alert(str(error))}

    @explained
    def filtered(self, split: str, changed: bool, size: int, request: gr.Request) -> dict[Any, Any]:
        """Other questions, or another page size: from the first page on. Nothing is computed anew."""
        return self.shown(self.visits.of(request.session_hash), split, changed, size, 0)

    @explained
    def back(self, split: str, changed: bool, size: int, page: int, request: gr.Request) -> dict[Any, Any]:
        """The page before."""
        return self.shown(self.visits.of(request.session_hash), split, changed, size, page - 1)

    @explained
    def forward(self, split: str, changed: bool, size: int, page: int, request: gr.Request) -> dict[Any, Any]:
        """The page after."""
        return self.shown(self.visits.of(request.session_hash), split, changed, size, page + 1)

    @explained
    def as_json(self, request: gr.Request) -> dict[Any, Any]:
        """The run in view, to be saved by the browser."""
        kept, studio = self._kept(request)
        before, reference = known(studio.before()), known(studio.reference())
        return {self.file: run_json(kept, studio.corpus, before, reference).to_dict()}

    @explained
    def as_csv(self, request: gr.Request) -> dict[Any, Any]:
        """Every answer, to be saved by the browser."""
        kept, studio = self._kept(request)
        if kept.evaluation is None:
            raise ValueError("The answers are not there yet: wait until they are shown.")
        rows = side_by_side(known(studio.before()), kept.evaluation, known(studio.reference()))
        return {self.file: answers_csv(kept.number, rows).to_dict()}

    def _kept(self, request: gr.Request) -> tuple[KeptRun, Studio]:
        visit = self.visits.of(request.session_hash)
        if visit.last is None:
            raise ValueError("There is no run to save: start one in Unlearn.")
        return visit.last, visit.studio or self.studio

    def shown(self, visit: Visit, split: str, changed: bool, size: int, page: int) -> dict[Any, Any]:
        """The room for a visit's last run once its answers are known, or the invitation to start one."""
        kept, studio = visit.last, visit.studio or self.studio
        if kept is None or kept.evaluation is None:
            return {
                self.notice: "",
                self.head: EMPTY,
                self.begin: gr.update(visible=True),
                self.cards: "",
                self.answers: gr.update(visible=False),
                self.page: 0,
            }
        before, reference = known(studio.before()), known(studio.reference())
        rows = [
            answers
            for answers in side_by_side(before, kept.evaluation, reference)
            if split in (ALL, answers[0].split) and not (changed and answers[0].answer == answers[1].answer)
        ]
        pages = max(1, -(-len(rows) // size))
        page = min(max(page, 0), pages - 1)
        part = rows[page * size : (page + 1) * size]
        place = f"{page * size + 1} to {page * size + len(part)} of {len(rows)}" if rows else "None"
        return {
            self.notice: "",
            self.head: f'<p class="pg-lead">Run {kept.number}: {escape(describe(kept.config))}</p>',
            self.begin: gr.update(visible=False),
            self.cards: cards_html(before, kept.evaluation, reference),
            self.answers: gr.update(visible=True),
            self.table: table_html(part),
            self.place: f'<p class="pg-soft">{place}</p>',
            self.page: page,
            self.previous: gr.update(interactive=page > 0),
            self.next: gr.update(interactive=page < pages - 1),
        }


EMPTY = (
    '<div class="pg-card pg-empty"><h3>Nothing to compare yet</h3><p>Run an unlearning pass first. Then every '
    "question is asked three times: to the original model, to the one that has forgotten, and to one that was never "
    "taught the authors to forget.</p></div>"
)


# Answers -------------------------------------------------------------------------------------------------------------


def waiting(studio: Studio, kept: KeptRun) -> Iterator[str]:
    """Compute what a comparison needs and is not there yet; yields what is being done, some times a second."""
    futures = [(studio.before(), "the original model"), (studio.reference(), "the retrained reference")]
    total = 1 + sum(future is not None for future, _ in futures)
    if kept.evaluation is None:
        yield f"Asking the model that has forgotten (1 of {total})"
        kept.evaluation = evaluate(kept.model, studio.corpus)
    for number, (future, who) in enumerate(futures, start=2):
        while future is not None and not future.done():
            yield f"Asking {who} ({number} of {total})"
            time.sleep(WAIT_SECONDS)
        if future is not None:
            future.result()


def known(future: Future[Evaluation] | None) -> Evaluation | None:
    """The evaluation, if it is there; None while it is computed."""
    return future.result() if future is not None and future.done() else None


def side_by_side(
    before: Evaluation | None, after: Evaluation, reference: Evaluation | None
) -> list[tuple[Answer, Answer, Answer | None]]:
    """(before, after, reference) for every question, in the order they were asked."""
    if before is None:
        raise ValueError("The original model's answers are not there yet: try again in a few seconds.")
    references = reference.answers if reference is not None else (None,) * len(after.answers)
    return list(zip(before.answers, after.answers, references, strict=True))


# In HTML -------------------------------------------------------------------------------------------------------------


def busy_html(kept: KeptRun, sentence: str) -> str:
    """The head of the room while answers are computed."""
    return (
        f'<p class="pg-lead">Run {kept.number}: {escape(describe(kept.config))}</p>'
        f'<p class="pg-busy" role="status">{escape(sentence)}</p>'
    )


def cards_html(before: Evaluation | None, after: Evaluation, reference: Evaluation | None) -> str:
    """A card per figure: before and after, the good direction, the reference, n, and one sentence."""
    cards = [_card(metric, before, after, reference) for metric in METRICS if metric.name in after.metrics]
    return f'<div class="pg-cards">{"".join(cards)}</div>'


def _card(metric: Metric, before: Evaluation | None, after: Evaluation, reference: Evaluation | None) -> str:
    now = after.metrics[metric.name]
    was = before.metrics.get(metric.name) if before else None
    target = reference.metrics.get(metric.name) if reference else None
    arrow, direction = ("↑", "higher is better") if metric.higher_is_better else ("↓", "lower is better")
    n = count(after.counts[metric.name], metric.noun)
    marks = "".join(
        f'<i class="pg-{kind}" style="left:{100 * value:.1f}%"></i>'
        for kind, value in (("was", was), ("target", target), ("now", now))
        if value is not None
    )
    return (
        f'<section class="pg-metric" data-metric="{metric.name}"><h4>{metric.title}</h4>'
        f'<p class="pg-figure">{_number(was)} <span aria-label="to">→</span> <b>{now:.2f}</b></p>'
        f'<div class="pg-scale" aria-hidden="true">{marks}</div>'
        f'<p class="pg-direction">{arrow} {direction}; reference {_number(target)}</p>'
        f'<p class="pg-soft">{metric.sentence} <span class="pg-n">n = {n}</span></p></section>'
    )


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def table_html(rows: list[tuple[Answer, Answer, Answer | None]]) -> str:
    """Question, before, after, reference; facts underlined, changed words marked."""
    if not rows:
        return '<p class="pg-empty">No answer of this kind: choose other questions above.</p>'
    body = "".join(
        f'<tr data-split="{before.split}"><td data-title="Question"><span class="pg-chip">{SPLIT_TITLES[before.split]}'
        f"</span> {escape(before.question)}</td>"
        f'<td data-title="Before">{with_facts(before.answer, before.facts)}</td>'
        f'<td data-title="After">{_changed(before, after)}</td>'
        f'<td data-title="Retrained">{_changed(before, reference) if reference else ""}</td></tr>'
        for before, after, reference in rows
    )
    return (
        '<table class="pg-answers"><thead><tr><th>Question</th><th>Before</th><th>After this run</th>'
        f"<th>Never taught (reference)</th></tr></thead><tbody>{body}</tbody></table>"
    )


def _changed(before: Answer, other: Answer) -> str:
    if other.answer == before.answer:
        return '<span class="pg-soft">unchanged</span>'
    if not other.answer:
        return '<span class="pg-soft">(no answer)</span>'
    shown = differences(before.answer, other.answer[:LONGEST])
    rest = len(other.answer) - LONGEST
    return shown if rest <= 0 else f'{shown} <span class="pg-soft">… and {count(rest, "more character")}</span>'


# The API -------------------------------------------------------------------------------------------------------------


def compare_endpoint(shared: Studio, visits: Visits) -> Callable[..., dict[str, Any]]:
    """The function behind `/compare`."""

    def compare(request: gr.Request, split: str = ALL, limit: int = 50, offset: int = 0) -> dict[str, Any]:
        """Figures and answers of the original model, of your session's last run, and of the retrained reference.

        Without a run in this session, `after` is null.

        Args:
            split: all, forget, paraphrase, retain or world.
            limit: how many answers to return at most.
            offset: how many to leave out first.

        Returns:
            {"run", "metrics": {"before", "after", "reference"}, "total",
             "answers": [{"split", "question", "prompt", "truth", "facts", "before", "after", "reference"}]}
        """
        try:
            if split != ALL and split not in SPLIT_TITLES:
                raise ValueError(f"The split {split!r} is unknown: choose from {', '.join((ALL, *SPLIT_TITLES))}.")
            if limit < 0 or offset < 0:
                raise ValueError(f"limit and offset must be at least 0, not {limit} and {offset}.")
            visit = visits.of(request.session_hash)
            kept, studio = visit.last, visit.studio or shared
            before, reference = studio.before().result(), studio.reference()
            target = reference.result() if reference is not None else None
            if kept is not None:
                for _ in waiting(studio, kept):
                    pass
        except ValueError as error:
            raise refused(error) from error
        after = kept.evaluation if kept is not None else None
        evaluations = {"before": before, "after": after, "reference": target}
        rows = [
            {
                "split": asked.split,
                "question": asked.question,
                "prompt": asked.prompt,
                "truth": asked.truth,
                "facts": list(asked.facts),
                **{name: each.answers[i].answer if each else None for name, each in evaluations.items()},
            }
            for i, asked in enumerate(before.answers)
            if split in (ALL, asked.split)
        ]
        return {
            "run": None if kept is None else {"number": kept.number, "config": kept.config.to_dict()},
            "metrics": {name: each.to_dict() if each else None for name, each in evaluations.items()},
            "total": len(rows),
            "answers": rows[offset : offset + limit],
        }

    return compare
