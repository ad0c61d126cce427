"""The expert words of the page, each with one plain sentence: a list in Learn, and wherever one of them is read.

`glossary.js` underlines the first of each in every room and says the sentence to whoever points at it, comes to it by
keyboard or taps it. A word that the page uses and a newcomer does not know belongs here.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from app.look.markup import escape


class Term(NamedTuple):
    """A word of the page.

    Attributes:
        title: as the list has it.
        says: what it means, in one or two sentences of plain text.
        forms: as it stands in texts, where that is not the title; a small letter may be large where a sentence begins.
    """

    title: str
    says: str
    forms: tuple[str, ...] = ()


TERMS: tuple[Term, ...] = (
    # Words of an answer.
    Term(
        "Token", "The piece of text that a model reads and writes: a word, a part of one, a comma.", ("token", "tokens")
    ),
    Term(
        "Lane",
        "One scorer's numbers under the answer, a cell per token. High means: more of the fact.",
        ("lane", "lanes"),
    ),
    Term(
        "Cut",
        "Where a lane is divided into kept and left out: a share of its best tokens, or a threshold.",
        ("the cut", "this cut", "kept by the cut"),
    ),
    Term("Threshold", "A score from which on a token is in the cut.", ("threshold",)),
    Term(
        "Ground truth",
        "Where the facts really are. It is known here, because the world was invented with them.",
        ("ground truth", "fact, ground truth"),
    ),
    Term(
        "Subject",
        "The name that the question is about. A good scorer leaves it alone.",
        ("subject", "the subject's name"),
    ),
    # Ways to score.
    Term("Scorer", "A rule that gives every token a number: how much of the fact it carries.", ("scorer", "scorers")),
    Term("Masking", "How much a token's probability changes when the name asked about is hidden."),
    Term("Entropy", "How unsure the model is about what comes next, in nats. Facts are where it has to choose."),
    Term("Learned", "A small detector on the model's inner states, trained while a copy of the model forgets."),
    Term("Fused", "Masking and entropy joined in one score."),
    Term(
        "New information",
        "Words that are new to the question, names, numbers or titles, late in their clause. No model is asked.",
    ),
    Term("Importance", "High where the model gives a token little probability."),
    Term("Saturation", "High where the model gives a token much probability."),
    Term("SatImp", "High where a token is neither lost to the model nor certain."),
    Term(
        "Probe",
        "A detector that was shown the ground truth of other rows: about as well as any score can do.",
        ("probe (ceiling)",),
    ),
    Term(
        "Control",
        "The same run on tokens drawn at random, or known from the truth: luck and ceiling.",
        ("control", "random control", "controls"),
    ),
    # Numbers.
    Term("Nats", "The unit of surprise: 0 is certain, 0.7 is a coin toss, 2.3 is one in ten.", ("nats",)),
    Term(
        "Log p",
        "The logarithm of a probability: 0 is certain, and the lower, the less likely.",
        ("log p", "log-probability"),
    ),
    Term("AUROC", "How often a fact token scores above another one: 1 always, 0.5 as often as chance."),
    Term(
        "Precision, recall, F1",
        "Precision is the share of what is kept that is fact, recall the share of facts that is kept, F1 both in one.",
        ("precision", "F1"),
    ),
    Term("n", "Over how many answers, facts or rows a figure was counted. Few make it unsure.", ("n =",)),
    Term(
        "Seed",
        "The number that decides everything drawn at random. Another one shows how much was luck.",
        ("seed", "seeds"),
    ),
    # What is forgotten and kept.
    Term(
        "Forget, retain, world",
        "What is to go, what must stay, and what everybody knows.",
        ("retain", "to forget and keep"),
    ),
    Term("Holdout", "Rows like those to forget that no model here was ever taught.", ("holdout",)),
    Term(
        "Paraphrase",
        "A question to forget, asked in other words that were never trained.",
        ("paraphrase", "paraphrases", "rephrasing"),
    ),
    Term(
        "Forget recall",
        "The share of facts to forget that it still gives. Lower is better; 0 may also be silence.",
        ("forget recall", "recall"),
    ),
    Term(
        "Structure",
        "The mean probability of words that carry no fact. When it falls, the model is losing its speech.",
        ("structure",),
    ),
    Term(
        "Speaks",
        "The share of its answers in which every word could have been said of somebody.",
        ("speaks", "still speaks"),
    ),
    Term(
        "Membership",
        "Whether a row still looks trained on, to somebody who compares the model's losses.",
        ("membership",),
    ),
    Term("ROUGE-L", "How much of the true answer's wording stands in the model's answer, in the same order."),
    Term(
        "Truth ratio",
        "Whether wrong answers in the same words are as likely to the model as the true one.",
        ("truth ratio",),
    ),
    Term(
        "Never taught",
        "A model that was trained without the facts to forget: what perfect forgetting looks like.",
        ("never taught", "retrained", "retrained model", "retrained reference", "reference"),
    ),
    # How a run forgets.
    Term(
        "Objective",
        "The rule by which a run lowers what it should forget: gradient ascent and its gentler descendants.",
        ("objective",),
    ),
    Term("Loss", "The number that training lowers: how far the model is from what it should say.", ("loss", "losses")),
    Term("Learning rate", "How far every step moves the weights.", ("learning rate",)),
    Term("Alpha", "How much keeping weighs against forgetting.", ("alpha",)),
    Term("Step", "One small change of the model's weights. A run is some dozens of them.", ("steps per arm",)),
    Term(
        "Hard and soft",
        "Hard trains the tokens of the cut alike; soft trains every token by its score.",
        ("Hard", "Soft", "hard and soft"),
    ),
    Term(
        "Whole sequence", "Every token of an answer, grammar and name included: the plain method.", ("whole sequence",)
    ),
    Term(
        "Counterfactual teacher",
        "The original model with another name in the question. What it says then is what the run learns to say.",
        ("counterfactual teacher",),
    ),
    Term("Preset", "The settings of a paper, or of ours, under one name.", ("preset", "presets")),
    Term("Adapter", "A small addition to a model that is trained in its place.", ("adapter", "adapters", "LoRA")),
    # Whether it is gone.
    Term("Stress", "A way in which something forgotten may come back, tried on purpose.", ("stress", "stresses")),
    Term("Two-hop", "The same fact asked by way of another: the author by a book.", ("two-hop",)),
    Term(
        "Relearning",
        "A few steps of training on some of the facts. What comes back with them was only hidden.",
        ("relearning",),
    ),
    Term(
        "Quantisation",
        "Weights rounded to 8 or 4 bits, which can undo a small change.",
        ("quantisation", "rounded weights"),
    ),
    Term(
        "Sampling",
        "Answers that are drawn by their probability, not always the likeliest word.",
        ("sampling", "sampled"),
    ),
    Term(
        "Depth",
        "How much of a fact is gone from the model's inner states: 1 as if never taught, 0 only unsaid.",
        ("depth",),
    ),
    Term(
        "Block",
        "One of the layers that a model is built of. States go through them in turn.",
        ("block", "blocks", "layer", "layers"),
    ),
    Term(
        "States",
        "The numbers inside a model between two blocks: what it has made of the text so far.",
        ("the states", "its states", "states"),
    ),
    Term("Misfit", "What states of another model cost by themselves. Only what goes beyond it counts.", ("misfit",)),
    Term(
        "Logit lens",
        "Reads a block's states as if they were the last, and so what the model would say by then.",
        ("logit lens",),
    ),
    Term("Arm", "One of the runs that are compared; they differ in one thing.", ("arm", "arms")),
)


def glossary_html() -> str:
    """The terms as a list that opens."""
    items = "".join(f"<div><dt>{escape(term.title)}</dt><dd>{escape(term.says)}</dd></div>" for term in TERMS)
    return f'<details class="pg-card pg-glossary" id="glossary"><summary>Glossary</summary><dl>{items}</dl></details>'


def forms_of(term: Term) -> tuple[str, ...]:
    """How a term stands in texts: no other word of the same letters is meant."""
    forms = term.forms or (term.title,)
    return tuple(dict.fromkeys([*forms, *(form[0].upper() + form[1:] for form in forms)]))


def terms_script() -> str:
    """JavaScript that says the terms to `glossary.js`: [[title, sentence, forms], ...]."""
    listed = [[term.title, term.says, forms_of(term)] for term in TERMS]
    # A script ends where its text says so.
    return f"const FORGET_LENS_TERMS = {json.dumps(listed).replace('<', chr(92) + 'u003c')};"
