"""ATWU (arXiv 2606.06320): fit a linear scorer in alternation with a model that is unlearning, and keep the scorer.

    w = 0, b = 0 (every score 1/2); the model starts as the original
    each step: draw forget rows and random retain rows
      every `scorer_every` steps, from l_t and h_t of the current model, one SGD step on J (`scorer_loss`)
      model step on alpha * retain NLL + gamma * SatGA+ with the scores as weights

That alternation is a `Run` with `learn="alternate"`; here its model is thrown away. The scorer never sees spans: it
reads hidden states and losses alone. What the rows to keep need reaches it only through the model's trajectory;
`alternate=False` freezes the model to show that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from attribution.model.language_model import LanguageModel
from attribution.scorers.learned import LinearScorer
from attribution.selection import Rule
from attribution.settings import setting
from unlearn.data.corpus import Corpus
from unlearn.run.config import MOST_SEED, RunConfig
from unlearn.run.loop import Run, Step
from unlearn.run.scorer_learning import ScorerSettings

__all__ = ["AtwuConfig", "Fit", "ScorerSettings", "fit_scorer"]


@dataclass(frozen=True)
class AtwuConfig(ScorerSettings):
    """Settings of the scorer, and of the model it alternates with."""

    steps: int = setting(40, "Steps", "steps of the model", low=1, flag="--steps")
    # Ours fits models of a few million parameters.
    learning_rate: float = setting(5e-4, "Learning rate", "of the model (paper: 1e-5 to 2e-5)", above=0, flag="--lr")
    alpha: float = setting(0.5, "alpha", "weight of the retain term in the model's loss (paper: 0.5)", low=0)
    gamma: float = setting(3.0, "gamma", "weight of the forget term in the model's loss (paper: 3)", low=0)
    alternate: bool = setting(True, "Alternate", "no: fit the scorer on the frozen original instead")
    forget_batch: int = setting(16, "Forget batch", "rows to forget in a step", low=1)
    retain_batch: int = setting(16, "Retain batch", "rows to keep in a step", low=1)
    seed: int = setting(0, "Seed", "of the order of rows", low=0, high=MOST_SEED, flag="--seed")

    def run_config(self) -> RunConfig:
        """The run that fits the scorer. On the frozen model neither term has any weight, so no weight moves."""
        gamma, alpha = (self.gamma, self.alpha) if self.alternate else (0.0, 0.0)
        return RunConfig(
            # A token's weight is its score; Z counts tokens, so that a scorer near 0 means a small step.
            rule=Rule("learned", "raw", keep_given=True),
            objective="satga",
            learn="alternate",
            scorer_settings=ScorerSettings(
                **{entry.name: getattr(self, entry.name) for entry in dataclasses.fields(ScorerSettings)}
            ),
            steps=self.steps,
            learning_rate=self.learning_rate,
            warmup=0,
            cooldown=0.0,
            beta=self.beta,
            gamma=gamma,
            alpha=alpha,
            normaliser="label",
            forget_batch=self.forget_batch,
            retain_batch=self.retain_batch,
            seed=self.seed,
            probe_every=0,
        )


class Fit:
    """Fitting in progress, or done. Iterate to fit; `scorer` is the result so far."""

    def __init__(self, model: LanguageModel, corpus: Corpus, config: AtwuConfig) -> None:
        self.config = config
        # Only text goes in: the rows lose their spans.
        blind = tuple(
            dataclasses.replace(row, example=dataclasses.replace(row.example, spans=())) for row in corpus.forget
        )
        self.run = Run(model, dataclasses.replace(corpus, forget=blind), config.run_config())

    @property
    def scorer(self) -> LinearScorer:
        """The scorer as it stands, with all settings."""
        scorer = self.run.scorer
        assert scorer is not None
        settings = {name: str(value) for name, value in dataclasses.asdict(self.config).items() if name != "position"}
        return dataclasses.replace(scorer, settings=settings)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.run)


def fit_scorer(model: LanguageModel, corpus: Corpus, config: AtwuConfig | None = None) -> LinearScorer:
    """Fit the learned scorer by the alternation; the model given is untouched.

    The same seed gives the same scorer, with or without spans in the rows.
    """
    fit = Fit(model, corpus, config or AtwuConfig())
    for _ in fit:
        pass
    return fit.scorer
