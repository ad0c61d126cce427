"""What a model knows of a corpus: rows about the real world are of use only where it answers them right.

It is asked once, greedily, as it is after a run, and its answers are kept in a file per model. So what it forgets, it
had known.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from attribution.data.rows import Row
from attribution.files import fingerprint
from attribution.model.identity import weights_fingerprint
from attribution.model.language_model import LanguageModel
from attribution.text.endings import Said
from unlearn.asking.kept import cache_folder, keep, kept
from unlearn.data.corpus import Corpus
from unlearn.metrics.answers import CHAT_TOKENS, answer_of, ask, spaced

NEAR, REST = 48, 32
"""Known rows to keep at most: about neighbours, and about the rest. More would take longer to ask than a run takes."""

TRIES = 2
"""Rows that are asked at most, for each one that is wanted."""

WORLD = 40
"""Questions about the rest of the world that are asked."""

_AT_A_TIME = 32


def known_part(
    model: LanguageModel,
    corpus: Corpus,
    progress: Callable[[str], None] | None = None,
    folder: Path | None = None,
) -> Corpus:
    """The corpus without the rows that the model answers wrong; the corpus itself where it asks for no such thing.

    A row is known when all of its facts stand in the greedy answer. To forget are all rows that ask for what is known
    in any wording, the held-out one included, known rows first; all others are known rows alone. Of the rows to keep,
    up to `NEAR` known ones about neighbours and `REST` others are taken, at random, the same ones each time.

    Args:
        progress: called with what is asked next.
        folder: where answers are kept; None takes `cache_folder()`.

    Raises:
        ValueError: the model knows nothing of what is to be forgotten, or of what could be kept.
    """
    if not corpus.only_known:
        return corpus
    asked = _Asked(model, folder or cache_folder(), progress)
    right = asked.known(corpus.forget, "what is to be forgotten")
    held_out = asked.known(corpus.paraphrase, "other wordings")
    # What is known in one wording is forgotten in all of them: otherwise it is still said in the next.
    facts = {_fact(row) for row in right} | {row.example.prompt for row in held_out}
    forget = right + tuple(row for row in corpus.forget if _fact(row) in facts and row not in right)
    if not forget:
        raise ValueError(
            f"{model.name} knows nothing of {corpus.name.partition(':')[2] or corpus.name}: it answers none of "
            f"{len(corpus.forget)} questions right. Choose another subject, or a larger model."
        )
    near = asked.first_known(corpus.retain[: corpus.neighbours], NEAR, "the neighbours")
    retain = near + asked.first_known(corpus.retain[corpus.neighbours :], REST, "the rest")
    if not retain:
        raise ValueError(f"{model.name} answers none of the questions right that are to be kept: take a larger model.")
    note = (
        f"Of {len(corpus.forget)} rows to forget, {model.name} answers {len(right)} right. {len(forget)} ask for what "
        f"it knows, in any wording; the others were left out, and to keep are {len(retain)} that it answers right."
    )
    return dataclasses.replace(
        corpus,
        forget=forget,
        retain=retain,
        paraphrase=held_out,
        world=asked.known(spaced(corpus.world, WORLD), "the world"),
        neighbours=len(near),
        only_known=False,
        notes=(*corpus.notes, note),
    )


def said_before(model: LanguageModel, folder: Path | None = None) -> dict[str, Said]:
    """What a model has answered when it was asked what it knows, by question; nothing where it never was.

    Args:
        folder: where answers are kept; None takes `cache_folder()`.
    """
    return _Asked(model, folder or cache_folder()).said


def _fact(row: Row) -> str:
    """What a row asks for: wordings of one question have the same held-out wording."""
    return row.example.id if row.paraphrase is None else row.paraphrase.prompt


class _Asked:
    """A model's answers, kept in a file; new ones are asked for."""

    def __init__(self, model: LanguageModel, folder: Path, progress: Callable[[str], None] | None = None) -> None:
        self._model, self._progress = model, progress or (lambda _: None)
        made = fingerprint([weights_fingerprint(model), str(model.template), str(model.model.dtype), str(CHAT_TOKENS)])
        self._file = folder / f"said-{made[:16]}.json"
        self.said = {question: Said(*said) for question, said in kept(self._file).items()}

    def known(self, rows: Sequence[Row], what: str) -> tuple[Row, ...]:
        """The rows that are answered right, in order."""
        new = [row for row in rows if row.example.prompt and row.example.prompt not in self.said]
        for start in range(0, len(new), _AT_A_TIME):
            self._progress(f"{what}, {start + 1} to {min(start + _AT_A_TIME, len(new))} of {len(new)}")
            part = new[start : start + _AT_A_TIME]
            self.said |= {answer.question: Said(answer.answer, answer.ended) for answer in ask(self._model, what, part)}
            keep(self._file, {question: [said, said.ended] for question, said in self.said.items()})
        return tuple(row for row in rows if self._right(row))

    def first_known(self, rows: Sequence[Row], count: int, what: str) -> tuple[Row, ...]:
        """At most `count` rows that are answered right, drawn at random, in their own order."""
        order = random.Random(0).sample(range(len(rows)), len(rows))[: TRIES * count]
        found: list[int] = []
        while order and len(found) < count:
            part, order = order[:_AT_A_TIME], order[_AT_A_TIME:]
            right = set(self.known([rows[i] for i in part], what))
            found += [i for i in part if rows[i] in right]
        return tuple(rows[i] for i in sorted(found[:count]))

    def _right(self, row: Row) -> bool:
        said = self.said.get(row.example.prompt)
        if said is None or not row.facts:
            return False
        answer = answer_of(self._model, "", row, said)
        return bool(answer.facts) and answer.all_recalled
