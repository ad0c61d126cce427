"""Make a prepared run: train it, ask its model, keep what a replay and a verdict need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property

from assets.gallery.prepared import Prepared
from assets.gallery.runs import Wanted
from attribution import LanguageModel, alternatives, load_model, score
from attribution.lanes import listed
from attribution.scores import TokenScores
from unlearn import Corpus, Evaluation, Run, evaluate, load_corpus, run
from unlearn.asking.known import known_part, said_before
from unlearn.data.reference import retrained_reference
from unlearn.metrics import Judge
from unlearn.replay import Recorder

ASKED_EVERY = 2
"""Steps between two answers: more than on the page, where a visitor waits for them."""
LIKELIEST = 5
Log = Callable[[str], None]


@dataclass(frozen=True)
class World:
    """A model with the rows that are forgotten of it, and what several runs ask of the two."""

    model: LanguageModel
    corpus: Corpus

    @cached_property
    def reference(self) -> LanguageModel | None:
        """The model that was never taught the rows, where there is one."""
        return retrained_reference(self.model, self.corpus)

    @cached_property
    def judge(self) -> Judge:
        return Judge(self.model, self.corpus.retain)

    @cached_property
    def figures(self) -> dict[str, Evaluation]:
        """Those of the models that no run changes."""
        models = {"before": self.model, **({"reference": self.reference} if self.reference else {})}
        return {
            who: evaluate(model, self.corpus, judge=self.judge, said=said_before(model))
            for who, model in models.items()
        }

    def row(self, name: str) -> int:
        """The number of a row to forget by its id. ValueError when there is none."""
        ids = [row.example.id for row in self.corpus.forget]
        if name not in ids:
            raise ValueError(f"There is no row {name!r} to forget of {self.corpus.name}: there are {', '.join(ids)}.")
        return ids.index(name)


@cache
def world(model: str, forget: str) -> World:
    """The model and the rows by their names; of facts about the real world those that the model knows."""
    loaded = load_model(model)
    return World(loaded, known_part(loaded, load_corpus(forget)))


def scored(wanted: Wanted) -> TokenScores:
    """The row that is asked, in its lanes."""
    found = world(wanted.model, wanted.forget)
    example = found.corpus.forget[found.row(wanted.row)].example
    return score(found.model, [example], wanted.lanes, mask_scope="subject")[0]


def begun(wanted: Wanted) -> tuple[Run, Recorder]:
    """The run before its first step, and who watches it."""
    found = world(wanted.model, wanted.forget)
    job = run(found.model, found.corpus, wanted.config, mask_scope="subject")
    return job, Recorder(job, found.row(wanted.row), ASKED_EVERY)


def make(wanted: Wanted, log: Log = lambda _: None) -> Prepared:
    """Train it and measure what it has come to. ValueError when it cannot be trained."""
    found = world(wanted.model, wanted.forget)
    job, recorder = begun(wanted)
    for step in job:
        recorder.look(step)
        if step.number % 10 == 0:
            log(f"{wanted.name}: step {step.number} of {step.of}")
    scores, row = scored(wanted), found.row(wanted.row)
    if job.config.learn == "alternate":
        # What the run has learned is its own lane.
        columns = {**scores.columns, job.config.rule.scorer: job.selections[row].weights}
        scores = replace(scores, columns=columns)
    log(f"{wanted.name}: asking")
    before = alternatives(found.model, scores.example, LIKELIEST)
    after = alternatives(job.model, scores.example, LIKELIEST)
    figures = {**found.figures, "after": evaluate(job.model, found.corpus, judge=found.judge)}
    return Prepared(
        wanted=wanted,
        config=job.config.to_dict(),
        replay=recorder.replay(),
        scores=scores,
        now=listed(before.as_is),
        hidden=listed(before.hidden),
        after=listed(after.as_is),
        figures=figures,
    )
