"""Weights that are the scores: in proportion to them (ETW), or they themselves (ATWU)."""

from __future__ import annotations

import pytest

from attribution import Rule
from attribution.selection import weights

PROPORTIONAL = Rule("entropy", "proportional")
RAW = Rule("learned", "raw")


def test_proportional_by_hand():
    assert weights([1.0, 3.0, 0.0], [True] * 3, PROPORTIONAL) == pytest.approx((3 / 4, 9 / 4, 0))


def test_proportional_has_mean_one_over_what_may_be_selected():
    found = weights([1.0, 3.0, 5.0], [True, True, False], PROPORTIONAL)
    assert found == pytest.approx((1 / 2, 3 / 2, 0))


def test_proportional_to_nothing_is_uniform():
    assert weights([0.0, 0.0, 0.0], [True, True, False], PROPORTIONAL) == (1, 1, 0)


def test_raw_is_the_score():
    assert weights([0.25, 1.0, 0.5], [True, True, False], RAW) == (0.25, 1.0, 0.0)


@pytest.mark.parametrize("rule", [PROPORTIONAL, RAW], ids=lambda rule: rule.kind)
def test_nothing_may_be_selected(rule):
    assert weights([0.5, 0.5], [False, False], rule) == (0, 0)


@pytest.mark.parametrize(
    ("rule", "value", "match"),
    [(PROPORTIONAL, -0.5, "at least 0"), (RAW, -0.5, "between 0 and 1"), (RAW, 1.5, "gave 1.5")],
)
def test_a_score_that_is_no_weight_is_refused(rule, value, match):
    with pytest.raises(ValueError, match=match):
        weights([0.5, value], [True, True], rule)
    # What may not be selected is not asked.
    assert weights([0.5, value], [True, False], rule)[1] == 0


def test_the_cut_plays_no_part():
    values = [0.1, 0.2, 0.7]
    for kind in ("proportional", "raw"):
        assert len({weights(values, [True] * 3, Rule("learned", kind, cut)) for cut in (0.1, 0.9)}) == 1
