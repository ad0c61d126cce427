"""What all visitors share: the models, the rows, and the answers of the models that no visitor changes.

Everything slow is computed once, when it is first asked for, on one background thread, and kept.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from dataclasses import replace
from functools import cached_property

from app.look.markup import count
from app.server.background import BACKGROUND
from app.server.settings import Settings
from attribution import Alternatives, Example, LanguageModel, Rule, TokenScores, alternatives, load_model, score
from attribution.data.rows import Row, pick_examples
from attribution.scorers import DEFAULT_SCORERS
from attribution.scorers.learned import scorer_for
from unlearn import Corpus, Evaluation, RunConfig, evaluate, load_corpus, run
from unlearn.asking.known import said_before
from unlearn.data.reference import retrained_reference
from unlearn.metrics import Judge
from unlearn.stress import Stress

log = logging.getLogger(__name__)

SPLITS = {
    "forget": "Forget",
    "retain": "Retain",
    "world": "World",
    "holdout": "Holdout",
}
"""Splits a visitor can pick rows from, with their titles."""

OWN = "own"
CALIBRATION_STEPS = 3
MOST_ALTERNATIVES = 10
MOST_TOKENS_WITH_ALTERNATIVES = 160
"""Beyond, what the model would say instead is more than the scores themselves, and is left to `/score`."""


class Studio:
    """The shared, read-only side of the page.

    Attributes:
        model: the model that knows everything; nobody changes a weight of it.
        corpus: what runs forget and keep.
        stressed: what each kind of stress did to the models that nobody changes, once asked for.
    """

    def __init__(self, settings: Settings, model: LanguageModel | None = None, corpus: Corpus | None = None) -> None:
        self.settings = settings
        self.model = model or load_model("embedded")
        self.corpus: Corpus = corpus or load_corpus("forget05")
        self._lock = threading.Lock()
        self._pace = threading.Lock()
        self._futures: dict[str, Future[Evaluation]] = {}
        self._seconds_per_step: float | None = None
        self._answers: dict[int, str] = {}
        self.stressed: dict[tuple[str, str], tuple[Stress, ...]] = {}

    # Rows ------------------------------------------------------------------------------------------------------------

    def rows(self, split: str) -> tuple[Row, ...]:
        """The rows of a split. ValueError when there is no such split."""
        if split not in SPLITS:
            raise ValueError(f"The split {split!r} is unknown: choose from {', '.join(SPLITS)}.")
        return getattr(self.corpus, split)

    def row(self, split: str, number: int) -> Row:
        """One row. ValueError when the split has no such row."""
        rows = self.rows(split)
        if not 0 <= number < len(rows):
            raise ValueError(
                f"The row {number} does not exist: the split {split!r} has rows 0 to {len(rows) - 1}. Pick one of them."
            )
        return rows[number]

    def number_of(self, name: str) -> int:
        """The number of a row to forget by its id. ValueError when there is none."""
        for number, row in enumerate(self.corpus.forget):
            if row.example.id == name:
                return number
        raise ValueError(f"The rows to forget, {self.corpus.name}, have none that is called {name!r}.")

    @cached_property
    def opening_row(self) -> int:
        """Which forget row the page opens with: the first of those with most facts, where lanes have most to show."""
        rows = self.rows("forget")
        return max(range(min(len(rows), 1000)), key=lambda i: (len(rows[i].facts), -i))

    @cached_property
    def opening(self) -> TokenScores:
        """The scores the page opens with."""
        return self.score(self.row("forget", self.opening_row).example, self.scorers)

    def example(self, row: str, prompt: str, answer: str, subject: str) -> Example:
        """What a program asks about: a row of the embedded world such as `forget:0`, or a text of its own.

        Raises:
            ValueError: no such row, more than one, or text that is none or beyond the page's limit.
        """
        if row.strip():
            picked = pick_examples(row)
            if len(picked) != 1:
                raise ValueError(f"The row {row!r} names {count(len(picked), 'row')}: name one, such as forget:0.")
            return self.checked(replace(picked[0], subject=subject or None))
        return self.checked(Example(prompt, answer, id=OWN, subject=subject or None))

    def checked(self, example: Example) -> Example:
        """The same. ValueError when it is longer than the page reads."""
        characters = len(example.prompt) + len(example.answer)
        if characters > self.settings.max_characters:
            raise ValueError(
                f"The text has {characters:,} characters and this page takes at most "
                f"{self.settings.max_characters:,}: shorten it."
            )
        tokens = len(self.model.encode(example))
        if tokens > self.settings.max_tokens:
            raise ValueError(
                f"The row has {tokens:,} tokens and this page takes at most {self.settings.max_tokens:,}: shorten it."
            )
        return example

    @cached_property
    def opening_alternatives(self) -> Alternatives | None:
        """What the model would say instead in the row the page opens with."""
        return self.alternatives(self.opening.example)

    # Scores ----------------------------------------------------------------------------------------------------------

    def score(
        self, example: Example, scorers: tuple[str, ...] = DEFAULT_SCORERS, mask_scope: str = "subject"
    ) -> TokenScores:
        """Score one row with the shared model.

        Raises:
            ValueError: whatever makes the row impossible to score, or text beyond the page's limit.
        """
        self.checked(example)
        return score(self.model, [example], scorers, mask_scope=mask_scope)[0]

    def alternatives(self, example: Example) -> Alternatives | None:
        """What the shared model would say instead at each token of a row that was scored; None for a long one."""
        fits = len(self.model.encode(example)) <= MOST_TOKENS_WITH_ALTERNATIVES
        return alternatives(self.model, example, MOST_ALTERNATIVES) if fits else None

    @cached_property
    def scorers(self) -> tuple[str, ...]:
        """The scorers that a row is shown with at first: all default ones, or those that need nothing fitted."""
        try:
            scorer_for(self.model)
        except ValueError:
            return tuple(name for name in DEFAULT_SCORERS if name not in ("learned", "fused"))
        return DEFAULT_SCORERS

    @property
    def run_megabytes(self) -> float:
        """Memory that a run holds while it trains: weights, gradients and Adam's two moments, in float32."""
        return 16 * sum(parameter.numel() for parameter in self.model.model.parameters()) / 1e6

    # What the unchanging models answer -------------------------------------------------------------------------------

    def before(self) -> Future[Evaluation]:
        """The original model's evaluation; computed once, in the background."""
        return self._once("before", self.model)

    def reference(self) -> Future[Evaluation] | None:
        """The evaluation of the model retrained without the forget rows; None where there is none."""
        return None if self._retrained is None else self._once("reference", self._retrained)

    def unchanging(self) -> dict[str, LanguageModel]:
        """The models that no visitor changes: the original, and the retrained one where there is one."""
        return {"original": self.model} | ({} if self._retrained is None else {"reference": self._retrained})

    @cached_property
    def _retrained(self) -> LanguageModel | None:
        return retrained_reference(self.model, self.corpus)

    @cached_property
    def judge(self) -> Judge:
        """Says whether answers are language, with the original model."""
        return Judge(self.model, self.corpus.retain)

    def answer_before(self, row: int) -> str:
        """The original model's answer to a forget row's question."""
        if row not in self._answers:
            self._answers[row] = self.model.generate([self.corpus.forget[row].example.prompt])[0]
        return self._answers[row]

    def warm_up(self) -> None:
        """Start computing what every visitor will need, without waiting for it.

        Before the first of them comes: beside a run it would take half of what the run has.
        """
        if self.settings.warm_up:
            BACKGROUND.submit(self.calibrate)
            self.before()
            self.reference()

    def _once(self, name: str, model: LanguageModel) -> Future[Evaluation]:
        with self._lock:
            future = self._futures.get(name)
            # A failure is not kept: the next visitor tries again.
            if future is None or (future.done() and future.exception() is not None):
                future = BACKGROUND.submit(
                    lambda: evaluate(model, self.corpus, judge=self.judge, said=said_before(model))
                )
                self._futures[name] = future
            return future

    # How long a run takes --------------------------------------------------------------------------------------------

    @property
    def seconds_per_step(self) -> float | None:
        """What a training step takes on this machine, in seconds, measured; None before any was."""
        return self._seconds_per_step

    def measured(self, seconds: float, steps: int) -> None:
        """Learn from a run how long a step takes."""
        if steps:
            self._seconds_per_step = seconds / steps

    def calibrate(self) -> float:
        """Train a few steps on a copy and throw it away, unless a run has been timed already."""
        with self._pace:
            if self._seconds_per_step is not None:
                return self._seconds_per_step
            # A handful of rows: preparing the whole forget set would take longer than the steps that are timed.
            sample = replace(self.corpus, forget=self.corpus.forget[:16])
            job = run(self.model, sample, RunConfig(rule=Rule("random"), steps=CALIBRATION_STEPS, probe_every=0))
            seconds = [0.0] + [step.seconds for step in job]
            # The first step pays for memory that later steps find ready.
            self.measured(seconds[-1] - seconds[1], CALIBRATION_STEPS - 1)
            log.info("a training step takes %.3f s", self._seconds_per_step)
            return self._seconds_per_step or 0.0
