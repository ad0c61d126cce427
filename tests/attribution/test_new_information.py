"""New information by hand: what each cue says of a word, and how tokens take it."""

from __future__ import annotations

import pytest

from attribution import Example, score
from attribution.scorers.new_information import LARGEST, word_scores, word_units

ROW = Example("Where was Di Holt born?", "Di Holt was born in the town of Tarn.", subject="Di Holt")


def of_words(model, row: Example) -> dict[str, float]:
    units = word_units(row.answer)
    return dict(zip([unit.text for unit in units], word_scores(model.encode(row), units), strict=True))


def of_tokens(model, row: Example) -> list[tuple[str, float]]:
    (scores,) = score(model, [row], ("new-info",))
    return list(zip([token.text for token in scores.encoded.tokens], scores.columns["new-info"], strict=True))


def test_by_hand(model):
    # Content words Di, Holt, born, town, Tarn: "late" rises in fifths. Tarn is new (1), a name (1/2) and last (1).
    found = of_words(model, ROW)
    assert found["Tarn"] == pytest.approx(2.5)
    assert found["town"] == pytest.approx(1 + 0.8)
    assert found["born"] == pytest.approx(0.6)
    assert found["Di"] == pytest.approx(0.5 + 0.2)
    assert found["was"] == found["of"] == 0


def test_a_clause_starts_again_behind_a_comma(model):
    found = of_words(model, Example("Who is Di Holt?", "A baker, Di Holt wrote songs.", subject="Di Holt"))
    assert found["baker"] == pytest.approx(1 + 1)
    assert found["songs"] == pytest.approx(1 + 1)
    assert found["wrote"] == pytest.approx(1 + 3 / 4)


def test_tokens_of_a_word_are_alike_and_in_range(model):
    (scores,) = score(model, [ROW], ("new-info",))
    start = ROW.answer.index("Tarn")
    column = scores.columns["new-info"]
    pieces = {v for token, v in zip(scores.encoded.tokens, column, strict=True) if start < token.end <= start + 4}
    assert pieces == {2.5 / LARGEST} == {max(column)}
    assert min(column) >= 0


def test_a_stop_word_between_two_words_takes_half_of_the_lower(model):
    found = dict(of_tokens(model, ROW))
    assert found[" of"] == pytest.approx(1.8 / 2 / LARGEST)


def test_a_title_is_one_thing(model):
    row = Example("What did Di Holt write?", "Di Holt wrote 'The Salt of the Marsh'.", subject="Di Holt")
    found = dict(of_tokens(model, row))
    assert found[" of"] > found[" wrote"]


def test_scripts_without_spaces_have_characters_for_words():
    assert [unit.text for unit in word_units("東京で生まれた")] == list("東京で生まれた")


@pytest.mark.parametrize("answer", ["…", "the", "« »", "0", "of the", "🦊", "\u0301"])
def test_answers_without_words_have_scores_all_the_same(model, answer):
    assert all(0 <= value <= 1 for _, value in of_tokens(model, Example("Who?", answer)))
