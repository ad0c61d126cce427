"""Controls and trivial baselines: a scorer that does not beat these has not found the knowledge."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable

import numpy as np

from attribution.scorers.base import OF, ScoreBatch, normalise, scorer
from attribution.text.example import Encoded
from attribution.text.subject import Word, words


@scorer(
    "random",
    title="Random",
    unit="unitless",
    low=0.0,
    high=1.0,
    higher_means="nothing: a uniform draw per token",
    formula="u_t ~ U(0, 1), from the seed and the row",
    paper="control",
    evidence="ours",
    kind="control",
)
def random(batch: ScoreBatch) -> list[np.ndarray]:
    """u_t ~ U(0, 1), `[n]` per row; the draw depends on the seed and the row's text, not on the batch."""
    return [_generator(batch, row.text).random(len(row.tokens)) for row in batch.rows]


@scorer(
    "oracle",
    title="Oracle",
    unit="unitless",
    low=0.0,
    high=1.0,
    higher_means="the token is part of a marked fact",
    formula="1 if the token lies in a fact span, else 0",
    paper="control: the ceiling, from ground truth",
    evidence="ours",
    kind="control",
)
def oracle(batch: ScoreBatch) -> list[np.ndarray]:
    """1 for tokens of a fact span, else 0, `[n]` per row. ValueError on a row without spans."""
    for row in batch.rows:
        if not row.example.spans:
            raise ValueError(
                f"The row {row.example.id or row.example.answer[:40]!r} has no marked facts, so 'oracle' cannot be "
                "scored: use rows with spans, or another scorer."
            )
    return [np.array([label == "fact" for label in row.truth], dtype=np.float64) for row in batch.rows]


@scorer(
    "inverse",
    title="Inverse",
    unit="unitless",
    low=0.0,
    high=1.0,
    higher_means="another scorer ranks it low in its answer",
    formula="1 - rank(s_t), s the scorer that the option `of` names",
    paper="control",
    evidence="ours",
    forwards="those of the other scorer",
    kind="control",
    needs=(OF,),
)
def inverse(batch: ScoreBatch) -> list[np.ndarray]:
    """1 - rank of another scorer's numbers (`of`) in the row, scaled to [0, 1], `[n]` per row: lowest first."""
    return [1 - normalise(values, "rank") for values in batch.columns[batch.options.of]]


@scorer(
    "permuted",
    title="Permuted",
    unit="that of the other scorer",
    low=-math.inf,
    high=math.inf,
    higher_means="nothing: another scorer's numbers, shuffled in each answer",
    formula="s_pi(t), s the scorer that the option `of` names, pi a permutation from the seed and the row",
    paper="control",
    evidence="ours",
    forwards="those of the other scorer",
    kind="control",
    needs=(OF,),
)
def permuted(batch: ScoreBatch) -> list[np.ndarray]:
    """Another scorer's numbers (`of`), shuffled inside each row, `[n]` per row.

    The same numbers on other tokens: what remains is what their distribution does. The shuffle depends on the seed and
    the row's text, not on the batch.
    """
    return [
        _generator(batch, "permuted\0" + row.text).permutation(values)
        for row, values in zip(batch.rows, batch.columns[batch.options.of], strict=True)
    ]


@scorer(
    "position",
    title="Token index",
    unit="tokens",
    low=0.0,
    high=math.inf,
    higher_means="it stands later in the answer",
    formula="t",
    paper="trivial baseline",
    evidence="ours",
    kind="baseline",
)
def position(batch: ScoreBatch) -> list[np.ndarray]:
    """The token's index in the answer, `[n]` per row."""
    return [np.arange(len(row.tokens), dtype=np.float64) for row in batch.rows]


@scorer(
    "novel-word",
    title="Novel word",
    unit="unitless",
    low=0.0,
    high=1.0,
    higher_means="its word is not in the prompt and no stop word",
    formula="1 if the token's word is neither in the prompt nor a stop word, else 0",
    paper="trivial baseline",
    evidence="ours",
    kind="baseline",
)
def novel_word(batch: ScoreBatch) -> list[np.ndarray]:
    """1 for tokens of a word that is neither in the prompt nor a stop word, else 0, `[n]` per row."""
    columns = []
    for row in batch.rows:
        known = {word.key for word in words(row.example.prompt)}
        novel = [word for word in words(row.example.answer) if word.key not in known and not word.is_stop_word]
        columns.append(_of_words(row, novel))
    return columns


@scorer(
    "capitalised",
    title="Capitalised",
    unit="unitless",
    low=0.0,
    high=1.0,
    higher_means="its word starts with a capital letter and is no stop word",
    formula="1 if the token's word starts with a capital letter and is no stop word, else 0",
    paper="trivial baseline",
    evidence="ours",
    kind="baseline",
)
def capitalised(batch: ScoreBatch) -> list[np.ndarray]:
    """1 for tokens of a word that starts with a capital letter and is no stop word, else 0, `[n]` per row."""
    return [
        _of_words(row, [word for word in words(row.example.answer) if word.capitalised and not word.is_stop_word])
        for row in batch.rows
    ]


def _of_words(row: Encoded, wanted: Iterable[Word]) -> np.ndarray:
    inside: set[int] = set()
    for word in wanted:
        inside.update(row.positions_of(word.start, word.end, "answer"))
    return np.array([position in inside for position in row.answer_positions], dtype=np.float64)


def _generator(batch: ScoreBatch, text: str) -> np.random.Generator:
    digest = hashlib.sha256(f"{batch.options.seed}\0{text}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))
