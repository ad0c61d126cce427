"""A visit's run without the page: train it and keep it."""

from __future__ import annotations

import contextvars
import dataclasses
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app.visit.session import Sample, Training, Visit
from app.visit.studio import Studio
from app.visit.zero_gpu import WORKER, AnyRun
from unlearn import Corpus, RunConfig, Step, run
from unlearn.replay import is_sampled
from unlearn.run.prediction import Prediction, predict
from unlearn.run.remote import RemoteRun

FOLLOW_SECONDS = 0.2
"""Between two looks at a run that something else drives."""


def train(visit: Visit, config: RunConfig, preset: str = "") -> Iterator[Training]:
    """Run for a visit and keep the result: yields how it stands before the first step, and as it goes on.

    It trains on a thread of its own and waits for nobody: whoever takes long over a state is given the newest next.
    The last is always given. Whoever looks no more ends the run after its step, and nothing is kept.

    Args:
        preset: by which the run was set up, for people.

    Raises:
        ValueError: the visit trains already, the rule selects nothing, or the loss is no longer a number.
    """
    trainings, newest = _trainings(visit, config, preset), _Newest()
    # What is known of the request must be known there, too: whoever lends a GPU asks for it.
    work = contextvars.copy_context().run
    thread = threading.Thread(target=work, args=(newest.drain, trainings), name="training", daemon=True)
    thread.start()
    try:
        yield from newest
    finally:
        # Not waited for: whoever closes this may be the loop that serves everybody.
        newest.left = True
    thread.join()
    if newest.error is not None:
        raise newest.error


class _Newest:
    """Where a thread puts what it makes, and another takes what is newest.

    Attributes:
        left: whether nobody takes any more.
        error: by which the making ended.
    """

    def __init__(self) -> None:
        self.left = False
        self.error: BaseException | None = None
        self._changed = threading.Condition()
        self._made: Training | None = None
        self._ended = False

    def drain(self, trainings: Iterator[Training]) -> None:
        """Make everything there is to make, until nobody takes it any more."""
        try:
            for training in trainings:
                with self._changed:
                    self._made = training
                    self._changed.notify()
                if self.left:
                    break
        except BaseException as error:  # noqa: B036 - whoever looks is told
            self.error = error
        finally:
            trainings.close()  # type: ignore[attr-defined]
            with self._changed:
                self._ended = True
                self._changed.notify()

    def __iter__(self) -> Iterator[Training]:
        seen = None
        while True:
            with self._changed:
                while self._made is seen and not self._ended:
                    self._changed.wait()
                found = self._made
            if found is None or found is seen:
                return
            seen = found
            yield found


def _trainings(visit: Visit, config: RunConfig, preset: str) -> Iterator[Training]:
    """Every state of a run for a visit, as it is made."""
    studio = visit.studio
    with visit.training():
        corpus, row = corpus_in_view(visit)
        question = corpus.forget[row].example.prompt
        visit.now = Training(config, row)
        yield visit.now
        with memory_said(studio):
            job = visit.begin(_prepared(studio, corpus, config, question, mask_scope=visit.mask_scope))
        studio.answer_before(row)
        samples: list[Sample] = []
        deadline = time.monotonic() + studio.settings.run_seconds
        for step in _steps(job, studio):
            if time.monotonic() > deadline:
                visit.stop()
            if is_sampled(step.number, config.steps) or visit.stopping:
                _ask(job, question, samples)
            best = job.guard.best.step if job.guard and job.guard.best else None
            state = (job.steps, samples, job.selections, job.before)
            visit.now = Training(config, row, *state, best, job.rolled_back_to, job.notes)
            yield visit.now
        if visit.closed:
            return
        if samples[-1].step != _stands_at(job):
            _ask(job, question, samples)
        if plain(config):
            studio.measured(job.seconds, len(job.steps))
        kept = visit.keep(job, row, tuple(samples), studio.settings.max_runs, preset)
        if isinstance(job, RemoteRun):
            kept.evaluation = job.evaluation


def followed(visit: Visit) -> Iterator[Training]:
    """A visit's run that something else drives: yields what it comes to, until it has ended."""
    seen = None
    while (now := visit.now) is not None:
        if now is not seen:
            yield now
        seen = now
        time.sleep(FOLLOW_SECONDS)


def foresee(visit: Visit, config: RunConfig) -> Prediction:
    """Try the first steps of a visit's next run and take them back; nothing is kept.

    Raises:
        ValueError: the visit trains already, the rule selects nothing, or the run cannot be tried.
    """
    if WORKER is not None:
        raise ValueError("Runs train in a process of their own here and cannot be tried first: start it and watch it.")
    if config.learn == "refit":
        raise ValueError("This run learns its scorer in a whole run before it, and cannot be tried first: start it.")
    studio = visit.studio
    tried = dataclasses.replace(config, probe_every=0, until_recall=None, roll_back=False)
    with visit.training(), memory_said(studio):
        return predict(run(studio.model, corpus_in_view(visit)[0], tried, mask_scope=visit.mask_scope))


def plain(config: RunConfig) -> bool:
    """Whether a step is one update and nothing more: the kind that estimates are made of."""
    return not config.score_every and config.learn == "given" and config.lora is None


def _prepared(studio: Studio, corpus: Corpus, config: RunConfig, question: str, **options: Any) -> AnyRun:
    """The run with every row scored: here, or where a call is needed to have a GPU."""
    if WORKER is None:
        return run(studio.model, corpus, config, **options)
    expected = min(studio.calibrate() * config.steps, studio.settings.run_seconds)
    ask_at = frozenset(step for step in range(1, config.steps + 1) if is_sampled(step, config.steps))
    return RemoteRun(WORKER, studio.model, corpus, config, question, ask_at, expected, **options)


def _ask(job: AnyRun, question: str, samples: list[Sample]) -> None:
    """Add what the model answers as it stands; a run in a worker brings its answers along."""
    if isinstance(job, RemoteRun):
        samples[:] = [Sample(step, answer) for step, answer in job.answers.items()]
    else:
        samples.append(Sample(_stands_at(job), job.model.generate([question])[0]))


def _stands_at(job: AnyRun) -> int:
    """The step whose weights the model has."""
    return len(job.steps) if job.rolled_back_to is None else job.rolled_back_to


def _steps(job: AnyRun, studio: Studio) -> Iterator[Step]:
    with memory_said(studio):
        yield from job


@contextmanager
def memory_said(studio: Studio) -> Iterator[None]:
    """Work that may need more memory than there is: then a sentence, and what was there before is there still."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "memory" not in str(error).lower():
            raise
        raise ValueError(
            f"There is not enough memory for this run, which needs about {studio.run_megabytes:,.0f} MB beside the "
            "model: take a smaller model, fewer rows, or shorter ones."
        ) from error


def corpus_in_view(visit: Visit) -> tuple[Corpus, int]:
    """What the visit's next run forgets, and which of its rows is shown beside the curves.

    A subject that the visitor chose for the row in view goes along, so that the run selects what the lanes underline.
    """
    studio, row = visit.studio, visit.forget_row
    if visit.scores is None or row is None:
        return studio.corpus, studio.opening_row
    rows = list(studio.corpus.forget)
    shown = visit.scores.example
    rows[row] = dataclasses.replace(rows[row], example=shown)
    return dataclasses.replace(studio.corpus, forget=tuple(rows)), row
