"""The first way: a fact that somebody types. The small model is taught it in seconds, so that it can be forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp
from typing import Any

import gradio as gr

from app.look.markup import block
from app.look.texts import say
from app.rooms.own.knows import taught_html, typed_html
from app.rooms.own.path import Brought, Path, Shown
from app.rooms.own.words import step_html
from app.visit.models import Loading
from app.visit.training import memory_said
from app.visit.visits import QUIET, SCORING, TRAINING, explained
from attribution import Example
from attribution.data.rows import Row
from attribution.text.example import Span
from unlearn.metrics import answer_log_probs
from unlearn.teaching import teach

TYPED = "typed"
MOST_TOKENS = 128
"""Of question and answer together: more is no fact, and would take long."""
MOST_STEPS = 60


class FactPath(Path):
    """The widgets of a typed fact. It is taught to the page's own model, whichever the visit works with."""

    def build(self, notice: gr.HTML) -> None:
        """Lay them out."""
        self.notice = notice
        block(step_html(1, "Type a fact", "A question, and the answer that the model is to give. Make something up."))
        with gr.Row(elem_classes="pg-line"):
            self.question = gr.Textbox(
                label=say("fact_question"), placeholder="Where was Mirabel Tolland born?", elem_id="own-fact-question"
            )
            self.answer = gr.Textbox(
                label=say("fact_answer"),
                placeholder="Mirabel Tolland was born in Skarvik.",
                elem_id="own-fact-answer",
            )
            self.words = gr.Textbox(label=say("fact_words"), placeholder="Skarvik", elem_id="own-fact-words")
        with gr.Row(elem_classes="pg-buttons"):
            self.ask = gr.Button(say("fact_ask"), elem_id="own-fact-ask", scale=0, min_width=190)
            self.teach = gr.Button(
                say("fact_teach"), variant="primary", elem_id="own-fact-teach", scale=0, min_width=150
            )

    def wire(self, knows: gr.HTML, taken: list[Any]) -> None:
        """Listen to them.

        Args:
            knows: where it is said what the model knows.
            taken: what giving the visit something else to work with writes to.
        """
        typed = [self.question, self.answer, self.words]
        self.knows = knows
        asks = [self.ask.click, self.words.submit, self.answer.submit]
        gr.on(asks, self.look, typed, [self.notice, knows], **QUIET, **SCORING)
        self.teach.click(self.take_fact, typed, taken, **QUIET, **TRAINING)

    @property
    def takers(self) -> list[gr.Button]:
        """The button that teaches."""
        return [self.teach]

    def example(self, question: str, answer: str, words: str) -> Example:
        """The fact as a row, its words marked where they are said.

        Raises:
            ValueError: a part is missing or too long, or the answer does not hold the words.
        """
        question, answer, words = (" ".join(str(text or "").split()) for text in (question, answer, words))
        if not question or not answer:
            raise ValueError("A fact is a question and its answer: type both.")
        start = answer.find(words)
        if start < 0:
            raise ValueError(f"The answer does not hold {words[:80]!r}: type the words as they stand in it.")
        spans = (Span(start, start + len(words), "fact"),) if words else ()
        found = self.studio.checked(Example(question, answer, spans=spans, id=TYPED))
        tokens = len(self.studio.model.encode(found))
        if tokens > MOST_TOKENS:
            raise ValueError(f"The fact has {tokens} tokens and at most {MOST_TOKENS} are taught: shorten it.")
        return found

    @explained
    def look(self, question: str, answer: str, words: str, request: gr.Request) -> Shown:
        """What the page's own model says now, before anything is trained."""
        example = self.example(question, answer, words)
        model = self.studio.model
        lowest = exp(min(answer_log_probs(model, Row(example))))
        return {self.knows: typed_html(model.generate([example.prompt])[0], example.answer, lowest)}

    @explained
    def take_fact(self, question: str, answer: str, words: str, request: gr.Request) -> Iterator[Shown]:
        """Teach it to a copy of the page's own model, and give that to the visit with the fact to forget."""
        example = self.example(question, answer, words)
        visit = self.visits.of(request.session_hash)

        def work(loading: Loading) -> Brought:
            def told(step: int) -> None:
                loading.go_on(f"Teaching it, step {step} of {MOST_STEPS} at most")

            with visit.training(), memory_said(self.studio):
                taught = teach(self.studio.model, example, self.studio.corpus.retain, MOST_STEPS, progress=told)
            if not taught.known:
                raise ValueError(
                    f"It has not learned it in {MOST_STEPS} steps and says {taught.after[:200]!r}: take a shorter "
                    "answer, or simpler words."
                )
            return Brought(taught.model, taught.corpus(self.studio.corpus), knows=taught_html(taught))

        yield from self.take(work, request)
