"""A run in a process of its own: everything that goes in and out can be pickled.

For hosts that lend a GPU for the length of one call. In go the original's weights, the rows and the config; out comes
every step as it is made, and in the end the trained weights, as tensors of the CPU, with the answers.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from attribution.model.language_model import LanguageModel
from attribution.selection import Selection
from unlearn.data.corpus import Corpus
from unlearn.metrics import Evaluation, Judge, Probe, evaluate
from unlearn.run.adapters import merged, trainable_copy
from unlearn.run.collapse import CollapseGuard
from unlearn.run.config import RunConfig
from unlearn.run.loop import Step, run


@dataclass(frozen=True)
class Packed:
    """A language model as it can be pickled: hooks that transformers hangs on a model cannot."""

    build: Callable[[Any], Any]
    config: Any
    weights: dict[str, Tensor]
    rest: tuple[Any, ...]

    @classmethod
    def of(cls, model: LanguageModel) -> Packed:
        weights = {name: value.cpu() for name, value in model.model.state_dict().items()}
        rest = (model.tokenizer, model.name, model.template, model.folder)
        return cls(type(model.model)._from_config, model.model.config, weights, rest)

    def unpacked(self, device: str) -> LanguageModel:
        # Built in the type its weights have.
        model = self.build(self.config).to(next(iter(self.weights.values())).dtype)
        model.load_state_dict(self.weights)
        return LanguageModel(model.to(device).requires_grad_(False), *self.rest)


@dataclass(frozen=True)
class Order:
    """All that a run is made of.

    Attributes:
        options: of scoring.
        question: asked on the way and at the end.
        ask_at: the steps after which the question is asked.
        stop: the run ends after the step in which this file appears.
        expected: seconds of training.
    """

    model: Packed
    corpus: Corpus
    config: RunConfig
    options: dict[str, Any]
    question: str
    ask_at: frozenset[int]
    stop: Path
    expected: float


@dataclass(frozen=True)
class Prepared:
    """The rows are scored.

    Attributes:
        selections: of every forget row; they come again after the last step, since live scoring changes them.
        before: the probe of the original; None where the run does not probe.
    """

    selections: list[Selection]
    before: Probe | None


@dataclass(frozen=True)
class Result:
    """What is left of the worker's run."""

    weights: dict[str, Tensor]
    selections: list[Selection]
    stopped: bool
    rolled_back_to: int | None
    notes: list[str]
    answer: str
    evaluation: Evaluation


def work(order: Order) -> Iterator[Prepared | tuple[Step, str | None] | Result | ValueError]:
    """In the worker: prepare, train, ask. A fault of the input is handed over as it is: raised, it loses its words."""
    try:
        yield from _work(order)
    except ValueError as error:
        yield error


def _work(order: Order) -> Iterator[Prepared | tuple[Step, str | None] | Result]:
    model = order.model.unpacked("cuda" if torch.cuda.is_available() else "cpu")
    job = run(model, order.corpus, order.config, **order.options)
    yield Prepared(job.selections, job.before)
    for step in job:
        if order.stop.exists():
            job.stop()
        due = step.number in order.ask_at or order.stop.exists()
        yield step, job.model.generate([order.question])[0] if due else None
    trained = merged(job.model)
    yield Result(
        {name: value.cpu() for name, value in trained.model.state_dict().items()},
        job.selections,
        job.stopped,
        job.rolled_back_to,
        job.notes,
        trained.generate([order.question])[0],
        evaluate(trained, order.corpus, judge=Judge(model, order.corpus.retain)),
    )


Call = Callable[[Order], Iterator[Any]]


class RemoteRun:
    """A run whose steps are made by the worker; to the page it is as `unlearn.Run`.

    Attributes:
        answers: to the question, by the step after which it was asked.
        evaluation: figures and answers of the result; None before it is there.
    """

    guard: CollapseGuard | None = None

    def __init__(
        self,
        call: Call,
        model: LanguageModel,
        corpus: Corpus,
        config: RunConfig,
        question: str,
        ask_at: frozenset[int],
        expected: float,
        **options: Any,
    ) -> None:
        self.base = self.model = model
        self.config = config
        self.steps: list[Step] = []
        self.answers: dict[int, str] = {}
        self.seconds, self.stopped = 0.0, False
        self.rolled_back_to: int | None = None
        self.notes: list[str] = []
        self.evaluation: Evaluation | None = None
        self._stop = Path(tempfile.gettempdir()) / f"forget-lens-stop-{uuid.uuid4().hex}"
        order = Order(Packed.of(model), corpus, config, options, question, ask_at, self._stop, expected)
        self._coming = _raised(call(order))
        prepared: Prepared = next(self._coming)
        self.selections, self.before = prepared.selections, prepared.before

    def stop(self) -> None:
        """End after the step that is running."""
        self._stop.touch()

    def __iter__(self) -> Iterator[Step]:
        try:
            for item in self._coming:
                if isinstance(item, Result):
                    self._take(item)
                    return
                step, answer = item
                self.steps.append(step)
                self.seconds = step.seconds
                if answer is not None:
                    self.answers[step.number] = answer
                yield step
        finally:
            self._stop.unlink(missing_ok=True)

    def _take(self, result: Result) -> None:
        self.model = trainable_copy(self.base)
        self.model.model.load_state_dict(result.weights)
        self.selections, self.stopped, self.notes = result.selections, result.stopped, result.notes
        self.rolled_back_to, self.evaluation = result.rolled_back_to, result.evaluation
        stands_at = len(self.steps) if result.rolled_back_to is None else result.rolled_back_to
        self.answers.setdefault(stands_at, result.answer)


def _raised(items: Iterator[Any]) -> Iterator[Any]:
    for item in items:
        if isinstance(item, ValueError):
            raise item
        yield item
