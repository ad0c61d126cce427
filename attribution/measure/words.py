"""Words from tokens, a step of its own after any scorer: people label words, scorers number tokens.

Scores of a word are pooled over its tokens; the result is either a view with one number per word, or a `TokenScores`
in which every token carries its word's number, so that selections, alignment and pages take it like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from attribution.scorers import scorer_info
from attribution.scores import TokenScores
from attribution.suggestions import did_you_mean
from attribution.text.subject import words as words_of_text

Pool = Literal["max", "mean", "sum", "first"]
POOLS: dict[str, Callable[[Sequence[float]], float]] = {
    "max": max,
    "mean": lambda values: sum(values) / len(values),
    "sum": sum,
    "first": lambda values: values[0],
}


@dataclass(frozen=True)
class WordScore:
    """A word of the answer, the tokens it is made of, and one number per scorer.

    `answer[start:end] == text`. `tokens` are indices into `TokenScores.tokens`; a token on the edge of two words
    belongs to the first of them.
    """

    text: str
    start: int
    end: int
    tokens: tuple[int, ...]
    scores: dict[str, float]
    truth: str | None
    given: bool


def word_groups(scores: TokenScores) -> tuple[tuple[int, ...], ...]:
    """The answer's tokens in groups, in order, each token in one: those of a word, or one token outside every word.

    Words are those of `attribution.text.subject.words`: letters and digits, held together by inner hyphens, apostrophes
    and full stops; a possessive 's and punctuation stand outside. In scripts without spaces a run of letters is one
    word.
    """
    answer = scores.example.answer
    starts = [(word.start, word.end) for word in words_of_text(answer)]
    groups: list[list[int]] = []
    previous: int | None = None
    for index, token in enumerate(scores.tokens):
        if scores.encoded.heads[index] != index and groups:
            groups[-1].append(index)
            continue
        word = next((k for k, (start, end) in enumerate(starts) if token.start < end and token.end > start), None)
        if word is not None and word == previous:
            groups[-1].append(index)
        else:
            groups.append([index])
        previous = word
    return tuple(map(tuple, groups))


def word_scores(scores: TokenScores, pool: Pool = "max") -> list[WordScore]:
    """One number per word and scorer, pooled over the word's tokens; white space at its ends is not part of a word.

    Raises:
        ValueError: an unknown pool.

    >>> [(word.text, word.scores["masking"]) for word in word_scores(score(model, example)[0])]     # doctest: +SKIP
    """
    pooling = _pool(pool)
    found = []
    for group in word_groups(scores):
        start, end = scores.tokens[group[0]].start, max(scores.tokens[i].end for i in group)
        text = scores.example.answer[start:end]
        start += len(text) - len(text.lstrip())
        kinds = {scores.truth[i] for i in group}
        found.append(
            WordScore(
                text=text.strip(),
                start=start,
                end=start + len(text.strip()),
                tokens=group,
                scores={name: pooling([column[i] for i in group]) for name, column in scores.columns.items()},
                truth="fact" if "fact" in kinds else "subject" if "subject" in kinds else None,
                given=any(scores.given[i] for i in group),
            )
        )
    return found


def spread_over_words(scores: TokenScores, pool: Pool = "max") -> TokenScores:
    """The same row, every token carrying its word's pooled number: unless told otherwise the largest, for all of them.

    Raises:
        ValueError: an unknown pool, or `sum` of a scorer with an upper end such as a probability.
    """
    pooling = _pool(pool)
    groups = word_groups(scores)
    columns = {}
    for name, column in scores.columns.items():
        if pool == "sum" and scorer_info(name).high != float("inf"):
            raise ValueError(
                f"The sum of a word's {name!r} scores may pass {scorer_info(name).high:g}, their upper end: pool by "
                "max, mean or first."
            )
        spread = list(column)
        for group in groups:
            value = pooling([column[i] for i in group])
            for i in group:
                spread[i] = value
        columns[name] = tuple(spread)
    return replace(scores, columns=columns)


def _pool(name: str) -> Callable[[Sequence[float]], float]:
    if name not in POOLS:
        raise ValueError(f"The pool {name!r} is unknown{did_you_mean(name, POOLS)} Choose from {', '.join(POOLS)}.")
    return POOLS[name]
