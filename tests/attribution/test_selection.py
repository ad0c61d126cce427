"""From scores to weights, by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution import Rule, Selection, TokenScores, by_hand, select
from attribution.selection import weights

MakeRow = Callable[..., TokenScores]


def kept(values: list[float], rule: Rule, eligible: list[bool] | None = None) -> list[int]:
    chosen = weights(values, eligible or [True] * len(values), rule)
    return [i for i, weight in enumerate(chosen) if weight]


def test_threshold_keeps_what_reaches_it() -> None:
    assert kept([0.1, 0.5, 0.3], Rule("masking", "threshold", 0.3)) == [1, 2]
    assert kept([0.1, 0.5, 0.3], Rule("masking", "threshold", 0.6)) == []


@pytest.mark.parametrize(
    ("share", "n", "k"), [(0.3, 5, 2), (0.3, 4, 1), (0.5, 5, 3), (0.5, 3, 2), (0.01, 7, 1), (1.0, 7, 7), (0.35, 10, 4)]
)
def test_top_share_rounds_half_up_and_keeps_one(share: float, n: int, k: int) -> None:
    assert kept([float(i) for i in range(n)], Rule("masking", "top", share)) == list(range(n - k, n))


def test_ties_go_to_the_earlier_token() -> None:
    assert kept([1, 2, 2, 2, 0], Rule("masking", "top", 0.4)) == [1, 2]
    assert kept([0, 0, 0, 0], Rule("masking", "top", 0.5)) == [0, 1]


def test_soft_by_hand() -> None:
    """Ranks 0, 1/2, 1 at temperature 1/2: exp(0), exp(1), exp(2), scaled to a mean of 1."""
    total = 1 + math.e + math.e**2
    expected = [3 / total, 3 * math.e / total, 3 * math.e**2 / total]
    assert weights([5.0, 7.0, 90.0], [True] * 3, Rule("masking", "soft", 0.5)) == pytest.approx(expected)
    # Equal scores share a rank; one token alone has weight 1; a warm temperature makes them all alike.
    assert weights([4.0, 4.0], [True, True], Rule("masking", "soft", 0.1)) == pytest.approx([1, 1])
    assert weights([4.0], [True], Rule("masking", "soft", 0.1)) == pytest.approx([1])
    assert weights([1.0, 2.0, 3.0], [True] * 3, Rule("masking", "soft", 1e6)) == pytest.approx([1, 1, 1], abs=1e-5)


def test_proportional_and_raw_by_hand() -> None:
    assert weights([1.0, 3.0, 0.0, 9.0], [True, True, True, False], Rule("entropy", "proportional")) == pytest.approx(
        [0.75, 2.25, 0, 0]
    )
    assert weights([0.0, 0.0], [True, True], Rule("entropy", "proportional")) == (1, 1)
    assert weights([0.25, 1.0], [True, True], Rule("learned", "raw")) == (0.25, 1.0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        weights([1.5], [True], Rule("masking", "raw"))
    with pytest.raises(ValueError, match="at least 0"):
        weights([-1.5], [True], Rule("masking", "proportional"))


def test_what_the_prompt_gives_is_left_out_unless_told(toy: MakeRow) -> None:
    row = toy("ss-f-", {"masking": [9, 8, 1, 5, 2]}, given="gg---")
    assert row.given == (True, True, False, False, False)
    assert select(row, Rule("masking", "top", 0.4)).weights == (0, 0, 0, 1, 0)
    assert select(row, Rule("masking", "top", 0.4, keep_given=True)).weights == (1, 1, 0, 0, 0)
    assert select(row, Rule("masking", "threshold", 0.0)).weights == (0, 0, 1, 1, 1)
    soft = select(row, Rule("masking", "soft", 0.5)).weights
    assert soft[:2] == (0, 0) and sum(soft) == pytest.approx(3)
    whole = select(row, Rule("masking", "sequence"))
    assert whole.weights == (1,) * 5 and whole.trains_end and not select(row, Rule("masking")).trains_end
    assert whole.kept == (True,) * 5


def test_nothing_to_choose_from() -> None:
    for kind in ("threshold", "top", "soft", "proportional", "raw"):
        assert weights([1.0, 2.0], [False, False], Rule("masking", kind)) == (0, 0)  # type: ignore[arg-type]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    rows=st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0, 2.5]), st.booleans()), min_size=1, max_size=15),
    share=st.floats(0.01, 1),
)
def test_top_keeps_its_count_and_its_best(rows: list[tuple[float, bool]], share: float) -> None:
    values, eligible = [value for value, _ in rows], [allowed for _, allowed in rows]
    chosen = kept(values, Rule("masking", "top", share), eligible)
    m = sum(eligible)
    assert len(chosen) == (max(1, math.floor(share * m + 0.5)) if m else 0)
    assert all(eligible[i] for i in chosen)
    for i in chosen:
        for j in set(range(len(rows))) - set(chosen):
            assert not eligible[j] or (values[i], -i) > (values[j], -j)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("maskin", "top", 0.3), "did you mean 'masking'"),
        (("masking", "topp", 0.3), "did you mean 'top'\\? Choose from threshold, top"),
        (("masking", "top", 0.0), r"\(0, 1\]"),
        (("masking", "top", 1.1), r"\(0, 1\]"),
        (("masking", "soft", 0.0), "above 0"),
        (("masking", "threshold", math.nan), "Cut is nan: a number is needed"),
    ],
)
def test_rules_that_are_none(arguments: tuple[str, str, float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Rule(*arguments)  # type: ignore[arg-type]


def test_a_row_without_the_rules_scorer(toy: MakeRow) -> None:
    with pytest.raises(ValueError, match="not scored by 'entropy' but by masking"):
        select(toy("f-", {"masking": [1, 0]}), Rule("entropy"))


# By hand -------------------------------------------------------------------------------------------------------------

TOP = Rule("masking", "top", 0.4)


@pytest.mark.parametrize("edits", ["+4-1", " -1 +4 ", "+4-1+4"])
def test_tokens_are_put_in_and_taken_out_by_hand(edits: str) -> None:
    changed = by_hand(Selection((0, 1, 1, 0, 0), TOP), edits)
    assert changed == Selection((0, 0, 1, 0, 1), TOP, hand="-1+4")


def test_a_soft_token_put_in_weighs_what_the_others_do_on_average() -> None:
    soft = Selection((0, 0.5, 2.0, 0.5), Rule("masking", "soft", 0.5))
    assert by_hand(soft, "+0+1+2-3").weights == (1, 1, 2, 0)
    assert by_hand(Selection((0, 0), TOP), "+1").weights == (0, 1), "the rule chose none"


def test_no_edits_change_nothing() -> None:
    selection = Selection((1.0, 1.0), Rule("masking", "sequence"))
    assert by_hand(selection, "") is selection and selection.hand == ""


@pytest.mark.parametrize(
    ("selection", "edits", "told"),
    [
        (Selection((1, 0), TOP), "4", "'4': write \\+ or - and a token's number, such as"),
        (Selection((1, 0), TOP), "+1; -2", "such as"),
        (Selection((1, 0), TOP), "+１", "such as"),
        (Selection((1, 0), TOP), "+1-1", "put token 1 in and take it out"),
        (Selection((1, 0), TOP), "-0+2", "name token 2, and the answer has 2: count from 0 to 1"),
        (Selection((1, 0), TOP), "-0", "leave no token of the answer"),
        (Selection((1, 0), TOP, "+0"), "-1", r"edited by hand before \(\+0\)"),
        (Selection((1, 1), Rule("masking", "sequence")), "-1", "The whole sequence takes every token"),
    ],
)
def test_edits_that_cannot_be(selection: Selection, edits: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        by_hand(selection, edits)


def test_scores_that_move_may_leave_an_edited_row_with_nothing() -> None:
    assert by_hand(Selection((1, 0), TOP), "-0", may_be_empty=True).weights == (0, 0)
