"""Learn: a ten-minute lesson. Each step sets the page up, gives one thing to do and asks one question about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from app.look.glossary import glossary_html
from app.look.markup import alert, block, escape
from app.look.texts import say
from app.rooms.inspect.room import InspectRoom
from app.rooms.learn.questions import BEST_LANE, CONTROL, CUT_OR_WHOLE, FACTS_SHARE, SILENCE, STRUCTURE, Question
from app.rooms.unlearn.room import UnlearnRoom
from app.visit.run_config import OWN_CUT, form_values
from attribution.scorers.registry import DEFAULT_SCORERS


@dataclass(frozen=True)
class Step:
    """A step of the lesson, and how its button sets the page up.

    Attributes:
        task: what to do there, for the strip that goes along.
        question: asked afterwards.
        room: the tab that opens.
        lanes: the scorers shown in Inspect; the opening row is scored with them.
        active: the lane that goes to Unlearn.
        cuts: scorer -> {"kind", "cut"}.
        strategy: what Unlearn is set to.
    """

    title: str
    text: str
    button: str
    task: str
    question: Question
    room: str
    lanes: tuple[str, ...] = DEFAULT_SCORERS
    active: str = "learned"
    cuts: dict[str, dict[str, Any]] = field(default_factory=dict)
    strategy: str = "hard"


STEPS: tuple[Step, ...] = (
    Step(
        "An answer is mostly not the fact",
        "Of the words in an answer only a few carry what is known: a place, a year, a title. The rest is grammar, and "
        "the name that the question already gave. Look at the outlines in Inspect: those are the facts, known because "
        "this little world was invented with them.",
        "Show an answer",
        "Look at the outlined words: they are the facts.",
        FACTS_SHARE,
        "inspect",
    ),
    Step(
        "Four ways to find it",
        "Masking hides the person's name and sees which words the model can no longer predict. Entropy asks where the "
        "model was unsure. Learned is a small detector trained while a model forgets. Fused joins the first two. None "
        "of them is told where the facts are. Drag the cuts and watch what each would select.",
        "Compare the lanes",
        "Drag the cut of each lane and watch F1. Then read AUROC.",
        BEST_LANE,
        "inspect",
        active="masking",
        cuts={name: {"kind": "top", "cut": 0.3} for name in DEFAULT_SCORERS},
    ),
    Step(
        "Forget everything, and it hurts",
        "The plain method pushes down every word of the answer. The fact goes, and so do the name and the sentence "
        "around it. Start this run and watch the curve of structure and the sample answer.",
        "Set up a whole-sequence run",
        "Press Start. Watch structure and the sample answer.",
        STRUCTURE,
        "unlearn",
        strategy="sequence",
    ),
    Step(
        "Forget only the cut",
        "Now the same with the tokens that the learned lane selects, the person's name left out. Forget recall falls "
        "as far; structure and the right name should stay.",
        "Set up a run on the cut",
        "Press Start. Compare structure with the run before.",
        CUT_OR_WHOLE,
        "unlearn",
    ),
    Step(
        "Was it the selection?",
        "Perhaps any third of the tokens would do. The control is a run on as many tokens drawn at random. If it "
        "forgets as well, the scores were not what helped. Always run it before you believe a method.",
        "Set up the random control",
        "Press Start. As many tokens as before, but drawn at random.",
        CONTROL,
        "unlearn",
        lanes=(*DEFAULT_SCORERS, "random"),
        active="random",
    ),
    Step(
        "Forgetting, or only silence?",
        "A model that has lost its speech also recalls nothing. So look at both sides: the facts to forget are gone, "
        "also when asked in other words, and the answers about everybody else are unchanged. The last column is a "
        "model that was never taught these authors: no forgetting can honestly look better than that.",
        "Compare the answers",
        "Read the cards, then the answers of every kind.",
        SILENCE,
        "compare",
    ),
)

LIMITS = (
    "The models are small and their world is invented: they show every idea in seconds, not how a large model fares.",
    "Some formulas are known to us from summaries only; each lane says which.",
    "Forgotten means: the fact is not in the most probable answer, to the question and to a rephrasing of it. "
    "Sampling, other questions or a little fine-tuning may bring it back. Nothing here certifies erasure.",
    "A score ranks tokens; it does not explain the model.",
)


class LearnRoom:
    """The widgets of Learn, and how each step sets up the other rooms."""

    def __init__(self, inspect_room: InspectRoom, unlearn_room: UnlearnRoom) -> None:
        self.inspect_room = inspect_room
        self.unlearn_room = unlearn_room

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
        self.buttons: list[gr.Button] = []
        self.heads: list[gr.HTML] = []
        self.choices: list[gr.Radio] = []
        self.checks: list[gr.Button] = []
        self.verdicts: list[gr.HTML] = []
        for number, step in enumerate(STEPS, start=1):
            with gr.Column(elem_classes=["pg-card", "pg-lesson"], elem_id=f"step-{number}"):
                with gr.Row(elem_classes="pg-lesson-head"):
                    self.heads.append(block(head_html(number, False)))
                    self.buttons.append(
                        gr.Button(step.button, elem_id=f"lesson-{number}", scale=0, min_width=260, size="md")
                    )
                with gr.Row(elem_classes="pg-lesson-ask"):
                    self.choices.append(
                        gr.Radio(
                            [(title, value) for value, title in step.question.options],
                            label=step.question.text,
                            elem_id=f"question-{number}",
                        )
                    )
                    self.checks.append(
                        gr.Button(say("check"), size="sm", elem_id=f"check-{number}", scale=0, min_width=90)
                    )
                self.verdicts.append(block(elem_id=f"verdict-{number}"))
        block(glossary_html())
        items = "".join(f"<li>{escape(limit)}</li>" for limit in LIMITS)
        block(f'<div class="pg-card pg-limits"><h2>Honest limits</h2><ul>{items}</ul></div>')

    @property
    def outputs(self) -> list[Any]:
        """What setting up a step writes to, besides the tabs."""
        room = self.unlearn_room
        return [*self.inspect_room.whole_view, *room.filled, self.strip, self.task]

    @property
    def marks(self) -> list[Any]:
        """What an answer writes to besides its verdict."""
        return [self.progress, *self.heads]

    def marked(self, solved: list[int]) -> dict[Any, Any]:
        """The ticks of the steps whose question was answered."""
        known = [number for number in range(1, len(STEPS) + 1) if number in (solved or [])]
        heads = {head: head_html(number, number in known) for number, head in enumerate(self.heads, start=1)}
        return {self.progress: progress_html(known), **heads}

    def check(self, number: int, choice: str | None, solved: list[int], request: gr.Request) -> dict[Any, Any]:
        """Hold an answer against what the page has computed."""
        room, verdict = self.inspect_room, self.verdicts[number - 1]
        question = STEPS[number - 1].question
        try:
            if choice is None:
                raise ValueError("Choose an answer first.")
            visit = room.visits.of(request.session_hash)
            found = question.judge(visit, room.studio)
        except ValueError as error:
            return {verdict: alert(str(error))}
        right = choice in found.right
        solved = sorted({*(solved or []), number}) if right else solved
        titles = dict(question.options)
        answer = " or ".join(titles[value] for value in titles if value in found.right)
        head = "That is right." if right else f"Not quite: {answer}."
        kind = "pg-right" if right else "pg-wrong"
        return {
            verdict: f'<p class="pg-verdict {kind}" role="status"><b>{escape(head)}</b> {escape(found.because)}</p>',
            self.solved: solved,
            **self.marked(solved),
        }

    def set_up(self, number: int, request: gr.Request) -> dict[Any, Any]:
        """Score the opening row in the step's lanes, with its cuts, and set Unlearn to its strategy."""
        step = STEPS[number - 1]
        room, unlearn_room = self.inspect_room, self.unlearn_room
        # The lesson is about the embedded model and its rows.
        room.visits.of(request.session_hash).take(None)
        row = room.studio.opening_row
        state = {"active": step.active, "cuts": dict(step.cuts), "keep_given": False, "view": "lanes"}
        shown = room.open("forget", row, "subject", step.lanes, state, request)
        values = {**form_values(OWN_CUT, unlearn_room.form.most_steps), "strategy": step.strategy}
        return {
            **shown,
            **unlearn_room.set_to(values, shown[room.rule], request),
            self.strip: gr.update(visible=True),
            self.task: task_html(number),
        }


