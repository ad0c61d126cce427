"""The lesson in words: its steps, and what it says of its limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.look.markup import escape
from app.rooms.learn.questions import (
    BEST_LANE,
    CONTROL,
    CUT_OR_WHOLE,
    FACTS_SHARE,
    SILENCE,
    SPEECH,
    Question,
    Verdict,
)
from app.visit.run_config import OWN_CUT
from attribution.scorers import DEFAULT_SCORERS

PLAIN = "sequence-ga"
"""The preset of steps that show what a selection does: it pushes probabilities down and teaches nothing instead."""


@dataclass(frozen=True)
class LessonStep:
    """A step of the lesson, and how its button sets the page up.

    Attributes:
        task: what to do there, for the strip that goes along.
        question: asked afterwards.
        room: the tab that opens.
        lanes: the scorers shown in Inspect; the opening row is scored with them.
        active: the lane that goes to Unlearn.
        cuts: scorer -> {"kind", "cut"}.
        preset, strategy: what Unlearn is set to; the lanes' cut with our own settings unless told.
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
    preset: str = OWN_CUT
    strategy: str = "hard"


STEPS: tuple[LessonStep, ...] = (
    LessonStep(
        "An answer is mostly not the fact",
        "Of the words in an answer only a few carry what is known: a place, a year, a title. The rest is grammar, and "
        "the name that the question already gave. Look at the outlines above: those are the facts, known because "
        "this little world was invented with them.",
        "Show an answer",
        "Look at the outlined words: they are the facts.",
        FACTS_SHARE,
        "inspect",
    ),
    LessonStep(
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
    LessonStep(
        "Forget everything, and it hurts",
        "The plain method pushes down every word of the answer. The fact goes, and with it the name and the sentence "
        "around it: the model no longer makes sense. Start this run, watch its sample answer, and the curve of speaks.",
        "Set up a whole-sequence run",
        "Press Start. Watch the sample answer, and speaks.",
        SPEECH,
        "unlearn",
        preset=PLAIN,
        strategy="sequence",
    ),
    LessonStep(
        "Forget only the cut",
        "Now the same with the tokens that the learned lane selects, the person's name left out. Forget recall falls "
        "as far; more of what the model says is still language.",
        "Set up a run on the cut",
        "Press Start. Compare speaks with the run before.",
        CUT_OR_WHOLE,
        "unlearn",
        preset=PLAIN,
    ),
    LessonStep(
        "Was it the selection?",
        "Perhaps any third of the tokens would do. The control is a run on as many tokens drawn at random. If it "
        "forgets as well, the scores were not what helped. Always run it before you believe a method. These three runs "
        "only push words down; the one that the stage starts also teaches the model what to say instead.",
        "Set up the random control",
        "Press Start. As many tokens as before, but drawn at random.",
        CONTROL,
        "unlearn",
        preset=PLAIN,
        lanes=(*DEFAULT_SCORERS, "random"),
        active="random",
    ),
    LessonStep(
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


def verdict_html(question: Question, right: bool, found: Verdict) -> str:
    """Whether an answer is right, what is, and the numbers that say so."""
    answer = " or ".join(title for value, title in question.options if value in found.right)
    head = "That is right." if right else f"Not quite: {answer}."
    kind = "pg-right" if right else "pg-wrong"
    return f'<p class="pg-verdict {kind}" role="status"><b>{escape(head)}</b> {escape(found.because)}</p>'


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
