"""The stage around the lanes: the run that plays on them, the verdict on it, and questions to three models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from itertools import count
from typing import Any

import gradio as gr

from app.look.answers import REFERENCE_TITLE
from app.look.lanes import LANES_ID
from app.look.markup import block
from app.look.texts import say
from app.rooms.stage.frames import kept_frame, replay_frame
from app.rooms.stage.gallery import Gallery
from app.rooms.stage.sharing import Sharing
from app.rooms.stage.words import Verdict, answers_html, matrix_html, verdict, verdict_html
from app.rooms.unlearn.room import UnlearnRoom
from app.rooms.unlearn.words import rescue_words, way_out
from app.server.line import lasting
from app.visit.comparison import known
from app.visit.session import Visit
from app.visit.visits import LATEST, PRIVATE, QUIET, SCORING, Visits, explained
from attribution import matrix
from unlearn.replay import read_replay

# Longer is no question, and would wait long.
MOST_CHARACTERS = 500
LONGEST_ANSWER = 60
ASK_TITLE = "Ask it anything"
ASK_TEXT = "One question, put to the model before the run, after it, and to one that was never taught."
OTHER_ROW = "() => { ForgetLensPage.fold('made'); ForgetLensGallery.otherRow(); return ''; }"
PLAY = (
    f"(frame) => {{ document.querySelector('#{LANES_ID} .fl-lanes')?.forgetLens.play(frame);"
    " ForgetLensLesson.mirror(frame); }"
)


class StageRoom:
    """The widgets under the lanes, and what they do.

    Attributes:
        frame: what the run shows, which the browser plays on the lanes.
    """

    def __init__(self, visits: Visits) -> None:
        self.visits = visits
        self.studio = visits.studio
        self._plays = count(1)
        self.gallery = Gallery()
        self.sharing = Sharing(visits, self._judged)

    def build(self) -> None:
        """Lay out what belongs right under the lanes: the verdict."""
        self.frame = gr.JSON(visible="hidden", elem_id="frame")
        # Pressed by page.js: when the page was opened anew and goes on with its visit, and when a run was asked for.
        self.again = gr.Button(elem_id="taken-up", visible="hidden")
        self.asked = gr.Button(elem_id="run-asked", visible="hidden")
        self.notice = block(elem_classes="pg-notice", elem_id="stage-notice")
        # Filled by gallery.js.
        block('<div class="pg-prepared-place"></div>', elem_id="prepared")
        self.ruling = block(elem_id="ruling")
        # Pressing it is heard by the room of the runs.
        self.rescue = gr.Button(visible=False, elem_id="ruling-rescue", elem_classes="pg-rescue")

    def build_below(self) -> None:
        """Lay out the rest."""
        with gr.Accordion(say("what_made_it"), open=False, elem_classes="pg-fold", elem_id="made") as self.made:
            self.matrix = block(elem_id="matrix")
        self.gallery.build(self.notice)
        self.sharing.build(self.notice)
        with gr.Column(elem_classes=["pg-card", "pg-asking"], elem_id="asking"):
            block(f'<h2 class="pg-title">{ASK_TITLE}</h2><p class="pg-soft">{ASK_TEXT}</p>')
            with gr.Row(elem_classes="pg-line"):
                self.question = gr.Textbox(
                    self.studio.opening.example.prompt,
                    label=say("ask_question"),
                    show_label=False,
                    max_length=MOST_CHARACTERS,
                    elem_id="ask-question",
                    scale=4,
                )
                self.ask = gr.Button(say("ask"), elem_id="ask", scale=0, min_width=120)
            self.examples = gr.Radio(
                self._chips(Visit(self.studio)), show_label=False, label=say("ask_examples"), elem_id="ask-examples"
            )
            self.answers = block(elem_id="ask-answers")

    def wire(self, lanes: gr.HTML, cut: gr.JSON, unlearn: UnlearnRoom) -> Any:
        """Listen to the widgets; returns the event by which a run has ended.

        Args:
            cut: holds the visible cut.
        """
        self.sharing.wire(cut)
        self.unlearn = unlearn
        self.frame.change(None, self.frame, js=PLAY, **PRIVATE)
        asking = {"outputs": [self.notice, self.answers], **QUIET, **SCORING, **LATEST}
        gr.on([self.ask.click, self.question.submit], self.put, self.question, **asking)
        picked = self.examples.input(lambda text: text, self.examples, self.question, **QUIET)
        picked.then(self.put, self.question, **asking)
        looking = {"outputs": [self.notice, self.matrix], **QUIET, **SCORING}
        self.made.expand(self.look, None, **looking)
        # Another row: what stood here was about the one before.
        lanes.change(None, None, self.matrix, js=OTHER_ROW, **PRIVATE)
        # Not in the queue: Stop must not wait behind the run that it stops.
        lanes.stop(unlearn.stop, queue=False, **QUIET)
        return lanes.forget(self.forget, outputs=[self.notice, *unlearn.outputs], **unlearn.training)

    @explained
    @lasting
    def forget(self, given: dict[Any, Any], request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Have the visible cut forgotten, with the settings as they stand."""
        yield from self.unlearn.begin(given, request)

    def follow(self, event: Any) -> Any:
        """Judge anew after an event by which another run is compared; the event that ends it."""
        return event.then(
            self.conclude, None, [self.frame, self.ruling, self.rescue, self.answers, self.examples], **QUIET
        )

    def conclude(self, request: gr.Request) -> dict[Any, Any]:
        """The verdict on the visit's current run; nothing where there is none, or it was not asked yet."""
        visit = self.visits.of(request.session_hash)
        kept, studio = visit.last, visit.studio
        shown = {
            self.frame: kept_frame(kept, studio, instead=True),
            self.answers: "",
            self.examples: gr.update(choices=self._chips(visit)),
            self.rescue: gr.update(visible=False),
        }
        if kept is None or kept.evaluation is None:
            return {**shown, self.ruling: ""}
        found = self._judged(visit)
        way = rescue_words(kept)
        return {
            **shown,
            self.ruling: verdict_html(found, way_out(kept.way_back) if way else ""),
            self.rescue: gr.update(visible=bool(way), value=way),
        }

    def _judged(self, visit: Visit) -> Verdict | None:
        """The verdict on the visit's current run; None where it was not asked yet, or there is nothing to judge."""
        kept, studio = visit.last, visit.studio
        if kept is None or kept.evaluation is None:
            return None
        return verdict(known(studio.before()), kept.evaluation, known(studio.reference()), kept.depth)

    def replay(self, notice: str, request: gr.Request) -> Any:
        """Play how the visit's model was made; nothing where a notice says why its row is not on the lanes."""
        studio = self.visits.of(request.session_hash).studio
        found = None if notice else read_replay(studio.model.folder)
        return gr.skip() if found is None else replay_frame(found, studio, next(self._plays))

    @explained
    def look(self, request: gr.Request) -> dict[Any, Any]:
        """What each word of the question in view does to each token of its answer."""
        visit = self.visits.of(request.session_hash)
        scores = visit.scores or visit.studio.opening
        return {self.matrix: matrix_html(matrix(visit.studio.model, scores.example))}

    @explained
    def put(self, question: str, request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Put one question to the model before, after the current run, and to the one that was never taught."""
        text = " ".join(str(question or "").split())
        if not text:
            raise ValueError("There is no question: type one, or choose one below.")
        if len(text) > MOST_CHARACTERS:
            raise ValueError(f"The question has {len(text)} characters: at most {MOST_CHARACTERS} are taken.")
        visit = self.visits.of(request.session_hash)
        kept, models = visit.last, visit.studio.unchanging()
        asked = {"Before": models["original"]}
        if kept is not None:
            asked[f"After {kept.name}"] = kept.model
        if "reference" in models:
            asked[REFERENCE_TITLE] = models["reference"]
        said: dict[str, str | None] = dict.fromkeys(asked)
        for title, model in asked.items():
            yield {self.answers: answers_html(list(said.items()))}
            with kept.weights if kept is not None and model is kept.model else nullcontext():
                said[title] = model.generate([text], LONGEST_ANSWER)[0]
        yield {self.answers: answers_html(list(said.items()))}

    def _chips(self, visit: Visit) -> list[tuple[str, str]]:
        """Questions that are worth asking: the same in other words, a neighbour, the world."""
        corpus = visit.studio.corpus
        row = visit.row if visit.split == "forget" and visit.row is not None else visit.studio.opening_row
        subject = corpus.forget[row].example.subject if row < len(corpus.forget) else None
        same = [each.example.prompt for each in corpus.paraphrase if subject and subject in each.example.prompt]
        kinds = [("In other words", same or [each.example.prompt for each in corpus.paraphrase])]
        kinds += [("A neighbour", [each.example.prompt for each in corpus.retain])]
        kinds += [("The world", [each.example.prompt for each in corpus.world])]
        return [(f"{title}: {texts[0]}", texts[0]) for title, texts in kinds if texts and texts[0]]
