"""The race of arms: the same run on other tokens, what each keeps against what it forgets; and the `/race` endpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from app.look.markup import duration, refused
from app.visit.run_config import DEFAULTS, make_config, make_rule
from app.visit.session import Visit, Visits
from app.visit.studio import Studio
from app.visit.training import memory_said
from attribution import Rule
from attribution.suggestions import did_you_mean
from unlearn import Corpus, Run, RunConfig
from unlearn.arms import Arm, Bench, Comparison, Trial, compare, parse_arms
from unlearn.metrics.examination import spaced
from unlearn.presets import SOFT_TEMPERATURE

ARMS = {
    "hard": "the visible cut",
    "soft": "the same scores as soft weights",
    "sequence": "every token, the end included",
    "random": "as many tokens, drawn at random",
    "oracle": "the marked facts alone",
}
# Enough to rank arms that differ by much, few enough that a race of five takes a minute or two on a laptop.
STEPS, POINTS, FORGET_ROWS, KEEP_ROWS = 40, 5, 80, 60
TARGETS = (0.5, 0.1)
TITLES = {
    "forget_recall": "Facts to forget",
    "retain_recall": "Facts to keep",
    "structure": "Structure",
    "subject": "Subject",
    "forget_rouge_l": "Answers to forget, ROUGE-L",
    "retain_rouge_l": "Answers to keep, ROUGE-L",
}


@dataclass(frozen=True)
class Race:
    """A race as it stands.

    Attributes:
        arms: all that take part, in their order; `trials` those that have begun.
        step: of the arm that is running.
        ended: a sentence on how the race ended; empty while it runs.
    """

    arms: tuple[Arm, ...]
    trials: tuple[Trial, ...]
    step: int
    steps: int
    ended: str = ""

    @property
    def forgetting(self) -> str:
        """The figure that measures forgetting: facts recalled, or ROUGE-L where none are marked."""
        return next(name for name in self.trials[0].counts if name.startswith("forget_"))

    @property
    def kept(self) -> list[str]:
        """The figures that are to stay: of rows to keep, and structure where facts are marked."""
        return [name for name in self.trials[0].counts if name.startswith("retain_") or name == "structure"]

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
        names: keys of `ARMS`; `hard` always takes part. `oracle` is left out where nothing is marked.

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
        arms["soft"] = Arm("soft", ARMS["soft"], replace(hard.config, rule=soft))
    return [hard, *(arms[name] for name in ARMS if name in arms)]


def run_race(studio: Studio, visit: Visit, arms: Sequence[Arm]) -> Iterator[Race]:
    """Run one arm after another for a visit, as they stand after every step. Nothing of it is kept.

    Raises:
        ValueError: the visit trains already, or an arm selects nothing.
    """
    config = arms[0].config
    done: list[Trial] = []
    deadline = time.monotonic() + studio.settings.run_seconds

    def begun(job: Run) -> None:
        visit.begin(job)

    with visit.training(), memory_said(studio):
        bench = Bench(studio.model, studio.corpus, points=POINTS, retain_rows=KEEP_ROWS, asked=asked(studio.corpus))
        for arm in arms:
            latest: Trial | None = None
            for latest in bench.along(arm, config.seed, begun=begun):
                step = len(visit.job.steps) if visit.job is not None else 0
                if time.monotonic() > deadline:
                    visit.stop()
                yield Race(tuple(arms), (*done, latest), step, config.steps)
            if latest is not None:
                done.append(latest)
            if visit.stopping or visit.closed:
                break
        late = time.monotonic() > deadline
    ended = "Done" if len(done) == len(arms) and not visit.stopping else "Stopped"
    if late and ended == "Stopped":
        ended = f"Stopped after the {duration(studio.settings.run_seconds)} that a run may take here"
    yield Race(tuple(arms), tuple(done), config.steps, config.steps, ended)


def is_marked(corpus: Corpus) -> bool:
    """Whether any row to forget says which of its tokens are facts."""
    return any(row.facts for row in corpus.forget)


def asked(corpus: Corpus) -> Corpus:
    """The rows that arms are measured on: evenly spaced, of those to forget and those to keep."""
    return replace(corpus, forget=tuple(spaced(corpus.forget, FORGET_ROWS)), paraphrase=(), world=())


# The API -------------------------------------------------------------------------------------------------------------


def race_endpoint(shared: Studio, visits: Visits) -> Callable[..., Iterator[dict[str, Any]]]:
    """The function behind `/race`."""

    def race(
        request: gr.Request,
        arms: str = ",".join(ARMS),
        scorer: str = DEFAULTS.rule.scorer,
        top: float = DEFAULTS.rule.cut,
        threshold: float | None = None,
        temperature: float = SOFT_TEMPERATURE,
        keep_given: bool = False,
        objective: str = DEFAULTS.objective,
        steps: int = STEPS,
        learning_rate: float = DEFAULTS.learning_rate,
        seed: int = 0,
    ) -> Iterator[dict[str, Any]]:
        """Train the same run on other tokens, one arm after another, and compare what each keeps at equal forgetting.

        One seed: small differences are none. Streams the race as it stands after each arm; nothing of it is kept.

        Args:
            arms: separated by commas: hard (the cut; always takes part), soft, sequence, random, oracle.
            scorer: whose scores are cut: masking, entropy, learned, fused, ...
            top: the share of each answer that is selected.
            threshold: keep scores from here on, instead of a top share.
            temperature: of the soft arm.
            keep_given: also select the subject's name, which the prompt gives.
            objective: wga, npo, graddiff, satga, ...
            steps: optimiser steps of each arm.
            learning_rate: of AdamW.
            seed: of the order of rows and of the random arm.

        Returns:
            {"arms": [{"arm", "title", "selected", "tokens", "points": [{"step", figures}]}], "ended", "comparison"};
            comparison is null until the end
        """
        try:
            visit = visits.of(request.session_hash)
            studio = visit.studio or shared
            names = [name.strip() for name in arms.split(",") if name.strip()]
            kind, cut = ("top", top) if threshold is None else ("threshold", threshold)
            given = {"scorer": scorer, "kind": kind, "cut": cut, "keep_given": keep_given}
            rule = make_rule(given, "hard", temperature)
            config = make_config(
                rule, studio.settings, objective=objective, steps=steps, learning_rate=learning_rate, seed=seed
            )
            wanted = make_arms(config, temperature, names, is_marked(studio.corpus))
            told = 0
            for state in run_race(studio, visit, wanted):
                if len(state.trials) > told or state.ended:
                    told = len(state.trials)
                    yield as_dict(state)
        except ValueError as error:
            raise refused(error) from error

    return race


def as_dict(state: Race) -> dict[str, Any]:
    """A race as plain JSON types."""
    compared = state.compared() if state.ended else None
    return {
        "arms": [
            {
                "arm": trial.arm,
                "title": trial.title,
                "selected": trial.selected,
                "tokens": trial.tokens,
                "points": [{"step": point.step, **trial.figures(point)} for point in trial.points],
            }
            for trial in state.trials
        ],
        "ended": state.ended,
        "comparison": compared.to_dict() if compared is not None else None,
    }
