"""What one visitor holds, on the server: the row in view, the runs of this visit, and the one that is training.

Nothing heavy travels to the browser. A visit ends when its tab closes and is not opened anew soon; when too many are
open, the one unused for longest is dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from app.visit.models import Loading
from app.visit.own_rows import Browser, Sheet
from app.visit.studio import Studio
from app.visit.zero_gpu import AnyRun
from attribution import Alternatives, Example, LanguageModel, Selection, TokenScores, alternatives
from unlearn import Corpus, Evaluation, RunConfig, Step, evaluate
from unlearn.depth import Depth
from unlearn.metrics import Judge, Probe
from unlearn.run.collapse import CollapseGuard
from unlearn.stress import Stress

LONGEST_NAME = 60
# Between two looks whether a run that waits for a place was stopped.
PLACE_SECONDS = 0.2


@dataclass(frozen=True)
class Sample:
    """What the model being trained answers to one question, after a step."""

    step: int
    answer: str


@dataclass(frozen=True)
class Training:
    """A run as it stands: no steps yet while the rows are scored.

    Attributes:
        row: the forget row whose answer is sampled: the one in view, if it is one of them.
        selections: the weights of every forget row as they stand; empty while they are being made.
        before: the probe of the original model.
        way_back: the best sound step so far, where the run keeps it.
        rolled_back_to, notes: see `unlearn.Run`.
    """

    config: RunConfig
    row: int
    steps: Sequence[Step] = ()
    samples: Sequence[Sample] = ()
    selections: Sequence[Selection] = ()
    before: Probe | None = None
    way_back: int | None = None
    rolled_back_to: int | None = None
    notes: Sequence[str] = ()


@dataclass
class KeptRun:
    """A finished or stopped run, as a visit keeps it.

    Attributes:
        number: the visit's first run is 1; numbers are not used twice.
        name: what the visitor calls it; no two runs of a visit have the same.
        row: the forget row whose answer was sampled.
        preset: the preset it was set up by; empty for the visitor's own cut.
        selections: the weights every forget row was trained with, in the order of the corpus.
        rolled_back_to: the step whose weights the model has, where that is not the last.
        notes: sentences about what happened on the way.
        guard: holds the best sound step's weights, where the run was to keep them and until the next run is kept.
        evaluation: its answers and figures, once asked for.
        stressed: what each kind of stress did to it, once asked for.
        before: the probe of the original model.
        depth: how deep it has forgotten, once asked for.
        weights: held by whoever asks its model or changes it, so that no answers are of two models.
    """

    number: int
    name: str
    row: int
    config: RunConfig
    model: LanguageModel
    selections: tuple[Selection, ...]
    steps: tuple[Step, ...]
    samples: tuple[Sample, ...]
    seconds: float
    stopped: bool
    preset: str = ""
    rolled_back_to: int | None = None
    notes: tuple[str, ...] = ()
    guard: CollapseGuard | None = field(default=None, repr=False)
    evaluation: Evaluation | None = None
    stressed: dict[str, tuple[Stress, ...]] = field(default_factory=dict)
    before: Probe | None = None
    depth: Depth | None = None
    weights: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def stands_at(self) -> int:
        """The step whose weights the model has."""
        return len(self.steps) if self.rolled_back_to is None else self.rolled_back_to

    @property
    def probe(self) -> Probe | None:
        """What was measured last of the model as it stands; None where nothing was."""
        probes = (step.probe for step in reversed(self.steps[: self.stands_at]))
        return next((probe for probe in probes if probe is not None), None)

    @property
    def way_back(self) -> int | None:
        """The sound step that `Visit.go_back` would go to; None where none is kept, or it is the one at hand."""
        best = self.guard.best if self.guard is not None else None
        return best.step if best is not None and best.step != self.stands_at else None

    def evaluated(self, corpus: Corpus, judge: Judge) -> Evaluation:
        """Its answers and figures, asked for once."""
        with self.weights:
            if self.evaluation is None:
                self.evaluation = evaluate(self.model, corpus, judge=judge)
            return self.evaluation

    def alternatives(self, example: Example, most: int) -> Alternatives:
        """What it would say instead, as it is and with the subject hidden."""
        with self.weights:
            return alternatives(self.model, example, most)


class Places:
    """The server's places for runs, of all visits together."""

    def __init__(self, most: int = 1) -> None:
        self._free = threading.Semaphore(most)
        self._taken: list[int] = []

    def __len__(self) -> int:
        return len(self._taken)

    @contextmanager
    def one(self, given_up: Callable[[], bool]) -> Iterator[None]:
        """Hold a place, once there is one. ValueError when the wait was given up."""
        while not self._free.acquire(timeout=PLACE_SECONDS):
            if given_up():
                raise ValueError("Stopped before a place was free: start it again.")
        self._taken.append(1)
        try:
            yield
        finally:
            self._taken.pop()
            self._free.release()


