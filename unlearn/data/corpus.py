"""What to forget and what to keep: the types. `unlearn.data.load_corpus` reads them."""

from __future__ import annotations

from dataclasses import dataclass, field

from attribution.data.rows import Row


@dataclass(frozen=True)
class Choice:
    """A multiple-choice question: `choices[answer]` is right; `topic` is what it is about, such as `biology`."""

    question: str
    choices: tuple[str, ...]
    answer: int
    topic: str

    def __post_init__(self) -> None:
        if not 2 <= len(self.choices) <= 10:
            raise ValueError(f"A question needs 2 to 10 choices, not {len(self.choices)}.")
        if not 0 <= self.answer < len(self.choices):
            raise ValueError(f"The answer {self.answer} is no index of {len(self.choices)} choices: 0 is the first.")


@dataclass(frozen=True)
class Task:
    """Something a model should still be able to do: what it is asked, right answers (the best first) and wrong ones."""

    prompt: str
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True)
class HubSet:
    """Where rows lie on the Hub: a data set's id, its configuration (None where it has one alone) and split."""

    id: str
    config: str | None
    split: str


@dataclass(frozen=True)
class Corpus:
    """Rows by role.

    Attributes:
        forget: to be forgotten.
        retain: must be kept; retain batches are drawn from here.
        paraphrase: the forgotten facts in phrasings that were never trained for them; never trained on.
        world: general knowledge; never trained on while unlearning.
        holdout: rows like those to forget that no model has seen.
        reference: name of the model retrained without the forget rows, where there is one.
        real_authors: questions about authors who exist (TOFU); never trained on.
        choices: multiple-choice questions about what is to be forgotten (WMDP); never trained on.
        probes: named sets of further questions (RWKU, MUSE); never trained on.
        own: named sets of rows that only the benchmark's own protocol takes (`unlearn.metrics.Protocol`).
        neighbours: how many of the rows to keep, from the first, are about neighbours of what is forgotten.
        only_known: whether a model is to be asked first, and what it does not know left out (`unlearn.asking.known`).
        utility: RWKU's utility sets by ability, `general` and others; never trained on.
        two_hop: the forgotten facts asked by way of another one (the book leads to its author, the author to the fact);
            never trained on while unlearning.
        notes: sentences on what was found while reading, such as rows that stood twice.
        hub: where the rows to forget were read from, when that was the Hub.
    """

    name: str
    forget: tuple[Row, ...]
    retain: tuple[Row, ...]
    paraphrase: tuple[Row, ...] = field(default=())
    world: tuple[Row, ...] = field(default=())
    holdout: tuple[Row, ...] = field(default=())
    reference: str | None = None
    real_authors: tuple[Row, ...] = field(default=())
    choices: tuple[Choice, ...] = field(default=())
    probes: tuple[tuple[str, tuple[Row, ...]], ...] = field(default=())
    neighbours: int = 0
    only_known: bool = False
    notes: tuple[str, ...] = field(default=())
    own: tuple[tuple[str, tuple[Row, ...]], ...] = field(default=())
    utility: tuple[tuple[str, tuple[Task, ...]], ...] = field(default=())
    two_hop: tuple[Row, ...] = field(default=())
    hub: HubSet | None = None

    def __post_init__(self) -> None:
        if not self.forget:
            raise ValueError("There is nothing to forget: the forget set has no rows.")
        if not self.retain:
            raise ValueError("There is nothing to retain: the retain set has no rows, so nothing would hold the model.")
