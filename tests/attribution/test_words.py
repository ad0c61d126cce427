"""Words from tokens, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from attribution import Example, Span, TokenScores, select, spread_over_words, word_scores
from attribution.measure.alignment import align
from attribution.measure.words import POOLS, word_groups
from attribution.scorers import scorer_info
from attribution.selection import Rule
from attribution.text.example import encode
from attribution.text.subject import find_subject
from tests.attribution.tiny import tokenizer_named

ANSWER = "Ada's book, 東京 😀 Torvik."
EXAMPLE = Example("Which?", ANSWER, (Span(ANSWER.index("Tor"), len(ANSWER) - 1),))


@pytest.fixture(scope="module")
def row() -> TokenScores:
    encoded = encode(tokenizer_named("SentencePiece BPE with bytes"), EXAMPLE)
    n = len(encoded.tokens)
    columns = {"masking": tuple(float(i) for i in range(n)), "learned": tuple(i / n for i in range(n))}
    return TokenScores(encoded, columns, (0.5,) * n, find_subject(EXAMPLE))


def test_every_token_is_in_one_group(row: TokenScores) -> None:
    groups = word_groups(row)
    assert [i for group in groups for i in group] == list(range(len(row)))
    texts = ["".join(row.tokens[i].text for i in group).strip() for group in groups]
    assert [text for text in texts if text] == ["Ada", "'", "s", "book", ",", "東京", "😀", "Torvik", "."]
    # The bytes of one character stay together.
    smile = next(group for group, text in zip(groups, texts, strict=True) if text == "😀")
    assert len(smile) == 4


@pytest.mark.parametrize(("pool", "expected"), [("max", 2.0), ("mean", 1.0), ("sum", 3.0), ("first", 0.0)])
def test_pooling_by_hand(row: TokenScores, pool: str, expected: float) -> None:
    first = word_scores(replace(row, columns={"masking": row.columns["masking"]}), pool)[0]  # type: ignore[arg-type]
    assert (first.text, first.tokens) == ("Ada", (0, 1, 2))
    assert first.scores == {"masking": expected}
    assert ANSWER[first.start : first.end] == "Ada"


def test_a_word_is_a_fact_when_a_token_of_it_is(row: TokenScores) -> None:
    found = word_scores(row)
    assert [word.text for word in found if word.truth == "fact"] == ["Torvik"]
    assert all(ANSWER[word.start : word.end] == word.text for word in found)


def test_spread_gives_each_token_its_words_number(row: TokenScores) -> None:
    spread = spread_over_words(row)
    assert spread.columns["masking"][:3] == (2, 2, 2) and spread.encoded is row.encoded
    for group in word_groups(row):
        assert {spread.columns["masking"][i] for i in group} == {max(row.columns["masking"][i] for i in group)}
    assert spread_over_words(spread).columns == spread.columns
    # It is a TokenScores like any other: it can be cut and measured.
    cut = select(spread, Rule("masking", "threshold", 2.0))
    assert cut.weights[:3] == (1, 1, 1)
    assert align([spread], "masking").auroc.mean >= align([row], "masking").auroc.mean


def test_pools_that_cannot_serve(row: TokenScores) -> None:
    with pytest.raises(ValueError, match="did you mean 'mean'"):
        word_scores(row, "maen")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'learned' scores may pass 1"):
        spread_over_words(row, "sum")
    for pool in POOLS:
        if pool != "sum":
            spread = spread_over_words(row, pool)  # type: ignore[arg-type]
            assert max(spread.columns["learned"]) <= scorer_info("learned").high
