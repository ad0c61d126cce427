"""What a stress is: a function from a model as it was to what it recalls under the stress, with the facts about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from attribution.data.rows import Row
from attribution.model.language_model import LanguageModel
from attribution.settings import check_settings, setting
from attribution.suggestions import did_you_mean
from unlearn.data.corpus import Corpus
from unlearn.metrics.answers import Answer, ask, stands_in
from unlearn.metrics.rouge import rouge_l_recalls
from unlearn.run.config import MOST_SEED

GROUP = 64
"""Weights of one output channel that share a scale at 4 bits."""


@dataclass(frozen=True)
class StressConfig:
    """Settings of the stresses. Relearning's are ours, for models of a few million parameters: the relearned half is
    known again after them. Models of billions want a learning rate of 1e-5.

    Raises:
        ValueError: a value outside its range.
    """

    rephrasings: int = setting(4, "Rephrasings", "wordings of each question, its own included", low=1, high=8)
    samples: int = setting(8, "Samples", "sampled answers to each question", low=1, flag="--samples")
    temperature: float = setting(
        1.0, "Temperature", "of sampling; 1 is the model's own distribution", above=0, flag="--temperature"
    )
    steps: int = setting(20, "Steps", "of relearning", low=1, flag="--steps")
    learning_rate: float = setting(
        1e-3, "Learning rate", "of relearning (AdamW, constant); 1e-5 suits models of billions", above=0, flag="--lr"
    )
    batch: int = setting(16, "Batch", "rows in a step of relearning", low=1)
    curve: tuple[int, ...] = setting(
        (2, 5, 10, 20, 40), "Curve", "steps of relearning after which the curve has a point"
    )
    bits: tuple[int, ...] = setting(
        (8, 4), "Bits", "widths that weights are rounded to: 8 per output channel, smaller ones per group"
    )
    group: int = setting(GROUP, "Group", "weights that share a scale below 8 bits", low=1)
    seed: int = setting(0, "Seed", "of sampling and of the order of rows", low=0, high=MOST_SEED, flag="--seed")

    def __post_init__(self) -> None:
        check_settings(self)
        if not all(2 <= bits <= 8 for bits in self.bits):
            raise ValueError(f"Bits are {self.bits}: widths from 2 to 8 are needed.")
        if not self.curve or list(self.curve) != sorted(set(self.curve)) or self.curve[0] < 1:
            raise ValueError(f"Curve is {self.curve}: numbers of steps that rise, from 1 on, are needed.")


@dataclass(frozen=True)
class Stress:
    """What one stress did.

    Attributes:
        kind: a key of `KINDS`.
        title: with its settings, for people.
        measure: `fact recall`, or `ROUGE-L recall` where the rows have no marked facts.
        before, after: recall without and under the stress, in [0, 1]; after is higher when knowledge comes back.
        n_before, n: how many facts (or rows) each is over.
        detail: what else was measured.
    """

    kind: str
    title: str
    measure: str
    before: float
    after: float
    n_before: int
    n: int
    detail: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)


@dataclass(frozen=True)
class Recall:
    """Recall of rows with its n, and per row, `[rows]`."""

    value: float
    n: int
    measure: str


def recall_of(answers: Sequence[Answer]) -> Recall:
    """Fact recall; ROUGE-L recall where no row has a marked fact."""
    return recall_of_any([answers])


def recall_of_any(rounds: Sequence[Sequence[Answer]]) -> Recall:
    """Recall when any of several answers to a question may hold a fact; without facts, the best ROUGE-L of them."""
    facts = sum(len(answer.facts) for answer in rounds[0])
    if facts:
        recalled = sum(
            any(stands_in(fact, answer.answer) for answer in mine)
            for mine in zip(*rounds, strict=True)
            for fact in mine[0].facts
        )
        return Recall(recalled / facts, facts, "fact recall")
    columns = [rouge_l_recalls([one.best for one in answers], [one.answer for one in answers]) for answers in rounds]
    best = [max(known) for mine in zip(*columns, strict=True) if (known := [v for v in mine if v is not None])]
    if not best:
        raise ValueError("No answer to forget has a Latin letter or digit, which is all that ROUGE-L knows.")
    return Recall(float(np.mean(best)), len(best), "ROUGE-L recall")


def asked(model: LanguageModel, rows: Sequence[Row]) -> Recall:
    """Recall in greedy answers."""
    return recall_of(ask(model, "forget", rows))


class Before:
    """A model before any stress: what it is asked, and what it recalls as it is.

    Attributes:
        model: which no stress may change.
        rows: to forget, those that have a question; `recall` is over them.
        paraphrase: the same facts asked in other words.
        two_hop: the same facts asked by way of another one.
    """

    def __init__(
        self,
        model: LanguageModel,
        rows: Sequence[Row],
        config: StressConfig,
        paraphrase: Sequence[Row] = (),
        keep: Sequence[Row] = (),
        two_hop: Sequence[Row] = (),
    ) -> None:
        self.model, self.rows, self.config, self.paraphrase = model, rows, config, paraphrase
        self.two_hop = two_hop
        self.recall = asked(model, rows)
        self._keep = [row for row in keep if row.example.prompt]
        self._kept = asked(model, self._keep).value if self._keep else 0.0

    def kept(self, stressed: LanguageModel) -> dict[str, float]:
        """`retain_before`, `retain_after`, and how many rows to keep they are over; nothing where there are none."""
        if not self._keep:
            return {}
        after = asked(stressed, self._keep)
        return {"retain_before": self._kept, "retain_after": after.value, "retain_n": after.n}


StressFunction = Callable[[Before], Iterator[Stress]]
KINDS: dict[str, str] = {}
"""Every kind of stress by name, with what it does in words."""
_FUNCTIONS: dict[str, StressFunction] = {}


def kind(name: str, what: str) -> Callable[[StressFunction], StressFunction]:
    """Put the function below among `KINDS`; it may yield one `Stress` or several."""

    def put_down(function: StressFunction) -> StressFunction:
        KINDS[name], _FUNCTIONS[name] = what, function
        return function

    return put_down


def made(kind: str, title: str, before: Recall, after: Recall, **detail: float) -> Stress:
    """A result from both recalls."""
    return Stress(kind, title, after.measure, before.value, after.value, before.n, after.n, detail)


def asked_otherwise(corpus: Corpus) -> dict[str, tuple[tuple[Row, ...], str]]:
    """The kinds that ask rows of their own: those rows, and in words what a corpus lacks that has none."""
    return {
        "paraphrase": (corpus.paraphrase, "no paraphrases (paraphrased_question)"),
        "two-hop": (corpus.two_hop, "no two-hop questions, which only the embedded world has"),
    }


def stress(
    model: LanguageModel,
    corpus: Corpus,
    kinds: Sequence[str] | None = None,
    config: StressConfig | None = None,
    progress: Callable[[str], None] | None = None,
    keep: Sequence[Row] = (),
) -> Iterator[Stress]:
    """The stresses asked for, one after another, as each is done.

    Args:
        kinds: names in `KINDS`; None for all.
        progress: told what is under way.
        keep: rows to keep, asked without and under relearning and quantisation too: `retain_before` and `retain_after`
            in the detail.

    Raises:
        ValueError: an unknown kind, or a corpus whose rows to forget have no questions.
    """
    wanted = list(KINDS if kinds is None else kinds)
    for name in wanted:
        if name not in KINDS:
            raise ValueError(
                f"The stress {name!r} is unknown{did_you_mean(name, KINDS)} Choose from {', '.join(KINDS)}."
            )
    rows = [row for row in corpus.forget if row.example.prompt]
    if not rows:
        raise ValueError("The rows to forget are plain text without questions: there is nothing to ask under stress.")
    for name, (there, lacks) in asked_otherwise(corpus).items():
        if name in wanted and not there:
            wanted.remove(name)
            if not wanted:
                raise ValueError(f"The rows to forget have {lacks}: there is nothing to ask.")
    say = progress or (lambda what: None)

    def one_by_one() -> Iterator[Stress]:
        say("the model as it is")
        before = Before(model, rows, config or StressConfig(), corpus.paraphrase, keep, corpus.two_hop)
        for name in wanted:
            say(name)
            yield from _FUNCTIONS[name](before)

    # What cannot be is said here and now, before anything is asked for.
    return one_by_one()