@dataclass
class Own:
    """Files that a visit brought, as they were read, and the rows to forget, to browse."""

    forget: Sheet | None = None
    retain: Sheet | None = None
    browser: Browser | None = None


@dataclass
class Visit:
    """One visitor's state.

    Attributes:
        studio: the model and the rows it works with: those that the page opens with, until it takes its own.
        scores: the row in view; None before one was scored in this visit.
        split, row: where it comes from; `own` and None for typed text.
        mask_scope: how masking scored it.
        runs: the kept runs in the order they were made, latest last.
        current: the number of the run that is shown, undone and compared; see `last`.
        job: the run that is training, and `now` as it stands.
        run_count: runs started and kept so far, dropped ones included.
        loading: the model that is being loaded for it.
        own: what it uploaded.
        stopping: whether the run that is training was asked to end.
        closed: whether the visitor has left.
        places: the server's places for runs.
    """

    studio: Studio
    scores: TokenScores | None = None
    split: str = "forget"
    row: int | None = None
    mask_scope: str = "subject"
    runs: list[KeptRun] = field(default_factory=list)
    current: int | None = None
    job: AnyRun | None = None
    now: Training | None = field(default=None, repr=False)
    run_count: int = 0
    stopping: bool = False
    closed: bool = False
    loading: Loading | None = None
    own: Own = field(default_factory=Own, repr=False)
    busy: threading.Lock = field(default_factory=threading.Lock, repr=False)
    places: Places = field(default_factory=Places, repr=False)

    @contextmanager
    def training(self) -> Iterator[None]:
        """Hold the visit's one place for a run, and one of the server's.

        The line lets no more in than there are places (app/server/line.py); whatever becomes of it, this holds where
        the work is done.

        Raises:
            ValueError: another run of the same visit is not done, or Stop came before a place was free.
        """
        if not self.busy.acquire(blocking=False):
            raise ValueError("A run of yours is still training: stop it or wait for it, then start the next.")
        self.stopping = False
        try:
            with self.places.one(lambda: self.stopping or self.closed):
                yield
        finally:
            self.job = self.now = None
            self.busy.release()

    def begin(self, run: AnyRun) -> AnyRun:
        """Make a prepared run the one that Stop reaches, also when Stop came while it was being prepared."""
        self.job = run
        if self.stopping:
            run.stop()
        return run

    def keep(self, run: AnyRun, row: int, samples: tuple[Sample, ...], max_runs: int, preset: str = "") -> KeptRun:
        """Keep a run and make it the current one; the oldest leaves when there are too many."""
        self.run_count += 1
        kept = KeptRun(
            number=self.run_count,
            name=self._free_name(f"Run {self.run_count}"),
            row=row,
            config=run.config,
            model=run.model,
            selections=tuple(run.selections),
            steps=tuple(run.steps),
            samples=samples,
            seconds=run.seconds,
            stopped=run.stopped,
            preset=preset,
            rolled_back_to=run.rolled_back_to,
            notes=tuple(run.notes),
            guard=run.guard,
            before=run.before,
        )
        for earlier in self.runs:
            # A second copy of the weights: of the latest run alone.
            earlier.guard = None
        self.runs.append(kept)
        del self.runs[:-max_runs]
        self.current = kept.number
        return kept

    @property
    def forget_row(self) -> int | None:
        """The number of the row in view among those to forget; None where it is none of them."""
        if self.scores is None:
            return self.studio.opening_row
        return self.row if self.split == "forget" else None

    @property
    def last(self) -> KeptRun | None:
        """The current run, the one that Unlearn and Compare show: the latest, or the one that was picked since."""
        if not self.runs:
            return None
        return next((kept for kept in self.runs if kept.number == self.current), self.runs[-1])

    def find(self, number: int) -> KeptRun:
        """The kept run of that number. ValueError names those that are kept."""
        for kept in self.runs:
            if kept.number == number:
                return kept
        names = ", ".join(f"{kept.name} ({kept.number})" for kept in self.runs)
        raise ValueError(f"There is no kept run {number}: {f'choose from {names}' if names else 'start one first'}.")

    def pick(self, number: int) -> KeptRun:
        """Make a kept run the current one."""
        kept = self.find(number)
        self._check_idle("choose another")
        self.current = number
        return kept

    def rename(self, number: int, name: str) -> KeptRun:
        """Call a kept run otherwise. ValueError for no name, a long one, or another run's."""
        kept, name = self.find(number), " ".join(str(name or "").split())
        if not name:
            raise ValueError("The name is empty: type one.")
        if len(name) > LONGEST_NAME:
            raise ValueError(f"The name has {len(name)} characters: at most {LONGEST_NAME} are taken.")
        if any(other.name == name for other in self.runs if other is not kept):
            raise ValueError(f"Another run is called {name!r}: choose another name.")
        kept.name = name
        return kept

    def undo(self) -> KeptRun:
        """Drop the current run and return it; the one before it is then the current one.

        Raises:
            ValueError: there is none, or one is training.
        """
        self._check_idle("undo")
        dropped = self.last
        if dropped is None:
            raise ValueError("There is no run to undo: the model is the original one.")
        place = next(k for k, kept in enumerate(self.runs) if kept is dropped)
        del self.runs[place]
        self.current = self.runs[max(place - 1, 0)].number if self.runs else None
        return dropped

    def undo_to(self, number: int) -> list[KeptRun]:
        """Drop every run that was made after this one, which is then the current one; returns the dropped."""
        kept = self.find(number)
        self._check_idle("undo")
        place = next(k for k, each in enumerate(self.runs) if each is kept)
        dropped, self.runs[place + 1 :] = self.runs[place + 1 :], []
        self.current = number
        return dropped

    def go_back(self) -> KeptRun:
        """Give the current run's model the weights of its best sound step, and ask it its question again.

        Raises:
            ValueError: the run kept none, or one is training.
        """
        kept = self.last
        if kept is None or kept.guard is None:
            raise ValueError(
                "This run has kept no earlier step to go back to: run it again with 'Keep the best sound step' on."
            )
        question = self.studio.corpus.forget[kept.row].example.prompt
        # Nothing trains or stresses the model meanwhile, and what asks it is waited for.
        with self._idle("go back"), kept.weights:
            kept.rolled_back_to = kept.guard.restore()
            kept.evaluation = None
            kept.stressed.clear()
            kept.depth = None
            kept.samples = (*kept.samples, Sample(kept.stands_at, kept.model.generate([question])[0]))
        return kept

    @contextmanager
    def _idle(self, what: str) -> Iterator[None]:
        """Hold the place for a run while something else is done. ValueError while a run holds it."""
        if not self.busy.acquire(blocking=False):
            raise ValueError(f"A run of yours is still training: stop it first, then {what}.")
        try:
            yield
        finally:
            self.busy.release()

    def _check_idle(self, what: str) -> None:
        with self._idle(what):
            pass

    def _free_name(self, wanted: str) -> str:
        taken = {kept.name for kept in self.runs}
        return f"{wanted} (new)" if wanted in taken else wanted

    def take(self, studio: Studio) -> None:
        """Work with another model or other rows from now on; the row in view and the runs belong to the old ones.

        Raises:
            ValueError: a run is training.
        """
        if studio is self.studio:
            return
        self._check_idle("choose another model or other rows")
        self.studio, self.scores, self.split, self.row = studio, None, "forget", None
        self.runs.clear()
        self.current = None

    def stop(self) -> None:
        """Ask the run that is training, or about to, to end after its step."""
        self.stopping = True
        if self.job is not None:
            self.job.stop()
