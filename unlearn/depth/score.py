"""The Unlearning Depth Score: is what was forgotten gone from a model's states, or only unsaid?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from attribution.data.rows import Row
from attribution.model.language_model import LanguageModel
from attribution.settings import check_settings, setting
from attribution.text.example import Encoded
from unlearn.data.corpus import Corpus
from unlearn.depth.patching import FITS_NATS, Patched, falls, lens_falls
from unlearn.metrics.answers import spaced

PAPER = "Unlearning Depth Score, arXiv 2605.24614 (formula read in the authors' public code)"
KNOWS_NATS = 0.05
How = Literal["patching", "lens"]


@dataclass(frozen=True)
class DepthConfig:
    """Settings of the depth score.

    Raises:
        ValueError: a value outside its range.
    """

    rows: int = setting(96, "Rows", "to forget that are read, evenly spaced", low=1, flag="--rows")
    fit_rows: int = setting(
        48, "Rows to keep", "read first, to see whether the retrained model's states fit at all", low=1
    )
    threshold: float = setting(
        KNOWS_NATS, "Threshold", "nats: a block where the retrained model's states cost less knows nothing", above=0
    )

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True)
class DepthRow:
    """One row's map, blocks by answer tokens, all in nats.

    Attributes:
        tokens: display text of the answer's tokens, `[n]`.
        facts: which of them are facts (all where none is marked), `[n]`.
        log_probs: log p of each in the original model, `[n]`.
        known: D1, how far it falls with the retrained model's states, `[blocks][n]`; empty under the lens.
        missing: D2, how far it falls with the unlearned model's states, `[blocks][n]`.
        score: the row's depth score in [0, 1]; None where no block knows anything of its facts, and under the lens.
    """

    id: str
    question: str
    tokens: tuple[str, ...]
    facts: tuple[bool, ...]
    log_probs: tuple[float, ...]
    known: tuple[tuple[float, ...], ...]
    missing: tuple[tuple[float, ...], ...]
    score: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)


@dataclass(frozen=True)
class Depth:
    """What was measured of one model.

    Attributes:
        how: `patching` against a retrained model; `lens` where there is none.
        score: mean of the rows' scores in [0, 1]: 1 is erased as deeply as by never having been taught, 0 is all there
            below the surface; None under the lens, and where no row has a score.
        n: how many rows the score is over.
        known: mean D1 of the fact tokens by block, in nats, `[blocks]`; empty under the lens.
        missing: mean D2 by block, in nats, `[blocks]`.
        fit: what the retrained model's states cost on rows to keep, by block, in nats; empty under the lens.
        rows: the maps.
    """

    how: How
    score: float | None
    n: int
    known: tuple[float, ...]
    missing: tuple[float, ...]
    fit: tuple[float, ...]
    rows: tuple[DepthRow, ...]

    def to_dict(self, maps: bool = True) -> dict[str, Any]:
        """Plain JSON types."""
        whole = {name: value for name, value in asdict(self).items() if name != "rows"}
        return whole | ({"rows": [row.to_dict() for row in self.rows]} if maps else {})


def depth_score(known: Sequence[float], missing: Sequence[float], threshold: float = KNOWS_NATS) -> float | None:
    """One row's score: sum_l D1_l clip(D2_l / D1_l, 0, 1) / sum_l D1_l over the blocks with D1_l > threshold.

    Args:
        known: D1 by block in nats: what the retrained model's states cost, so what they lack.
        missing: D2 by block in nats: what the unlearned model's states cost.

    Returns:
        in [0, 1]; None where no block knows anything (every D1 is at most the threshold).

    Source: arXiv 2605.24614, public code.

    >>> depth_score([0.02, 1.0, 3.0], [0.9, 0.5, 6.0])  # the first block knows nothing, the last counts as 1
    0.875
    """
    pairs = [(one, two) for one, two in zip(known, missing, strict=True) if one > threshold]
    if not pairs:
        return None
    return sum(one * min(1.0, max(0.0, two / one)) for one, two in pairs) / sum(one for one, _ in pairs)


def fit(original: LanguageModel, retrained: LanguageModel, rows: Sequence[Row]) -> list[float]:
    """Mean fall on rows that both models know, by block, in nats: near 0 where their states share a basis.

    Raises:
        ValueError: there are no such rows, or the models differ in shape.
    """
    if not rows:
        raise ValueError("There are no rows to keep, so it cannot be seen whether the retrained model's states fit.")
    found = falls(original, retrained, encoded(original, rows))
    return [float(value) for value in np.mean([one.by_block for one in found], axis=0)]


def check_fit(costs: Sequence[float], retrained: str) -> None:
    """ValueError where the states of the pair do not fit: then D1 would measure that, and not what is known."""
    worst = max(range(len(costs)), key=lambda block: costs[block])
    if costs[worst] > FITS_NATS:
        raise ValueError(
            f"The states of {retrained!r} do not fit the original model: put in after block {worst + 1} they cost "
            f"{costs[worst]:.2f} nats a token on rows that both know, and {FITS_NATS:g} is the most. Give a retrained "
            "model that was trained on from the same one, or none (the logit lens needs none)."
        )


def depth(
    model: LanguageModel,
    original: LanguageModel,
    retrained: LanguageModel | None,
    corpus: Corpus,
    config: DepthConfig | None = None,
    progress: Callable[[str], None] | None = None,
) -> Depth:
    """How deep a model has forgotten, on the corpus' rows to forget.

    Args:
        model: after unlearning, trained on from `original`.
        original: before unlearning; it knows the rows.
        retrained: never taught them, and of the same basis; None reads every block by the logit lens instead.
        progress: told what is under way.

    Raises:
        ValueError: models of different shapes, or a retrained model whose states do not fit the original's.
    """
    config = config or DepthConfig()
    say = progress or (lambda what: None)
    rows = encoded(original, spaced(corpus.forget, config.rows))
    if retrained is None:
        say("every block by the logit lens")
        found = lens_falls(original, model, rows)
        maps = tuple(_row(row, None, two, None) for row, two in zip(rows, found, strict=True))
        return Depth("lens", None, 0, (), _mean(found), (), maps)
    say("whether the states fit")
    costs = fit(original, retrained, spaced(corpus.retain, config.fit_rows))
    check_fit(costs, retrained.name)
    say("what the retrained model's states lack")
    known = falls(original, retrained, rows)
    say("what the model's states lack")
    missing = falls(original, model, rows)
    maps = tuple(
        _row(row, one, two, depth_score(one.by_block.tolist(), two.by_block.tolist(), config.threshold))
        for row, one, two in zip(rows, known, missing, strict=True)
    )
    scores = [row.score for row in maps if row.score is not None]
    mean = float(np.mean(scores)) if scores else None
    return Depth("patching", mean, len(scores), _mean(known), _mean(missing), tuple(costs), maps)


def encoded(model: LanguageModel, rows: Sequence[Row]) -> list[Encoded]:
    """The rows under the model's tokenizer."""
    return [model.encode(row.example) for row in rows]


def _mean(rows: Sequence[Patched]) -> tuple[float, ...]:
    return tuple(float(value) for value in np.mean([row.by_block for row in rows], axis=0))


def _row(row: Encoded, known: Patched | None, missing: Patched, score: float | None) -> DepthRow:
    return DepthRow(
        id=row.example.id or "",
        question=row.example.prompt,
        tokens=tuple(token.text for token in row.tokens),
        facts=tuple(missing.facts.tolist()),
        log_probs=tuple(missing.log_probs.tolist()),
        known=() if known is None else tuple(map(tuple, known.falls.tolist())),
        missing=tuple(map(tuple, missing.falls.tolist())),
        score=score,
    )
