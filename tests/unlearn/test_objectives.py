"""The losses against numbers worked out by hand and against their gradient identities."""

from __future__ import annotations

import math

import pytest
import torch

from unlearn.labels import LabelBatch, Totals
from unlearn.objectives import OBJECTIVES, Constants, objective
from unlearn.objectives.ascent import grad_ascent, sat_ga_plus, weighted_nll, wga
from unlearn.objectives.preference import npo
from unlearn.objectives.retention import retain_nll

LN2, LN4 = math.log(2), math.log(4)


def batch(probabilities, weights, rows=None, reference=None) -> LabelBatch:
    log_probs = torch.tensor(probabilities, dtype=torch.float64).log().requires_grad_(True)
    n = len(probabilities)
    rows = rows or [0] * n
    return LabelBatch(
        log_probs=log_probs,
        weights=torch.tensor(weights, dtype=torch.float64),
        rows=torch.tensor(rows),
        size=max(rows) + 1,
        totals=Totals(float(sum(weights)), n, max(rows) + 1),
        reference=None if reference is None else torch.tensor(reference, dtype=torch.float64).log(),
    )


def gradient(loss: torch.Tensor, labels: LabelBatch) -> list[float]:
    return torch.autograd.grad(loss, labels.log_probs)[0].tolist()


def test_weighted_nll_by_hand():
    labels = batch([1 / 2, 1 / 4, 1 / 8], [1, 3, 0])
    # (1 ln2 + 3 ln4) / 4 per unit of weight, / 3 per label; the third label weighs nothing.
    assert weighted_nll(labels, labels.weights).item() == pytest.approx((LN2 + 3 * LN4) / 4)
    assert weighted_nll(labels, labels.weights, "label").item() == pytest.approx((LN2 + 3 * LN4) / 3)
    assert gradient(weighted_nll(labels, labels.weights), labels) == pytest.approx([-1 / 4, -3 / 4, 0])


def test_no_gradient_flows_through_weights():
    labels = batch([1 / 2, 1 / 4], [1, 1])
    weights = labels.log_probs.exp()
    assert gradient(weighted_nll(labels, weights), labels) == pytest.approx([-1 / 4, -1 / 8])


def test_nothing_selected_is_zero_not_nan():
    labels = batch([1 / 2, 1 / 4], [0, 0])
    for forget in (grad_ascent, wga, sat_ga_plus):
        assert forget(labels, Constants(1.0)).item() == 0


def test_retain_is_the_mean_nll():
    assert retain_nll(batch([1 / 2, 1 / 4], [1, 1])).item() == pytest.approx((LN2 + LN4) / 2)


def test_gradient_ascent_ascends():
    labels = batch([1 / 2, 1 / 4], [1, 1])
    assert grad_ascent(labels, Constants(1.0)).item() == pytest.approx(-(LN2 + LN4) / 2)
    assert gradient(grad_ascent(labels, Constants(1.0)), labels) == pytest.approx([1 / 2, 1 / 2])


def test_wga_by_hand():
    # weights p^2: (1/4 ln2 + 1/16 ln4) / 2, and the gradient is p^2 / Z, with the saturation detached.
    labels = batch([1 / 2, 1 / 4], [1, 1])
    assert wga(labels, Constants(2.0)).item() == pytest.approx(-(LN2 / 4 + LN4 / 16) / 2)
    assert gradient(wga(labels, Constants(2.0)), labels) == pytest.approx([1 / 8, 1 / 32])
    assert gradient(wga(labels, Constants(0.0)), labels) == pytest.approx(
        gradient(grad_ascent(labels, Constants(0)), labels)
    )


def test_satga_has_the_score_in_the_exponent():
    # g = 1/2, p = 1/4: g l exp(-g l)^2 = (1/2) ln4 (1/4); literal differentiation would not give g p^(g b) / Z.
    labels = batch([1 / 4], [1 / 2])
    assert sat_ga_plus(labels, Constants(2.0, normaliser="label")).item() == pytest.approx(-0.5 * LN4 / 4)
    assert gradient(sat_ga_plus(labels, Constants(2.0, normaliser="label")), labels) == pytest.approx([1 / 8])


@pytest.mark.parametrize("beta", [0.1, 1.0, 4.0])
def test_npo_gradient_identity(beta):
    """NPO's weight on each token of a row is 2 P^b / (P^b + P_ref^b), averaged over rows."""
    now, before = [0.5, 0.25, 0.8], [0.9, 0.5, 0.9]
    labels = batch(now, [1, 1, 1], rows=[0, 0, 1], reference=before)
    slopes = gradient(npo(labels, Constants(beta)), labels)
    for row, tokens in ((0, (0, 1)), (1, (2,))):
        p = math.prod(now[i] for i in tokens) ** beta
        ref = math.prod(before[i] for i in tokens) ** beta
        for i in tokens:
            assert slopes[i] == pytest.approx(2 * p / (p + ref) / 2), row


def test_npo_at_the_reference_is_gradient_ascent():
    labels = batch([0.5, 0.25], [1, 1], reference=[0.5, 0.25])
    assert gradient(npo(labels, Constants(0.1)), labels) == pytest.approx([1.0, 1.0])


def test_npo_leaves_unselected_tokens_alone():
    labels = batch([0.5, 0.25], [1, 0], reference=[0.9, 0.9])
    assert gradient(npo(labels, Constants(0.1)), labels)[1] == 0


def test_npo_without_a_reference_says_so():
    with pytest.raises(ValueError, match="frozen"):
        npo(batch([0.5], [1]), Constants(0.1))


def test_unknown_objective_is_named_with_a_guess():
    with pytest.raises(ValueError, match="'wgaa'.*did you mean 'wga'"):
        objective("wgaa")
    assert set(OBJECTIVES) >= {"wga", "npo", "graddiff", "satga"}
