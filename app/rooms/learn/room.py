"""Learn: a ten-minute lesson. Each step sets the page up, gives one thing to do and asks one question about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from app.look.glossary import glossary_html
from app.look.markup import block, escape
from app.look.texts import say
from app.rooms.learn.words import (
    LIMITS,
    STEPS,
    LessonStep,
    head_html,
    progress_html,
    task_html,
    verdict_html,
)
from app.visit.visits import QUIET, SCORING, Visits, explained

Prepare = Callable[[LessonStep, gr.Request], dict[Any, Any]]


class LessonCard:
    """One step of the lesson: its button, its question, and what is right."""

    def __init__(self, number: int, room: LearnRoom) -> None:
        self.number = number
        self.step = STEPS[number - 1]
        self.room = room

    def build(self) -> None:
        """Lay the card out."""
        question = self.step.question
        with gr.Column(elem_classes=["pg-card", "pg-lesson"], elem_id=f"step-{self.number}"):
            with gr.Row(elem_classes="pg-lesson-head"):
                self.head = block(head_html(self.number, False))
                self.go = gr.Button(
                    self.step.button, elem_id=f"lesson-{self.number}", scale=0, min_width=260, size="md"
                )
            with gr.Row(elem_classes="pg-lesson-ask"):
                self.choice = gr.Radio(
                    [(title, value) for value, title in question.options],
                    label=question.text,
                    elem_id=f"question-{self.number}",
                )
                self.answer = gr.Button(say("check"), size="sm", elem_id=f"check-{self.number}", scale=0, min_width=90)
            # The verdict on an answer, or why there is none.
            self.notice = block(elem_id=f"verdict-{self.number}")

    def wire(self, outputs: list[Any]) -> Any:
        """Listen to the buttons; returns the event by which the page is set up."""
        room = self.room
        self.answer.click(self.check, [self.choice, room.solved], [self.notice, room.solved, *room.marks], **QUIET)
        return self.go.click(self.set_up, None, [self.notice, *outputs], **QUIET, **SCORING)

    @explained
    def set_up(self, request: gr.Request) -> dict[Any, Any]:
        """Set the other rooms up, and say in the strip what there is to do."""
        room = self.room
        shown = {room.strip: gr.update(visible=True), room.task: task_html(self.number)}
        return {**room.prepare(self.step, request), **shown}

    @explained
    def check(self, choice: str | None, solved: list[int], request: gr.Request) -> dict[Any, Any]:
        """Hold an answer against what the page has computed."""
        if choice is None:
            raise ValueError("Choose an answer first.")
        room, question = self.room, self.step.question
        found = question.judge(room.visits.of(request.session_hash), room.visits.studio)
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
        prepare: sets the other rooms up for a step: which of their widgets show what.
    """

    def __init__(self, visits: Visits, prepare: Prepare) -> None:
        self.visits = visits
        self.prepare = prepare
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
        self.progress = block(progress_html([]), elem_id="lesson-progress")
        for card in self.cards:
            card.build()
        block(glossary_html())
        items = "".join(f"<li>{escape(limit)}</li>" for limit in LIMITS)
        block(f'<div class="pg-card pg-limits"><h2>Honest limits</h2><ul>{items}</ul></div>')

    def wire(self, page: gr.Blocks, outputs: list[Any]) -> Iterator[tuple[LessonCard, Any]]:
        """Listen to the widgets; gives each card with the event by which it sets the page up.

        Args:
            outputs: what `prepare` writes to.
        """
        page.load(self.marked, self.solved, self.marks, **QUIET)
        self.leave.click(lambda: gr.update(visible=False), None, self.strip, **QUIET)
        for card in self.cards:
            yield card, card.wire([*outputs, self.strip, self.task])

    @property
    def marks(self) -> list[Any]:
        """What an answer writes to besides its verdict."""
        return [self.progress, *(card.head for card in self.cards)]

    def marked(self, solved: list[int]) -> dict[Any, Any]:
        """The ticks of the steps whose question was answered."""
        known = [card.number for card in self.cards if card.number in (solved or [])]
        heads = {card.head: head_html(card.number, card.number in known) for card in self.cards}
        return {self.progress: progress_html(known), **heads}
