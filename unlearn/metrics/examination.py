"""One model measured on one corpus: what several metrics need is made once, and what they find is collected here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from attribution.data.rows import Row
from attribution.model.language_model import LanguageModel
from unlearn.data.corpus import Corpus
from unlearn.metrics.answers import Answer, TrueAnswers, ask, draw, read, spaced
from unlearn.metrics.judge import Judge
from unlearn.metrics.protocol import Protocol

RETAIN_ROWS = 240
SPLITS = ("forget", "paraphrase", "retain", "world")


@dataclass(frozen=True)
class RowFigures:
    """What was measured on one row: `figures` are named as in `METRICS`, without the split."""

    split: str
    id: str
    question: str
    truth: str
    figures: dict[str, float]
    answer: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, the figures beside the rest."""
        row = {"split": self.split, "id": self.id, "question": self.question, "truth": self.truth}
        return row | ({} if self.answer is None else {"answer": self.answer}) | self.figures


@dataclass(frozen=True)
class Evaluation:
    """A model's figures and its answers.

    Attributes:
        metrics: figure by name; `metric_info` knows what each is.
        counts: n by figure's name.
        answers: greedy answers of the splits in `SPLITS`.
        against: the size of the second sample, for figures that compare two.
        rows: what was measured row by row.
        notes: sentences on what could not be measured, and why.
    """

    metrics: dict[str, float]
    counts: dict[str, int]
    answers: tuple[Answer, ...]
    against: dict[str, int] = field(default_factory=dict)
    rows: tuple[RowFigures, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The figures with their n; sizes of second samples and notes where there are any."""
        more = {name: value for name, value in (("against", self.against), ("notes", list(self.notes))) if value}
        return {**self.metrics, "n": self.counts, **more}

    def values(self, split: str, name: str) -> list[float]:
        """The values of one figure over the rows of a split that have it."""
        return [row.figures[name] for row in self.rows if row.split == split and name in row.figures]


def evaluation_rows(corpus: Corpus, retain_rows: int = RETAIN_ROWS) -> dict[str, tuple[Row, ...]]:
    """The rows of each split that are evaluated: all of forget, paraphrase and world, and retain rows evenly spaced.

    Where only some retain rows have wrong answers beside the true one (TOFU's `retain_perturbed`), it is those.
    """
    retain = [row for row in corpus.retain if row.perturbed] or corpus.retain
    rows = {
        "forget": corpus.forget,
        "paraphrase": corpus.paraphrase,
        "retain": tuple(spaced(retain, retain_rows)),
        "world": corpus.world,
    }
    return {split: rows[split] for split in SPLITS if rows[split]}


class Examination:
    """A measurement in progress. Rows, answers and probabilities are made when first asked for, then kept.

    Attributes:
        splits: the splits of the default set that the corpus has.
        reference: figures of the model retrained without the forget rows, where they are known.
        original: figures of the model before unlearning, where they are known.
        judge: says whether answers are language, where the model before unlearning is at hand.
        seed: of what is drawn.
        protocol: how figures are made where there are several ways.
        said: what the model has answered already, by question.
    """

    def __init__(
        self,
        model: LanguageModel,
        corpus: Corpus,
        reference: Evaluation | None = None,
        original: Evaluation | None = None,
        retain_rows: int = RETAIN_ROWS,
        progress: Callable[[str], None] | None = None,
        judge: Judge | None = None,
        seed: int = 0,
        protocol: Protocol | None = None,
        said: Mapping[str, str] | None = None,
    ) -> None:
        self.said = said
        self.protocol = protocol or Protocol()
        self.model = model
        self.judge = judge
        self.seed = seed
        self.corpus = corpus
        self.reference = reference
        self.original = original
        self._rows = evaluation_rows(corpus, retain_rows)
        self.splits = tuple(self._rows)
        self._rows |= {f"probe_{name}": rows for name, rows in corpus.probes}
        self._rows |= {f"own_{name}": rows for name, rows in corpus.own}
        self._progress = progress
        self._answers: dict[str, list[Answer]] = {}
        self._drawn: dict[str, list[str]] = {}
        self._true_answers: dict[str, TrueAnswers] = {}
        self._metrics: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._against: dict[str, int] = {}
        self._figures: dict[tuple[str, int], dict[str, float]] = {}
        self._others: list[RowFigures] = []
        self._notes: list[str] = []
        self._done: list[Callable[[Examination], None]] = []

    def once(self, measure: Callable[[Examination], None]) -> None:
        """Measure, unless that was done: how a metric that builds on another makes sure of it."""
        if measure not in self._done:
            self._done.append(measure)
            measure(self)

    def rows(self, split: str) -> tuple[Row, ...]:
        """The rows of a split (or of `probe_{set}`) that are evaluated; none when the corpus has no such split."""
        if split not in self._rows:
            self._rows[split] = tuple(getattr(self.corpus, split))
        return self._rows[split]

    def answers(self, split: str) -> list[Answer]:
        """Greedy answers to the split's questions."""
        if split not in self._answers:
            self.say(split.replace("_", " "))
            self._answers[split] = ask(self.model, split, self.rows(split), self.said)
        return self._answers[split]

    def drawn(self, split: str) -> list[str]:
        """An answer to each of the split's questions, drawn at temperature 1."""
        if split not in self._drawn:
            self.say(f"{split.replace('_', ' ')}, drawn")
            asked = [self.rows(split)[i] for i in self.asked(split)]
            self._drawn[split] = draw(self.model, asked, self.seed) if asked else []
        return self._drawn[split]

    def true_answers(self, split: str) -> TrueAnswers:
        """Statistics of the split's true answers."""
        if split not in self._true_answers:
            self._true_answers[split] = read(self.model, self.rows(split))
        return self._true_answers[split]

    def asked(self, split: str) -> list[int]:
        """Numbers of the rows that have a question, in the order of `answers(split)`."""
        return [i for i, row in enumerate(self.rows(split)) if row.example.prompt]

    def say(self, what: str) -> None:
        """Tell whoever waits what is being done."""
        if self._progress:
            self._progress(what)

    # What was found --------------------------------------------------------------------------------------------------

    def figure(self, name: str, value: float, n: int, against: int | None = None) -> None:
        """Put a figure down with its n, and the size of the second sample where two are compared."""
        self._metrics[name] = value
        self._counts[name] = n
        if against is not None:
            self._against[name] = against

    def mean(self, split: str, name: str, values: Sequence[float | None] | np.ndarray) -> None:
        """Put `{split}_{name}` down as the mean over rows, and every row's value; None leaves a row out."""
        known = [(i, float(value)) for i, value in enumerate(values) if value is not None]
        for i, value in known:
            self.row(split, i, name, value)
        if known:
            self.figure(f"{split}_{name}", float(np.mean([value for _, value in known])), len(known))

    def mean_of(self, figure: str, split: str, values: Sequence[float | None]) -> None:
        """Put a figure with a name of its own down as the mean over a split's rows, and every row's value."""
        known = [(i, value) for i, value in enumerate(values) if value is not None]
        for i, value in known:
            self.row(split, i, figure, value)
        if known:
            self.figure(figure, float(np.mean([value for _, value in known])), len(known))

    @property
    def members(self) -> tuple[str, str]:
        """The splits that membership tells apart: rows to forget and holdout rows, or the benchmark's own."""
        if self.protocol.probes == "own" and {"privleak_forget", "privleak_holdout"} <= dict(self.corpus.own).keys():
            return "own_privleak_forget", "own_privleak_holdout"
        return "forget", "holdout"

    def row(self, split: str, index: int, name: str, value: float) -> None:
        """Put one row's value down."""
        self._figures.setdefault((split, index), {})[name] = value

    def other_row(self, row: RowFigures) -> None:
        """Put down the values of something that is no row of the corpus."""
        self._others.append(row)

    def values(self, split: str, name: str) -> list[float]:
        """The values put down for a figure, over the rows of a split that have it."""
        found = [
            (i, figures[name]) for (mine, i), figures in self._figures.items() if mine == split and name in figures
        ]
        return [value for _, value in sorted(found)]

    def note(self, sentence: str) -> None:
        """Put down, once, what could not be measured and why."""
        if sentence not in self._notes:
            self._notes.append(sentence)

    def metric(self, name: str) -> float | None:
        """A figure put down so far."""
        return self._metrics.get(name)

    def evaluation(self) -> Evaluation:
        """Everything found so far: figures and rows split by split, figures of the whole model last."""
        splits = (*SPLITS, "real_authors")

        def place(name: str) -> int:
            return next((i for i, split in enumerate(splits) if name.startswith(f"{split}_")), len(splits))

        asked = {
            (split, i): answer.answer
            for split in self._answers
            for i, answer in zip(self.asked(split), self._answers[split], strict=True)
        }
        order = list(dict.fromkeys(split for split, _ in self._figures))
        rows = []
        for (split, i), figures in sorted(self._figures.items(), key=lambda one: (order.index(one[0][0]), one[0][1])):
            example = self.rows(split)[i].example
            rows.append(RowFigures(split, example.id, example.prompt, example.answer, figures, asked.get((split, i))))
        rows += self._others
        answers = tuple(answer for split in SPLITS for answer in self._answers.get(split, ()))
        return Evaluation(
            {name: self._metrics[name] for name in sorted(self._metrics, key=place)},
            dict(self._counts),
            answers,
            dict(self._against),
            tuple(rows),
            tuple(self._notes),
        )
