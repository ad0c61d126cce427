"""The words of this page, each in a sentence or two."""

from __future__ import annotations

from app.look.markup import escape

TERMS: tuple[tuple[str, str], ...] = (
    ("Token", "The piece of text that a model reads and writes: a word, a part of one, a comma."),
    (
        "Lane",
        "One scorer's numbers under the answer, a cell per token. High means: more of the fact.",
    ),
    ("Cut", "Where a lane is divided into kept and left out: a share of its best tokens, or a threshold."),
    (
        "Masking",
        "How much a token's probability changes when the name asked about is hidden.",
    ),
    ("Entropy", "How unsure the model is about what comes next, in nats. Facts are where it has to choose."),
    ("Learned", "A small detector on the model's inner states, trained while a copy of the model forgets."),
    ("Nats", "The unit of surprise: 0 is certain, 0.7 is a coin toss, 2.3 is one in ten."),
    ("AUROC", "How often a fact token scores above another one: 1 always, 0.5 as often as chance."),
    (
        "Precision, recall, F1",
        "The share of what is kept that is fact; the share of facts that is kept; both in one.",
    ),
    ("Forget, retain, world", "What is to go, what must stay, and what everybody knows."),
    (
        "Forget recall",
        "The share of facts to forget that it still gives. Lower is better; 0 may also be silence.",
    ),
    ("Structure", "The mean probability of words that carry no fact. When it falls, the model is losing its speech."),
    ("Objective", "The rule by which a run lowers what it should forget: gradient ascent and its gentler descendants."),
    (
        "Control",
        "The same run on tokens drawn at random, or known from the truth: luck and ceiling.",
    ),
    ("Retrained reference", "A model that was never taught the facts to forget: what perfect forgetting looks like."),
)


def glossary_html() -> str:
    """The terms as a list that opens."""
    items = "".join(f"<div><dt>{escape(term)}</dt><dd>{escape(said)}</dd></div>" for term, said in TERMS)
    return f'<details class="pg-card pg-glossary" id="glossary"><summary>Glossary</summary><dl>{items}</dl></details>'
