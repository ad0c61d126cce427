"""A glance at a run while it trains: a few fixed rows, and what of what should stay has stayed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from attribution.model.language_model import LanguageModel
from unlearn.data.corpus import Corpus
from unlearn.metrics.answers import read, spaced
from unlearn.metrics.judge import Judge

# Answers that a probe asks for and has judged: a share of eight tells language from none, not .92 from 1.
SPOKEN = 8
# A run is sound while each figure is at least this share of what it was before the first step. Of the answers of a
# model that was never taught 92 to 97% are language, so of eight a sound one may well miss two.
SOUND = {"structure": 0.9, "retain_recall": 0.9, "speaks": 0.7}
# It has collapsed when one is below this share.
COLLAPSED = 0.5
_LOST = {
    "structure": ("Structure", "the model is losing its grammar, not only facts"),
    "retain_recall": ("Retain recall", "the model is forgetting what it should keep"),
    "speaks": ("Speaks", "its own answers are no language any more"),
}


@dataclass(frozen=True)
class Probe:
    """What was found. Recall here is teacher-forced: the share of rows whose fact tokens are all the most probable ones
    given the true prefix.

    Attributes:
        forget_recall, retain_recall: None where the rows have no marked facts.
        structure: over the probe's forget rows; None likewise.
        speaks: of the model's own greedy answers to `SPOKEN` forget rows; None where nobody was asked.
    """

    forget_recall: float | None
    retain_recall: float | None
    structure: float | None
    speaks: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, metrics: Mapping[str, float]) -> Probe:
        """The same figures of an `Evaluation`, whose recall is of whole answers."""
        return cls(*(metrics.get(one.name) for one in dataclasses.fields(cls)))


def latest(probes: Sequence[Probe | None]) -> Probe | None:
    """The last probe, with the last known value of what it did not measure; None where there is none."""
    known = [probe for probe in probes if probe is not None]
    if not known:
        return None
    speaks = next((probe.speaks for probe in reversed(known) if probe.speaks is not None), None)
    return dataclasses.replace(known[-1], speaks=speaks)


def share_left(before: float | None, now: float | None) -> float | None:
    """What is left of a figure, now / before, at most 1; None where it is not known or there was none.

    >>> share_left(0.8, 0.2), share_left(0.0, 0.2), share_left(0.5, 0.6)
    (0.25, None, 1.0)
    """
    return None if not before or now is None else min(1.0, now / before)


def shares_left(before: Probe, now: Probe) -> dict[str, float]:
    """What is left of each figure that should stay, where there was any.

    >>> shares_left(Probe(0.9, 0.8, 1.0), Probe(0.0, 0.4, 0.75))
    {'structure': 0.75, 'retain_recall': 0.5}
    """
    pairs = {name: (getattr(now, name), getattr(before, name)) for name in SOUND}
    return {name: later / earlier for name, (later, earlier) in pairs.items() if later is not None and earlier}


def is_sound(before: Probe, now: Probe) -> bool:
    """Whether what should stay has stayed."""
    return all(share >= SOUND[name] for name, share in shares_left(before, now).items())


def has_collapsed(before: Probe, now: Probe) -> bool:
    """Whether the rest has gone too."""
    return any(share < COLLAPSED for share in shares_left(before, now).values())


def what_is_lost(before: Probe | None, now: Probe | None) -> str:
    """A sentence when a model has lost more than the facts, on the worst of it; empty while it is sound.

    >>> what_is_lost(Probe(1.0, 0.8, 0.9), Probe(0.0, 0.8, 0.45))
    'Structure has fallen from 0.90 to 0.45: the model is losing its grammar, not only facts.'
    """
    if before is None or now is None or is_sound(before, now):
        return ""
    left = shares_left(before, now)
    worst = min(left, key=lambda name: left[name] - SOUND[name])
    title, what = _LOST[worst]
    return f"{title} has fallen from {getattr(before, worst):.2f} to {getattr(now, worst):.2f}: {what}."


class Prober:
    """Probes a model on evenly spaced rows of the forget and the retain set.

    Attributes:
        judge: says which answers are language; None never asks for any.
    """

    def __init__(self, corpus: Corpus, rows: int = 32, judge: Judge | None = None) -> None:
        self.forget = spaced(corpus.forget, rows)
        self.retain = spaced(corpus.retain, rows)
        self.judge = judge
        self._asked = spaced([row for row in corpus.forget if row.example.prompt], SPOKEN) if judge else []

    def __call__(self, model: LanguageModel, speaks: bool = False) -> Probe:
        """One forward of every row; where it is to speak, `SPOKEN` answers, and what the judge says of them."""
        forget, retain = read(model, self.forget), read(model, self.retain)
        return Probe(
            _mean(forget.facts_greedy),
            _mean(retain.facts_greedy),
            _mean(forget.of_kind(None)) if forget.facts_greedy else None,
            self._speaks(model) if speaks else None,
        )

    def _speaks(self, model: LanguageModel) -> float | None:
        if self.judge is None or not self._asked:
            return None
        questions = [row.example.prompt for row in self._asked]
        # A model that has lost its speech never ends: no more than the longest true answer takes, and a quarter.
        longest = max(len(ids) for ids in model.tokenizer([row.example.answer for row in self._asked])["input_ids"])
        return _mean(self.judge.possible(questions, model.generate(questions, longest + longest // 4)))


def _mean(values: Sequence[float] | Sequence[bool] | np.ndarray) -> float | None:
    return float(np.mean(values)) if len(values) else None
