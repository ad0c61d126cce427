"""Controls and trivial baselines: a scorer that does not beat these has not found the knowledge."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from attribution.scorers.fusion import normalise
from attribution.scores import ScoreBatch
from attribution.text.example import Encoded
from attribution.text.subject import Word, words


def random(batch: ScoreBatch) -> list[np.ndarray]:
    """u_t ~ U(0, 1), `[n]` per row; the draw depends on the seed and the row's text, not on the batch."""
    return [_generator(batch, row.text).random(len(row.tokens)) for row in batch.rows]


def permuted(batch: ScoreBatch) -> list[np.ndarray]:
    """Another scorer's numbers (`of`), shuffled inside each row, `[n]` per row.

    The same numbers on other tokens: what remains is what their distribution does. The shuffle depends on the seed and
    the row's text, not on the batch.
    """
    return [
        _generator(batch, "permuted\0" + row.text).permutation(values)
        for row, values in zip(batch.rows, batch.columns[batch.options.of], strict=True)
    ]


def inverse(batch: ScoreBatch) -> list[np.ndarray]:
    """1 - rank of another scorer's numbers (`of`) in the row, scaled to [0, 1], `[n]` per row: lowest first."""
    return [1 - normalise(values, "rank") for values in batch.columns[batch.options.of]]


def oracle(batch: ScoreBatch) -> list[np.ndarray]:
    """1 for tokens of a fact span, else 0, `[n]` per row. ValueError on a row without spans."""
    for row in batch.rows:
        if not row.example.spans:
            raise ValueError(
                f"The row {row.example.id or row.example.answer[:40]!r} has no marked facts, so 'oracle' cannot be "
                "scored: use rows with spans, or another scorer."
            )
    return [np.array([label == "fact" for label in row.truth], dtype=np.float64) for row in batch.rows]


def position(batch: ScoreBatch) -> list[np.ndarray]:
    """The token's index in the answer, `[n]` per row."""
    return [np.arange(len(row.tokens), dtype=np.float64) for row in batch.rows]


def novel_word(batch: ScoreBatch) -> list[np.ndarray]:
    """1 for tokens of a word that is neither in the prompt nor a stop word, else 0, `[n]` per row."""
    columns = []
    for row in batch.rows:
        known = {word.key for word in words(row.example.prompt)}
        novel = [word for word in words(row.example.answer) if word.key not in known and not word.is_stop_word]
        columns.append(_of_words(row, novel))
    return columns


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