def head_html(number: int, solved: bool) -> str:
    """A step's number, title and text; a tick in place of the number once its question was answered."""
    step = STEPS[number - 1]
    badge = '<span class="pg-number pg-solved" role="img" aria-label="answered">✓</span>'
    if not solved:
        badge = f'<span class="pg-number" aria-hidden="true">{number}</span>'
    return f'<div class="pg-step">{badge}<div><h3>{escape(step.title)}</h3><p>{escape(step.text)}</p></div></div>'


def task_html(number: int) -> str:
    """What the strip says: which step, and what there is to do."""
    head = f"Lesson, step {number} of {len(STEPS)}."
    return f'<p class="pg-task" data-step="{number}"><b>{head}</b> {escape(STEPS[number - 1].task)}</p>'


def progress_html(solved: list[int]) -> str:
    """The head of the room: what it is, and how far one has come."""
    done, total = len(solved), len(STEPS)
    sentence = f"{done} of {total} questions answered."
    if done == total:
        sentence += " That was the lesson: now try texts of your own."
    return (
        '<div class="pg-intro"><h2>Forgetting a fact, in six steps</h2><p>About ten minutes. Each button sets the page '
        "up and takes you there; a strip above the rooms brings you back to the question. Answers are checked against "
        "what this page has computed for you.</p>"
        f'<div class="pg-progress" role="progressbar" aria-label="Lesson" aria-valuemin="0" aria-valuemax="{total}" '
        f'aria-valuenow="{done}"><i style="width:{100 * done / total:.0f}%"></i></div>'
        f'<p class="pg-soft">{sentence}</p></div>'
    )
