"""Alignment figures against numbers worked out by hand, against scikit-learn, and against each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, precision_recall_fscore_support, roc_auc_score

from attribution.measure.alignment import (
    align,
    auroc,
    average_precision,
    compare,
    labelled_rows,
    overlap,
    precision_recall_f1,
    rank_correlations,
)

# Few distinct values, so that most draws hold ties.
COLUMNS = st.integers(2, 30).flatmap(
    lambda n: st.tuples(
        st.lists(st.booleans(), min_size=n, max_size=n),
        st.lists(st.sampled_from([0.0, 0.1, 0.5, 2.0]), min_size=n, max_size=n),
    )
)


def test_figures_by_hand() -> None:
    truth = np.array([True, False, True, False])
    # Pairs won by a fact: 3 > 2, 3 > 0, 1 > 0; lost: 1 < 2.
    assert auroc(truth, np.array([3.0, 2.0, 1.0, 0.0])) == 3 / 4
    assert average_precision(truth, np.array([3.0, 2.0, 1.0, 0.0])) == pytest.approx((1 + 2 / 3) / 2)
    # All equal: nothing is told apart, and the average precision is the share of facts.
    assert auroc(truth, np.zeros(4)) == 0.5
    assert average_precision(truth, np.zeros(4)) == 0.5
    assert precision_recall_f1(truth, np.array([True, True, False, False])) == (0.5, 0.5, 0.5)
    assert precision_recall_f1(truth, np.zeros(4, dtype=bool)) == (0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="Both classes"):
        auroc(np.array([True, True]), np.array([1.0, 2.0]))


@settings(max_examples=200, deadline=None)
@given(COLUMNS)
def test_figures_are_scikit_learns(drawn: tuple[list[bool], list[float]]) -> None:
    truth, values = np.array(drawn[0]), np.array(drawn[1])
    kept = values >= 0.5
    expected = precision_recall_fscore_support(truth, kept, average="binary", zero_division=0)[:3]
    assert precision_recall_f1(truth, kept) == pytest.approx(expected)
    if truth.any() and not truth.all():
        assert auroc(truth, values) == pytest.approx(roc_auc_score(truth, values))
        assert average_precision(truth, values) == pytest.approx(average_precision_score(truth, values))


def test_per_row_and_pooled(toy) -> None:
    # Row 1 is perfect; row 2 is upside down; row 3 has no fact and counts nowhere.
    rows = [
        toy("f--", {"entropy": (9, 1, 0)}),
        toy("-f", {"entropy": (8, 7)}),
        toy("--", {"entropy": (1, 2)}),
    ]
    found = align(rows, "entropy", cut=0.3)
    assert (found.auroc.mean, found.auroc.n) == (0.5, 2)
    assert found.auroc.sd == pytest.approx(np.std([1, 0], ddof=1))
    assert found.average_precision.mean == pytest.approx((1 + 1 / 2) / 2)
    # Pool: facts 9, 7 against 8, 1, 0: five of six pairs won.
    assert found.pooled_auroc == pytest.approx(5 / 6)
    assert found.pooled_fact_share == 2 / 5
    # The top 30% of three tokens is one token, and of two is one.
    assert (found.precision.mean, found.recall.mean, found.f1.mean) == (0.5, 0.5, 0.5)
    assert (found.pooled_precision, found.pooled_recall, found.pooled_f1) == (0.5, 0.5, 0.5)


def test_the_subject_is_left_out_or_counted(toy) -> None:
    row = toy("sf-", {"entropy": (5, 3, 1)}, given="g--")
    left_out, counted = align([row], "entropy"), align([row], "entropy", with_subject=True)
    assert (left_out.auroc.mean, counted.auroc.mean) == (1.0, 0.5)
    # What the prompt gives is not selected, unless the subject counts: then it takes the one place there is.
    assert (left_out.pooled_f1, counted.pooled_f1) == (1.0, 0.0)
    # Labels that mark facts alone: the subject that was found takes the marked one's place.
    row = toy("-f-", {"entropy": (5, 3, 1)}, given="g--")
    assert align([row], "entropy").auroc.mean == 0.5
    assert align(labelled_rows([row], found_subject=True), "entropy").auroc.mean == 1.0
    # A fact stays a fact, though the prompt gives it.
    assert labelled_rows([toy("ff-", {"entropy": (5, 3, 1)}, given="g--")], found_subject=True)[0].truth.sum() == 2


def test_faults_are_told(toy) -> None:
    with pytest.raises(ValueError, match="ground truth"):
        align([toy("---", {"entropy": (1, 2, 3)})], "entropy")
    with pytest.raises(ValueError, match="was not scored by 'masking' but by entropy"):
        align([toy("f-", {"entropy": (1, 2)})], "masking")
    with pytest.raises(ValueError, match="no rows"):
        compare([], ["entropy", "masking"])


def test_figures_are_those_of_the_first_implementation(toy) -> None:
    """On rows full of ties; the numbers were taken before ranks and correlations were left to SciPy and NumPy."""
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(20):
        truth = "".join(rng.choice(list("f--s"), size=9)) + "f-"
        rows.append(toy(truth, {name: tuple(rng.integers(0, 5, size=11)) for name in ("entropy", "masking")}))
    per_row = (0.52689880952381, 0.177603602222992, 0.48325955988456, 0.37702380952381, 0.174217215061057)
    pooled = (0.5560392482034273, 0.4198595040514938, 0.38596491228070173)
    pair_figures = (0.036209691798591834, 0.3409896280406169, 0.2333333333333333, 0.19041352352582644)
    found = align(rows, "entropy")
    figures = (found.auroc.mean, found.auroc.sd, found.average_precision.mean, found.f1.mean, found.f1.sd)
    assert figures == pytest.approx(per_row, abs=1e-12)
    assert (found.pooled_auroc, found.pooled_average_precision, found.pooled_f1) == pytest.approx(pooled, abs=1e-12)
    pair = compare(rows, ["entropy", "masking"]).iloc[0]
    assert tuple(pair[["spearman", "spearman_sd", "overlap", "overlap_sd"]]) == pytest.approx(pair_figures, abs=1e-12)


def test_rank_correlation_and_overlap(toy) -> None:
    a, b = np.array([1.0, 2, 2, 5]), np.array([0.0, 1, 3, 3])
    found = rank_correlations(np.array([a, b, np.ones(4), -a]))
    assert found[0, 1] == found[1, 0] == pytest.approx(spearmanr(a, b).statistic)
    assert found[0, 3] == pytest.approx(-1) and np.isnan(found[2]).all() and np.isnan(found[:, 2]).all()
    assert (
        rank_correlations(np.array([a, np.ones(4)]))[0, 0] == 1 and np.isnan(rank_correlations(np.ones((2, 4)))).all()
    )
    assert overlap(np.array([True, True, False]), np.array([False, True, True])) == 0.5
    rows = [
        toy("f---", {"entropy": (4, 3, 2, 1), "masking": (4, 3, 2, 1), "position": (0, 1, 2, 3)}),
        toy("f---", {"entropy": (4, 3, 2, 1), "masking": (0, 0, 0, 0), "position": (0, 1, 2, 3)}),
    ]
    pairs = compare(rows, ["entropy", "masking", "position"], cut=0.5).set_index(["first", "second"])
    same = pairs.loc["entropy", "masking"]
    # A constant column has no rank correlation; of equal scores the earlier tokens are kept.
    assert (same["spearman"], same["spearman_rows"], same["rows"], same["overlap"]) == (1.0, 1, 2, 1.0)
    opposite = pairs.loc["entropy", "position"]
    assert (opposite["spearman"], opposite["overlap"]) == (-1.0, 0.0)


def test_comparison_leaves_out_what_the_prompt_gives(toy) -> None:
    row = toy("---", {"entropy": (9, 1, 2), "masking": (0, 1, 2)}, given="g--")
    assert compare([row], ["entropy", "masking"])["spearman"].item() == pytest.approx(1.0, abs=1e-12)
    assert compare([row], ["entropy", "masking"], with_subject=True)["spearman"].item() < 0
