"""Controls and trivial baselines: a scorer that does not beat these has not found the knowledge."""

from __future__ import annotations

import hashlib

import numpy as np

from attribution.scoring import ScoreBatch
from attribution.subject import words


def random(batch: ScoreBatch) -> list[np.ndarray]:
    """u_t ~ U(0, 1), `[n]` per row; the draw depends on the seed and the row's text, not on the batch."""
    draws = []
    for row in batch.rows:
        digest = hashlib.sha256(f"{batch.options.seed}\0{row.text}".encode()).digest()
        draws.append(np.random.default_rng(int.from_bytes(digest[:8], "little")).random(len(row.tokens)))
    return draws


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
        inside: set[int] = set()
        for word in novel:
            inside.update(row.positions_of(word.start, word.end, "answer"))
        columns.append(np.array([p in inside for p in row.answer_positions], dtype=np.float64))
    return columns
