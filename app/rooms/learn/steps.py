"""The article of Learn: six sections, each with a figure that is set up in place and a question about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from app.rooms.learn.questions import (
    CLEAN_CUT,
    CONTROL,
    CUT_OR_WHOLE,
    FACTS_SHARE,
    PLAIN,
    SILENCE,
    SPEECH,
    Kind,
    Question,
)
from app.server.settings import Settings
from app.visit.run_config import OWN_CUT, form_config, form_values
from attribution.lanes import DEFAULT_SHARE
from attribution.scorers import DEFAULT_SCORERS
from unlearn import RunConfig

Shown = Literal["truth", "lanes", "run"]
ALL_TOKENS = {"kind": "top", "cut": 1.0}


@dataclass(frozen=True)
class LessonStep:
    """A section of the article, its figure, and how the rest of the page is set up as the figure is.

    Attributes:
        text: paragraphs.
        task: what to do on the stage, for the strip that goes along.
        question: asked about the figure.
        shown: what of the lanes stands in the figure: the ground truth alone, all of it, or the cut and a run on it.
        lanes: the scorers; the opening row is scored with them. `drawn`: those that stand in the figure.
        active: the lane whose cut is trained on.
        cuts: scorer -> {"kind", "cut"}; `keep_given` whether they take the subject's name, too.
        preset, strategy: what a run is set to.
        runs: the runs that the figure shows: the last is its own, those before are held against it. None where it shows
            the visit's last run, whichever it is.
    """

    title: str
    text: tuple[str, ...]
    task: str
    question: Question
    shown: Shown
    lanes: tuple[str, ...] = DEFAULT_SCORERS
    drawn: tuple[str, ...] = DEFAULT_SCORERS
    active: str = "learned"
    cuts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    keep_given: bool = False
    preset: str = PLAIN
    strategy: str = "hard"
    runs: tuple[Kind, ...] = ()

    @property
    def state(self) -> dict[str, Any]:
        """How the lanes show it, in the shape of their `view` event."""
        cuts = {name: dict(cut) for name, cut in self.cuts.items()}
        return {"active": self.active, "cuts": cuts, "keep_given": self.keep_given, "view": "lanes"}

    def values(self, most_steps: int) -> dict[str, Any]:
        """What the form of a run shows."""
        return {**form_values(self.preset, most_steps), "strategy": self.strategy}

    def config(self, settings: Settings) -> RunConfig:
        """The run that the figure makes."""
        cut = {"scorer": self.active, "kind": "top", "cut": DEFAULT_SHARE, "keep_given": self.keep_given}
        return form_config(self.values(settings.max_steps), cut, settings)


STEPS: tuple[LessonStep, ...] = (
    LessonStep(
        "Most of an answer is not the fact",
        (
            "Ask a model a question and it answers with a sentence. It does not write that sentence in words but in "
            "tokens: short words whole, longer ones in pieces. Only some of them say what the question could not "
            "tell you: a town, a year, a title. The rest is grammar, and the name that the question gave away "
            "already.",
            "Below is such an answer. What is outlined is a fact, and what is dotted is the name; we know, because "
            "this world was invented with them. Point at a token to see how probable the model finds it.",
        ),
        "Look at the outlined words: they are the facts.",
        FACTS_SHARE,
        "truth",
    ),
    LessonStep(
        "Finding it without being told",
        (
            "In a real model nobody outlines the facts for you. So there are scorers: rules that give each token a "
            "number, high where they suspect a fact. Masking hides the person's name and looks for the words that the "
            "model can no longer predict. Entropy asks where the model was unsure of what comes next. Learned is a "
            "small detector that was trained while a model forgot. Fused joins the first two. None of them is told "
            "where the facts are.",
            "Each has a lane under the answer: the darker a cell, the higher the score. Choose a lane and drag the "
            "handle; the line under the words shows what the cut would take. To judge a lane without any cut there "
            "is AUROC: how often a token of a fact scores higher than one of no fact. 1 is perfect, 0.5 the toss of a "
            "coin.",
        ),
        "Choose a lane, drag its cut, and read what it takes. Then try the others.",
        CLEAN_CUT,
        "lanes",
        active="masking",
        cuts={name: {"kind": "top", "cut": DEFAULT_SHARE} for name in DEFAULT_SCORERS},
    ),
    LessonStep(
        "The blunt way",
        (
            "Training makes an answer more likely, a small step at a time. The oldest way to forget turns that "
            "round: it pushes every token of the answer down, the facts and the grammar alike.",
            "Run it, and read the answer while it changes. Two lines are drawn: how many of the facts to forget are "
            "forgotten, and how many of the others are kept. Then there is what the model says of its own accord: "
            "speaks is the share of its answers that are still language. When the run has ended, the slider brings "
            "every kept step back.",
        ),
        "Press Forget these words: every word of every answer. Watch the answer, and what is kept.",
        SPEECH,
        "run",
        drawn=("learned",),
        cuts={"learned": ALL_TOKENS},
        keep_given=True,
        strategy="sequence",
        runs=("sequence",),
    ),
    LessonStep(
        "Only the cut",
        (
            "Now the same again, as many steps at the same rate, with one difference: only the tokens that the "
            "learned lane puts in its cut are pushed down. They are underlined here; the name is left out.",
        ),
        "Press Forget these words. Compare speaks with the run before.",
        CUT_OR_WHOLE,
        "run",
        drawn=("learned",),
        runs=("sequence", "cut"),
    ),
    LessonStep(
        "Was it the choice of words?",
        (
            "Perhaps any third of the tokens would have done. To find out there is a control: as many tokens of "
            "every answer, drawn by lot. If it forgets as much as the cut does, then it was not the scores that "
            "helped. Run a control before you believe a method, and before you believe this page.",
        ),
        "Press Forget these words. As many tokens as before, but drawn at random.",
        CONTROL,
        "run",
        lanes=(*DEFAULT_SCORERS, "random"),
        drawn=("learned", "random"),
        active="random",
        runs=("cut", "random"),
    ),
    LessonStep(
        "Forgotten, or only silent?",
        (
            "A model that has lost its speech gives no secret away either. So look at both sides. What it was to "
            "forget must be gone, also when it is asked in other words; and what it says of everybody else must be "
            "what it said before.",
            "Here is the last run of your visit. If there is none yet, the button makes the one that the stage makes: "
            "it does not only push words down, it also teaches the model what to say in their place. The last column "
            "is a model that was never taught these people: no forgetting can honestly look better than that.",
        ),
        "Read the verdict under the answer, then every answer under Answers.",
        SILENCE,
        "run",
        drawn=("learned",),
        preset=OWN_CUT,
    ),
)
