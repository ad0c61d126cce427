"""Is it these tokens, does it come back, is it gone? The race of arms, the stresses on a run, and its depth.

They take the visit's one place for a run, so that Stop reaches them and no two things train at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.look.answers import FORGET_ROWS, KEEP_ROWS, MODELS
from app.look.markup import duration
from app.visit.session import Visit
from app.visit.studio import Studio
from app.visit.training import corpus_in_view, memory_said
from attribution import Rule
from attribution.suggestions import did_you_mean
from unlearn import Corpus, Run, RunConfig
from unlearn.arms import Arm, Bench, Comparison, Trial, compare, parse_arms
from unlearn.depth import Depth, depth
from unlearn.metrics import evaluation_rows, spaced
from unlearn.stress import KINDS, Stress, stress

# The race -----------------------------------------------------------------------------------------------------------

ARMS = {
    "hard": "the visible cut",
    "soft": "the same scores as soft weights",
    "sequence": "every token, the end included",
    "random": "as many tokens, drawn at random",
    "oracle": "the marked facts alone",
}
# Enough to rank arms that differ by much, few enough that a race of five takes a minute or two on a laptop.
STEPS, POINTS = 40, 5
TARGETS = (0.5, 0.1)
# Answers of each point whose words are judged: a tenth of a second each where they are no language.
JUDGED = 12
# Arms run side by side while their weights, gradients and moments take no more than this.
MOST_MEGABYTES = 1_000


@dataclass(frozen=True)
class Race:
    """A race as it stands.

    Attributes:
        arms: all that take part, in their order; `trials` those that have begun.
        step: taken so far, of all arms together; `steps` is what each takes.
        ended: a sentence on how the race ended; empty while it runs.
        question, before: what every arm is asked, and what the original model answers.
        samples: by arm, what its model answered last.
    """

    arms: tuple[Arm, ...]
    trials: tuple[Trial, ...]
    step: int
    steps: int
    ended: str = ""
    question: str = ""
    before: str = ""
    samples: Mapping[str, str] = field(default_factory=dict)

    @property
    def forgetting(self) -> str:
        """The figure that measures forgetting: facts recalled, or ROUGE-L where none are marked."""
        return next(name for name in self.trials[0].counts if name.startswith("forget_"))

    @property
    def kept(self) -> list[str]:
        """The figures that are to stay: of rows to keep, structure where facts are marked, and sense."""
        counts = self.trials[0].counts
        sense = "sensible" if "sensible" in counts else "speaks"
        return [name for name in counts if name.startswith("retain_") or name in ("structure", sense)]

    def compared(self) -> Comparison | None:
        """The arms at equal forgetting; None before any has been measured."""
        if not self.trials or self.trials[0].arm != self.arms[0].name:
            return None
        first = self.trials[0]
        original = first.figures(first.points[0])[self.forgetting]
        lowest = min(first.figures(point)[self.forgetting] for point in first.points)
        targets = [target for target in TARGETS if lowest <= target < original]
        if not targets and 0 < lowest < original:
            # A short race may end before the first of them: then where the cut itself ended.
            targets = [lowest]
        return compare(self.trials, first.arm, targets) if targets else None


def make_arms(config: RunConfig, temperature: float, names: Sequence[str], marked: bool) -> list[Arm]:
    """The visible cut and what it is held against, all with the same settings but the choice of tokens.

    Args:
        config: the run on the visible cut.
        temperature: of the soft arm.
        names: keys of `ARMS`; `hard` always takes part, and it alone has the edits by hand. `oracle` is left out where
            nothing is marked.

    Raises:
        ValueError: a name that is none.
    """
    for name in names:
        if name not in ARMS:
            raise ValueError(f"The arm {name!r} is unknown{did_you_mean(name, ARMS)} Choose from {', '.join(ARMS)}.")
    rule = config.rule
    # Every arm takes all its steps: what it keeps on the way is the race.
    hard = Arm("hard", ARMS["hard"], replace(config, probe_every=0, until_recall=None, roll_back=False))
    # A threshold keeps other numbers of random scores: then the same scores are dealt out anew inside each answer.
    chance = "random" if rule.kind == "top" else "permuted"
    controls = {"sequence": "sequence", "random": chance} | ({"oracle": "oracle"} if marked else {})
    wanted = {controls[name]: name for name in controls if name in names}
    made = {arm.name: arm for arm in parse_arms(list(wanted), hard)}
    arms = {name: replace(made[base], name=name, title=ARMS[name]) for base, name in wanted.items()}
    if "soft" in names:
        soft = Rule(rule.scorer, "soft", temperature, rule.keep_given)
        arms["soft"] = Arm("soft", ARMS["soft"], replace(hard.config, rule=soft, by_hand=""))
    return [hard, *(arms[name] for name in ARMS if name in arms)]


def run_race(visit: Visit, arms: Sequence[Arm]) -> Iterator[Race]:
    """Run the arms for a visit, a step of each in turn, as they stand after every step. Nothing of it is kept.

    Where their weights would not fit into memory side by side, fewer run at a time and the others wait. The rows are
    scored as the row in view was, so that the first arm trains on the visible cut.

    Raises:
        ValueError: the visit trains already, or an arm selects nothing.
    """
    studio, config = visit.studio, arms[0].config
    arms = [replace(arm, options={**arm.options, "mask_scope": visit.mask_scope}) for arm in arms]
    deadline = time.monotonic() + studio.settings.run_seconds
    side_by_side = max(1, int(MOST_MEGABYTES / max(1.0, studio.run_megabytes)))
    jobs: dict[str, Run] = {}
    trials: dict[str, Trial] = {}
    samples: dict[str, str] = {}

    with visit.training(), memory_said(studio):
        corpus, row = corpus_in_view(visit)
        question = corpus.forget[row].example.prompt
        bench = Bench(studio.model, corpus, points=POINTS, retain_rows=KEEP_ROWS, asked=asked(corpus), judged=JUDGED)
        waiting, going = list(arms), list[tuple[Arm, Iterator[Trial]]]()

        def state(ended: str = "") -> Race:
            begun = tuple(trials[arm.name] for arm in arms if arm.name in trials)
            steps = sum(len(job.steps) for job in jobs.values())
            return Race(
                tuple(arms), begun, steps, config.steps, ended, question, studio.answer_before(row), dict(samples)
            )

        def begin(arm: Arm) -> Iterator[Trial]:
            def begun(job: Run) -> None:
                jobs[arm.name] = job
                visit.begin(job)

            return bench.along(arm, config.seed, begun=begun)

        while going or (waiting and not visit.stopping and not visit.closed):
            if waiting and len(going) < side_by_side and not visit.stopping:
                arm = waiting.pop(0)
                going.append((arm, begin(arm)))
                turn = going[-1:]
            else:
                turn = list(going)
            for one in turn:
                arm, steps = one
                trial = next(steps, None)
                if trial is None:
                    going.remove(one)
                    continue
                measured = arm.name not in trials or len(trials[arm.name].points) < len(trial.points)
                trials[arm.name] = trial
                if measured and len(trial.points) > 1:
                    samples[arm.name] = jobs[arm.name].model.generate([question])[0]
                if time.monotonic() > deadline:
                    visit.stop()
                if visit.stopping or visit.closed:
                    for job in jobs.values():
                        job.stop()
                yield state()
        late = time.monotonic() > deadline
        whole = len(trials) == len(arms) and not visit.stopping
        ended = "Done" if whole else "Stopped"
        if late and not whole:
            ended = f"Stopped after the {duration(studio.settings.run_seconds)} that a run may take here"
        last = state(ended)
    yield last


def is_marked(corpus: Corpus) -> bool:
    """Whether any row to forget says which of its tokens are facts."""
    return any(row.facts for row in corpus.forget)


def asked(corpus: Corpus) -> Corpus:
    """The rows that arms are measured on: evenly spaced, of those to forget and those to keep."""
    return replace(corpus, forget=tuple(spaced(corpus.forget, FORGET_ROWS)), paraphrase=(), world=())


# The stresses --------------------------------------------------------------------------------------------------------

Found = dict[str, dict[str, tuple[Stress, ...]]]
"""By model (a key of `MODELS`) and by kind, what the stresses did."""


def stressed(visit: Visit, kinds: Sequence[str]) -> Iterator[str]:
    """Put the visit's current run and the unchanging models under stress; what is known already is not made again.

    Yields what is being done; the results are then in `found`.

    Raises:
        ValueError: there is no run, an unknown kind, or it takes longer than a run may.
    """
    kept, studio = visit.last, visit.studio
    if kept is None:
        raise ValueError("There is no run to put under stress: start one first.")
    forget, keep = sample(studio)
    corpus = replace(studio.corpus, forget=tuple(forget))
    deadline = time.monotonic() + studio.settings.run_seconds
    models = {"run": kept.model, **studio.unchanging()}
    with visit.training(), memory_said(studio):
        for kind in kinds:
            for who, model in models.items():
                if kind in found(visit).get(who, {}):
                    continue
                asked = kept.name if who == "run" else MODELS[who].lower()
                yield f"{kind.capitalize()}, {asked}: {KINDS[kind]}"
                results = []
                for one in stress(model, corpus, (kind,), keep=keep):
                    results.append(one)
                    _check(visit, deadline, studio.settings.run_seconds)
                if who == "run":
                    kept.stressed[kind] = tuple(results)
                else:
                    studio.stressed[who, kind] = tuple(results)


def sample(studio: Studio) -> tuple[list[Any], list[Any]]:
    """The rows to forget and to keep that are asked, evenly spaced."""
    rows = evaluation_rows(studio.corpus)
    return spaced(rows.get("forget", ()), FORGET_ROWS), spaced(rows.get("retain", ()), KEEP_ROWS)


def _check(visit: Visit, deadline: float, seconds: float) -> None:
    if visit.stopping or visit.closed:
        raise ValueError("Stopped: what was finished before is shown.")
    if time.monotonic() > deadline:
        raise ValueError(
            f"This took longer than the {duration(seconds)} a run may take here: try one stress at a time."
        )


def found(visit: Visit) -> Found:
    """Everything that is known of the current run and of the unchanging models."""
    known: Found = {"run": dict(visit.last.stressed) if visit.last is not None else {}}
    for (who, kind), results in list(visit.studio.stressed.items()):
        known.setdefault(who, {})[kind] = results
    return known


# Depth ---------------------------------------------------------------------------------------------------------------


def measured_depth(visit: Visit) -> Depth:
    """How deep the visit's current run has forgotten, block by block; measured once.

    Raises:
        ValueError: there is no run, another is training, or the retrained model's states do not fit the original's.
    """
    kept, studio = visit.last, visit.studio
    if kept is None:
        raise ValueError("There is no run to measure: start one first.")
    if kept.depth is None:
        retrained = studio.unchanging().get("reference")
        with visit.training(), memory_said(studio), kept.weights:
            kept.depth = depth(kept.model, studio.model, retrained, studio.corpus)
    return kept.depth
