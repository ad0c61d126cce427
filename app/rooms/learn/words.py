"""The article in words: its head, the heads of its sections, verdicts, and what it says of its limits."""

from __future__ import annotations

from app.look.markup import escape
from app.rooms.learn.questions import Question, Verdict
from app.rooms.learn.steps import STEPS

LIMITS = (
    "The models are small and their world is invented: they show every idea in seconds, not how a large model fares.",
    "Some formulas are known to us from summaries only; each lane says which.",
    "Forgotten means: the fact is not in the most probable answer, to the question and to a rephrasing of it. "
    "Sampling, other questions or a little fine-tuning may bring it back. Nothing here certifies erasure.",
    "A score ranks tokens; it does not explain the model.",
)


def head_html(number: int, solved: bool) -> str:
    """A section's number and title; a tick in place of the number once its question was answered."""
    badge = '<span class="pg-number pg-solved" role="img" aria-label="answered">✓</span>'
    if not solved:
        badge = f'<span class="pg-number" aria-hidden="true">{number}</span>'
    return f'<div class="pg-section">{badge}<h3>{escape(STEPS[number - 1].title)}</h3></div>'


def text_html(paragraphs: tuple[str, ...]) -> str:
    """Running text of the article."""
    return f'<div class="pg-text">{"".join(f"<p>{escape(text)}</p>" for text in paragraphs)}</div>'


def claim_html(number: int, claim: str) -> str:
    """What stands under a figure."""
    return f'<p class="pg-claim"><b>Figure {number}.</b> {escape(claim)}</p>'


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


TITLE = "What a model knows, and how it forgets"
LEAD = (
    "A language model keeps no list of facts from which one could be struck. What it knows is spread over millions of "
    "numbers, and shows only when it writes. Still there are reasons to want something gone: a person who asks for it, "
    "a text that was never free to use, a recipe that nobody should have. To take it out afterwards is called "
    "unlearning.",
    "Here you can watch it, on a model that is small enough to train while you read. It knows a little world of "
    "invented authors, so we can say where every fact is. Every figure is live, and what stands under it was counted "
    "just now on this server. It takes about ten minutes.",
)


def progress_html(solved: list[int]) -> str:
    """How far one has come."""
    done, total = len(solved), len(STEPS)
    sentence = f"{done} of {total} questions answered."
    if done == total:
        sentence += " That was all: now try texts of your own."
    return (
        '<div class="pg-intro">'
        f'<div class="pg-progress" role="progressbar" aria-label="Lesson" aria-valuemin="0" aria-valuemax="{total}" '
        f'aria-valuenow="{done}"><i style="width:{100 * done / total:.0f}%"></i></div>'
        f'<p class="pg-soft">{sentence}</p></div>'
    )


def title_html() -> str:
    """The head of the article."""
    return f'<h2 class="pg-headline-text">{TITLE}</h2>{text_html(LEAD)}'


def limits_html() -> str:
    """What none of this shows."""
    items = "".join(f"<li>{escape(limit)}</li>" for limit in LIMITS)
    return f'<div class="pg-limits"><h3>Honest limits</h3><ul>{items}</ul></div>'
