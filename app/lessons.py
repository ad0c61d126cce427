"""Learn: a short lesson. Each step is a paragraph and a button that sets the page up for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from app.inspection import InspectRoom
from app.lanes import initial_rule
from app.markup import block, escape
from app.training import make_rule
from app.unlearning import UnlearnRoom
from attribution.registry import DEFAULT_SCORERS
from unlearn.presets import SOFT_TEMPERATURE


@dataclass(frozen=True)
class Step:
    """A step of the lesson, and how its button sets the page up.

    Attributes:
        room: the tab that opens.
        lanes: the scorers shown in Inspect; the opening row is scored with them.
        active: the lane that goes to Unlearn.
        cuts: scorer -> {"kind", "cut"}.
        strategy: what Unlearn is set to.
    """

    title: str
    text: str
    button: str
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
        "inspect",
    ),
    Step(
        "Four ways to find it",
        "Masking hides the person's name and sees which words the model can no longer predict. Entropy asks where the "
        "model was unsure. Learned is a small detector trained while a model forgets. Fused joins the first two. None "
        "of them is told where the facts are. Drag the cuts and watch what each would select.",
        "Compare the lanes",
        "inspect",
        active="masking",
        cuts={name: {"kind": "top", "cut": 0.3} for name in DEFAULT_SCORERS},
    ),
    Step(
        "Forget everything, and it hurts",
        "The plain method pushes down every word of the answer. The fact goes, and so do the name and the sentence "
        "around it. Start this run and watch the curve of structure and the sample answer.",
        "Set up a whole-sequence run",
        "unlearn",
        strategy="sequence",
    ),
    Step(
        "Forget only the cut",
        "Now the same with the tokens that the learned lane selects, the person's name left out. Forget recall falls "
        "as far; structure and the right name should stay.",
        "Set up a run on the cut",
        "unlearn",
    ),
    Step(
        "Was it the selection?",
        "Perhaps any third of the tokens would do. The control is a run on as many tokens drawn at random. If it "
        "forgets as well, the scores were not what helped. Always run it before you believe a method.",
        "Set up the random control",
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

    def build(self) -> None:
        """Lay the room out."""
        block(
            '<div class="pg-intro"><h2>Forgetting a fact, in six steps</h2><p>About ten minutes. Each button sets '
            "the page up and takes you there; the tabs bring you back.</p></div>",
        )
        self.buttons: list[gr.Button] = []
        for number, step in enumerate(STEPS, start=1):
            with gr.Row(elem_classes=["pg-card", "pg-lesson"]):
                block(
                    f'<div class="pg-step"><span class="pg-number" aria-hidden="true">{number}</span><div><h3>'
                    f"{escape(step.title)}</h3><p>{escape(step.text)}</p></div></div>",
                )
                self.buttons.append(
                    gr.Button(step.button, elem_id=f"lesson-{number}", scale=0, min_width=230, size="md")
                )
        items = "".join(f"<li>{escape(limit)}</li>" for limit in LIMITS)
        block(f'<div class="pg-card pg-limits"><h3>Honest limits</h3><ul>{items}</ul></div>')

    @property
    def outputs(self) -> list[Any]:
        """What setting up a step writes to, besides the tabs."""
        inspect_room, unlearn_room = self.inspect_room, self.unlearn_room
        return [
            *inspect_room.outputs,
            inspect_room.split,
            inspect_room.scope,
            inspect_room.shown,
            inspect_room.rule,
            unlearn_room.strategy,
            unlearn_room.cut,
            unlearn_room.temperature,
        ]

    def set_up(self, step: Step, request: gr.Request) -> dict[Any, Any]:
        """Score the opening row in the step's lanes, with its cuts, and set Unlearn to its strategy."""
        room, unlearn_room = self.inspect_room, self.unlearn_room
        # The lesson is about the embedded model and its rows.
        room.visits.of(request.session_hash).take(None)
        row = room.studio.opening_row
        state = {"active": step.active, "cuts": dict(step.cuts), "keep_given": False, "view": "lanes"}
        shown = room.show("forget", row, "", "", "subject", "", list(step.lanes), request, state)
        rule = initial_rule(shown[room.lanes])
        scores = room.visits.of(request.session_hash).scores or room.studio.opening
        return {
            **shown,
            room.notice: "",
            room.own: gr.update(visible=False),
            room.row: gr.update(choices=room.choices("forget"), value=row, visible=True),
            room.split: "forget",
            room.scope: "subject",
            room.shown: list(step.lanes),
            room.rule: rule,
            unlearn_room.strategy: step.strategy,
            unlearn_room.temperature: gr.update(visible=False),
            unlearn_room.cut: unlearn_room.cut_html(
                scores, make_rule(rule, step.strategy, SOFT_TEMPERATURE), "forget", room.studio
            ),
        }
