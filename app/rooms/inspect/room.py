"""Inspect: pick a row or type one, see its tokens scored in lanes, and cut."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import gradio as gr

from app.look.lanes import LANES_ID, initial_rule, lanes_props, make_lanes, mark_stale, read_rule
from app.look.markup import block
from app.look.texts import say
from app.rooms.inspect.words import notes_on
from app.visit.export import SAVE, scores_csv, scores_json
from app.visit.run_config import cut_of
from app.visit.session import Visit
from app.visit.studio import OWN, SPLITS, Studio
from app.visit.visits import LATEST, PRIVATE, QUIET, SCORING, Visits, explained
from attribution import Alternatives, Example, TokenScores
from attribution.scorers import DEFAULT_SCORERS, SCORERS

NAME = '<h1 class="pg-name">Forget Lens</h1>'
LEDE = (
    '<p class="pg-lede">A language model answers from memory. Dark cells mark the words that carry what it knows: drag '
    "the handle or click words, then have it forget exactly those.</p>"
)
CONTROLS = ("random", "oracle")
SCOPES = ("subject", "each", "prompt")


class InspectRoom:
    """The widgets of Inspect and what they do."""

    def __init__(self, visits: Visits) -> None:
        self.visits = visits
        self.studio = visits.studio

    def build(self) -> None:
        """Lay the room out, with the opening row scored."""
        opening = lanes_props(self.studio.opening, instead=self.studio.opening_alternatives)
        with gr.Row(elem_classes="pg-top"):
            block(NAME)
            self.split = gr.Radio(
                [(say(f"split_{split}"), split) for split in (*SPLITS, OWN)],
                value="forget",
                label=say("rows"),
                show_label=False,
                elem_classes="pg-segments",
                elem_id="split",
                scale=0,
                min_width=380,
            )
            self.row = gr.Dropdown(
                choices_of(self.studio, "forget"),
                value=self.studio.opening_row,
                label=say("question"),
                show_label=False,
                elem_id="row",
                scale=3,
                min_width=260,
            )
            self.share = gr.Button(say("share"), elem_id="share", size="sm", scale=0, min_width=80)
        with gr.Row(visible=False, elem_classes=["pg-line", "pg-own"]) as self.own:
            self.prompt = gr.Textbox(
                label=say("own_prompt"), placeholder=say("own_prompt_example"), lines=1, elem_id="own-prompt"
            )
            self.answer = gr.Textbox(
                label=say("own_answer"), placeholder=say("own_answer_example"), lines=1, elem_id="own-answer"
            )
            self.go = gr.Button(say("score"), variant="primary", elem_id="score", scale=0, min_width=110)
        block(LEDE)
        self.notice = block(elem_classes="pg-notice", elem_id="inspect-notice")
        self.lanes = make_lanes(opening, elem_id=LANES_ID)
        self.rule = gr.JSON(initial_rule(opening), visible="hidden", elem_id="rule")

    def build_how(self) -> None:
        """Lay out how rows are scored, folded."""
        with gr.Accordion(say("how_scored"), open=False, elem_classes="pg-fold", elem_id="how"):
            with gr.Row(elem_classes="pg-line"):
                self.scope = gr.Radio(
                    [(say(f"hides_{scope}"), scope) for scope in SCOPES],
                    value="subject",
                    label=say("hides"),
                    elem_id="scope",
                    scale=2,
                )
                self.subject = gr.Textbox(
                    label=say("subject"),
                    info=say("subject_info"),
                    placeholder=self.studio.opening.subject.text or "",
                    elem_id="subject",
                    scale=1,
                    min_width=240,
                )
            self.shown = gr.CheckboxGroup(
                [(info.title, info.name) for info in SCORERS if info.kind == "signal" or info.name in CONTROLS],
                value=list(DEFAULT_SCORERS),
                label=say("lanes"),
                elem_id="shown",
            )
            with gr.Row(elem_classes="pg-buttons"):
                self.save_json = gr.Button("JSON", size="sm", elem_id="scores-json", scale=0, min_width=72)
                self.save_csv = gr.Button("CSV", size="sm", elem_id="scores-csv", scale=0, min_width=72)
                self.save_png = gr.Button("PNG", size="sm", elem_id="lanes-png", scale=0, min_width=72)
                self.embed = gr.Button("Embed", size="sm", elem_id="embed", scale=0, min_width=120)
                self.file = gr.JSON(visible="hidden")

    def wire(self, follow: dict[str, Any]) -> None:
        """Listen to the widgets.

        Args:
            follow: a listener that writes the view into the address.
        """
        typed = [self.split, self.row, self.prompt, self.answer, self.scope]
        asked = [*typed, self.subject, self.shown]
        scoring = {**QUIET, **SCORING, "concurrency_limit": self.studio.settings.scores_at_once}
        scoring["outputs"] = self.outputs
        pressed = [self.go.click, self.subject.submit, self.answer.submit]
        for scored in (
            gr.on(pressed, self.score, asked, **scoring),
            gr.on([self.scope.input, self.shown.input], self.score, asked, **scoring, **LATEST),
            self.split.input(self.pick_split, [self.split, self.scope, self.shown], **scoring, **LATEST),
            self.row.input(self.pick_row, [self.split, self.row, self.scope, self.shown], **scoring, **LATEST),
            self.lanes.subject(self.hide_words, [*typed, self.shown], **scoring),
        ):
            scored.then(**follow)
        # A view that changes may change its rule, too: one listener for both.
        self.lanes.view(**follow)
        for button, save in ((self.save_json, self.as_json), (self.save_csv, self.as_csv)):
            saved = button.click(save, self.rule, [self.notice, self.file], js=read_rule(LANES_ID), **QUIET)
            saved.then(None, self.file, self.file, js=SAVE, **PRIVATE)
        self.save_png.click(None, js="() => ForgetLensPage.savePicture()", **PRIVATE)
        # A row that could not be scored leaves the one before in sight, which must not be taken for it.
        self.notice.change(None, self.notice, js=mark_stale(LANES_ID), **PRIVATE)
        self.share.click(None, js="() => ForgetLensPage.share()", **PRIVATE)
        self.embed.click(None, js="() => ForgetLensModes.copyFrame()", **PRIVATE)

    @property
    def outputs(self) -> list[Any]:
        """What scoring another row writes to."""
        return [self.notice, self.lanes, self.subject, self.own, self.row, self.prompt, self.answer]

    @property
    def whole_view(self) -> list[Any]:
        """What `open` writes to."""
        return [*self.outputs, self.split, self.scope, self.shown, self.rule]

    # What the widgets do ---------------------------------------------------------------------------------------------

    @explained
    def pick_split(self, split: str, scope: str, shown: list[str], request: gr.Request) -> dict[Any, Any]:
        """Other rows to choose from: show and score the first. For own text: start from the row in view."""
        if split == OWN:
            example = self.in_view(request).example
            return {
                self.own: gr.update(visible=True),
                self.row: gr.update(visible=False),
                self.prompt: example.prompt,
                self.answer: example.answer,
            }
        return {
            self.own: gr.update(visible=False),
            self.row: gr.update(
                choices=choices_of(self.visits.of(request.session_hash).studio, split), value=0, visible=True
            ),
            **self.show(split, 0, "", "", scope, "", shown, request),
        }

    @explained
    def pick_row(
        self, split: str, row: int | None, scope: str, shown: list[str], request: gr.Request
    ) -> dict[Any, Any]:
        """Another row of the split: the subject is found anew."""
        return self.show(split, row, "", "", scope, "", shown, request)

    @explained
    def score(
        self,
        split: str,
        row: int | None,
        prompt: str,
        answer: str,
        scope: str,
        subject: str,
        shown: list[str],
        request: gr.Request,
    ) -> dict[Any, Any]:
        """Score what the widgets say."""
        return self.show(split, row, prompt, answer, scope, subject, shown, request)

    @explained
    def hide_words(
        self,
        split: str,
        row: int | None,
        prompt: str,
        answer: str,
        scope: str,
        shown: list[str],
        event: gr.EventData,
        request: gr.Request,
    ) -> dict[Any, Any]:
        """Words of the prompt were clicked in the lanes: they become the subject."""
        subject = str(event._data["text"])
        return {self.subject: subject, **self.show(split, row, prompt, answer, scope, subject, shown, request)}

    @explained
    def as_json(self, cut: dict[str, Any], request: gr.Request) -> dict[Any, Any]:
        """The scores in view and the cut, to be saved by the browser."""
        scores = self.in_view(request)
        return {self.file: scores_json(scores, cut_of(scores, cut)).to_dict()}

    @explained
    def as_csv(self, cut: dict[str, Any], request: gr.Request) -> dict[Any, Any]:
        """The scores in view and the cut, to be saved by the browser."""
        scores = self.in_view(request)
        return {self.file: scores_csv(scores, cut_of(scores, cut)).to_dict()}

    def in_view(self, request: gr.Request) -> TokenScores:
        """The scores that a visit looks at."""
        visit = self.visits.of(request.session_hash)
        return visit.scores or visit.studio.opening

    def show(
        self,
        split: str,
        row: int | None,
        prompt: str,
        answer: str,
        scope: str,
        subject: str,
        shown: list[str],
        request: gr.Request,
        state: dict[str, Any] | None = None,
    ) -> dict[Any, Any]:
        """Score one row, remember it for the visit, and fill the lanes.

        Raises:
            ValueError: whatever makes the row impossible to score; the visit keeps the row it had.
        """
        visit = self.visits.of(request.session_hash)
        studio = visit.studio
        if split == OWN:
            example = Example(prompt, answer, id=OWN, subject=subject or None)
        else:
            if row is None:
                raise ValueError("No question is chosen: pick one from the list, or type a text of your own.")
            picked = studio.row(split, int(row)).example
            example = dataclasses.replace(picked, subject=subject or None)
        names = tuple(info.name for info in SCORERS if info.name in shown)
        if not names:
            raise ValueError("No lane is chosen: tick at least one scorer under 'How it is scored'.")
        scores = studio.score(example, names, scope)
        visit.mask_scope = scope
        result = self._put(visit, scores, split, row, state, studio.alternatives(example))
        return result if not subject else {self.lanes: result[self.lanes]}

    def _put(
        self,
        visit: Visit,
        scores: TokenScores,
        split: str,
        row: int | None,
        state: dict[str, Any] | None,
        instead: Alternatives | None = None,
    ) -> dict[Any, Any]:
        """Remember a scored row for the visit, and fill the lanes and the field of its subject."""
        visit.scores, visit.split = scores, split
        visit.row = None if split == OWN else int(row or 0)
        # The scores stay as they were made: what is said of them is for the eye.
        said = dataclasses.replace(scores, notes=notes_on(scores))
        return {
            self.lanes: lanes_props(said, state, instead),
            self.subject: gr.update(value="", placeholder=scores.subject.text or "none found"),
        }

    def open(
        self,
        split: str,
        row: int | None,
        scope: str,
        shown: Sequence[str],
        state: dict[str, Any] | None,
        request: gr.Request,
        prompt: str = "",
        answer: str = "",
        subject: str = "",
    ) -> dict[Any, Any]:
        """Show a whole view: a row, how the lanes show it, and every widget as if it had been chosen by hand.

        Args:
            state: how the lanes are shown, in the shape of their `view` event; None leaves them as they are.

        Raises:
            ValueError: as `show`.
        """
        shown_row = self.show(split, row, prompt, answer, scope, subject, list(shown), request, state)
        typed = {self.subject: subject, self.prompt: prompt, self.answer: answer}
        return {**typed, **shown_row, **self._around(shown_row[self.lanes], split, row, scope, list(shown), request)}

    def _around(
        self, lanes: dict[str, Any], split: str, row: int | None, scope: str, shown: list[str], request: gr.Request
    ) -> dict[Any, Any]:
        """The widgets around the lanes as if the row that they show had been chosen by hand."""
        own = split == OWN
        studio = self.visits.of(request.session_hash).studio
        rows = {} if own else {"choices": choices_of(studio, split), "value": row}
        return {
            self.notice: "",
            self.own: gr.update(visible=own),
            self.row: gr.update(visible=not own, **rows),
            self.split: split,
            self.scope: scope,
            self.shown: shown,
            self.rule: initial_rule(lanes),
        }

    def open_first(self, request: gr.Request) -> dict[Any, Any]:
        """Show the row that the visit's rows begin with, in the scorers that its model can have."""
        studio = self.visits.of(request.session_hash).studio
        return self.open("forget", studio.opening_row, "subject", studio.scorers, None, request)

    def open_text(self, example: Example, shown: Sequence[str], request: gr.Request) -> dict[Any, Any]:
        """Show a question and an answer as a text of the visitor's own."""
        return self.open(OWN, None, "subject", shown, None, request, example.prompt, example.answer)

    def open_scores(self, scores: TokenScores, state: dict[str, Any], request: gr.Request) -> dict[Any, Any]:
        """Show a row whose scores are there already, as a text of the visitor's own that was opened with a cut."""
        visit = self.visits.of(request.session_hash)
        visit.mask_scope = "subject"
        row = self._put(visit, scores, OWN, None, state)
        typed = {self.prompt: scores.example.prompt, self.answer: scores.example.answer}
        shown = [name for name in scores.columns if name in DEFAULT_SCORERS]
        return {**typed, **row, **self._around(row[self.lanes], OWN, None, "subject", shown, request)}


def choices_of(studio: Studio, split: str) -> list[tuple[str, int]]:
    """What the row's dropdown offers: the questions of a split, with their numbers."""
    return [(f"{number}  {row.example.prompt}", number) for number, row in enumerate(studio.rows(split))]
