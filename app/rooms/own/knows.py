"""What a model knows of rows before anything is trained: a few are asked, and the answers stand side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.look.markup import count, differences, escape
from attribution import LanguageModel
from attribution.data.rows import Row
from unlearn import Corpus
from unlearn.asking.known import said_before
from unlearn.metrics.answers import Answer, ask, spaced
from unlearn.teaching import Taught

ASKED, SHOWN = 8, 4
"""Rows that are asked, and those of them whose answers are shown."""
LONGEST = 200


@dataclass(frozen=True)
class Known:
    """What came of asking.

    Attributes:
        answers: of the rows that were asked, each with the truth.
        rows: how many there are to forget.
        plain: rows of plain text, which ask nothing.
    """

    answers: tuple[Answer, ...]
    rows: int
    plain: int = 0

    @property
    def right(self) -> int:
        """How many were answered right: with every fact, or word for word where no fact is marked."""
        return sum(map(is_right, self.answers))


def is_right(answer: Answer) -> bool:
    """Whether an answer has every fact; where none is marked, whether it is the row's own answer."""
    if answer.facts:
        return answer.all_recalled
    return " ".join(answer.answer.split()) == " ".join(answer.best.split())


def asked_of(model: LanguageModel, corpus: Corpus) -> Known:
    """Ask a model a few of the rows to forget, evenly taken; what it was asked before it is not asked again."""
    asking: Sequence[Row] = [row for row in corpus.forget if row.example.prompt]
    answers = ask(model, "forget", spaced(asking, ASKED), said_before(model)) if asking else []
    return Known(tuple(answers), len(corpus.forget), len(corpus.forget) - len(asking))


def known_html(known: Known) -> str:
    """What a model knows of rows, in a sentence, and the first answers beside the rows' own."""
    if not known.answers:
        return (
            '<p class="pg-lead">These rows are plain text and ask nothing.</p><p class="pg-soft">What the model makes '
            "of them stands on the stage: the probability of every token.</p>"
        )
    asked = len(known.answers)
    marked = any(answer.facts for answer in known.answers)
    how = "with every fact that is marked" if marked else "word for word, since no facts are marked in them"
    of = "" if asked == known.rows else f" of {count(known.rows, 'row')}"
    lead = f"It was asked {asked}{of} and answers {known.right} right"
    if not known.right:
        advice = (
            "Nothing that can be counted is there to be forgotten: take rows that this model knows, another model, or "
            "teach it a fact."
        )
    elif known.right < asked:
        advice = "What it does not know it cannot forget: the verdict counts what it said before."
    else:
        advice = "There is something to forget."
    body = "".join(_row(answer) for answer in known.answers[:SHOWN])
    return (
        f'<p class="pg-lead">{lead}.</p><p class="pg-soft">Right is {how}. {advice}</p>'
        '<table class="pg-answers"><thead><tr><th>Question</th><th>The row says</th><th>The model says now</th></tr>'
        f"</thead><tbody>{body}</tbody></table>"
    )


def _row(answer: Answer) -> str:
    rest = " …" if len(answer.answer) > LONGEST else ""
    said = differences(answer.truth, answer.answer[:LONGEST]) + rest if answer.answer.strip() else "(nothing)"
    return (
        f'<tr><td data-title="Question">{escape(answer.question)}</td>'
        f'<td data-title="The row says">{escape(answer.truth)}</td>'
        f'<td data-title="The model says now">{said}</td></tr>'
    )


def typed_html(answer: str, wanted: str, lowest: float) -> str:
    """What a model says to a typed question, and how probable the typed answer is to it.

    Args:
        lowest: the smallest probability of the typed answer's tokens.
    """
    if " ".join(answer.split()) == " ".join(wanted.split()):
        lead = "It knows this already."
    else:
        lead = "It does not say this."
    said = f"<i>{escape(answer)}</i>" if answer.strip() else "nothing"
    return (
        f'<p class="pg-lead">{lead}</p><p class="pg-soft">Asked now, it says: {said}. The least likely token of your '
        f"answer has a probability of {lowest:.2g} there.</p>"
    )


def taught_html(taught: Taught) -> str:
    """What teaching has changed."""
    steps, before = count(taught.steps, "step"), escape(taught.before) or "(nothing)"
    return (
        f'<p class="pg-lead">It knows it now: {escape(taught.after)}</p><p class="pg-soft">Before, it said: '
        f"<i>{before}</i>. It was taught in {steps} and {taught.seconds:.1f} s; no token of your answer is less "
        f"probable than {taught.probability:.2f}. The page's own model has not changed.</p>"
    )
