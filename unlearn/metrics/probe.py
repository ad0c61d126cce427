"""A glance at a run while it trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from attribution.model.language_model import LanguageModel
from unlearn.data.corpus import Corpus
from unlearn.metrics.answers import read
from unlearn.metrics.examination import spaced


@dataclass(frozen=True)
class Probe:
    """A few fixed rows in one forward each, so that curves can be drawn while a run trains.

    Recall here is teacher-forced: the share of rows whose fact tokens are all the most probable ones given the true
    prefix. `structure` is over the probe's forget rows. None where the rows have no marked facts.
    """

    forget_recall: float | None
    retain_recall: float | None
    structure: float | None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Prober:
    """Probes a model on evenly spaced rows of the forget and the retain set."""

    def __init__(self, corpus: Corpus, rows: int = 32) -> None:
        self.forget = spaced(corpus.forget, rows)
        self.retain = spaced(corpus.retain, rows)

    def __call__(self, model: LanguageModel) -> Probe:
        forget, retain = read(model, self.forget), read(model, self.retain)
        return Probe(
            _mean(forget.facts_greedy),
            _mean(retain.facts_greedy),
            _mean(forget.of_kind(None)) if forget.facts_greedy else None,
        )


def _mean(values: Sequence[float] | Sequence[bool] | np.ndarray) -> float | None:
    return float(np.mean(values)) if len(values) else None
