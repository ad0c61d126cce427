"""The gradient-ascent family and the retain terms against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from tests.unlearn.toy import gradient, toy_batch
from unlearn.objectives import (
    OBJECTIVES,
    RETENTIONS,
    Constants,
    get_objective,
    get_retention,
    objective,
    retain_term,
)
from unlearn.objectives.ascent import grad_ascent, sat_ga_plus, sat_imp, weighted_nll, wga
from unlearn.objectives.labels import Totals
from unlearn.objectives.retention import kl_head, retain_kl, retain_nll

LN2, LN3, LN4 = math.log(2), math.log(3), math.log(4)


def test_weighted_nll_by_hand():
    batch = toy_batch([1 / 2, 1 / 4, 1 / 8], [1, 3, 0])
    # (1 ln2 + 3 ln4) / 4 per unit of weight, / 3 per label; the third label weighs nothing.
    assert weighted_nll(batch, batch.weights).item() == pytest.approx((LN2 + 3 * LN4) / 4)
    assert weighted_nll(batch, batch.weights, "label").item() == pytest.approx((LN2 + 3 * LN4) / 3)
    assert gradient(weighted_nll(batch, batch.weights), batch) == pytest.approx([-1 / 4, -3 / 4, 0])


def test_no_gradient_flows_through_weights():
    batch = toy_batch([1 / 2, 1 / 4], [1, 1])
    weights = batch.log_probs.exp()
    assert gradient(weighted_nll(batch, weights), batch) == pytest.approx([-1 / 4, -1 / 8])


def test_a_part_of_a_step_is_divided_by_the_step():
    """Half of a step whose whole weighs 8 over 5 labels contributes its own sum over those, not over its own."""
    batch = toy_batch([1 / 2, 1 / 4], [1, 3], over=Totals(weight=8.0, labels=5, rows=2))
    assert weighted_nll(batch, batch.weights).item() == pytest.approx((LN2 + 3 * LN4) / 8)
    assert weighted_nll(batch, batch.weights, "label").item() == pytest.approx((LN2 + 3 * LN4) / 5)


@pytest.mark.parametrize("forget", [grad_ascent, wga, sat_imp, sat_ga_plus])
def test_nothing_selected_is_zero_not_nan(forget):
    batch = toy_batch([1 / 2, 1 / 4], [0, 0])
    loss = forget(batch, Constants())
    assert loss.item() == 0
    assert gradient(loss, batch) == [0, 0]


def test_gradient_ascent_ascends():
    batch = toy_batch([1 / 2, 1 / 4], [1, 1])
    assert grad_ascent(batch, Constants()).item() == pytest.approx(-(LN2 + LN4) / 2)
    assert gradient(grad_ascent(batch, Constants()), batch) == pytest.approx([1 / 2, 1 / 2])


def test_ga_is_graddiff_without_a_retain_term():
    assert get_objective("ga").forget is get_objective("graddiff").forget
    assert (get_objective("ga").alpha, get_objective("graddiff").alpha) == (0, 1)


def test_wga_by_hand():
    # weights p^2: (1/4 ln2 + 1/16 ln4) / 2, and the gradient is p^2 / Z, with the saturation detached.
    batch = toy_batch([1 / 2, 1 / 4], [1, 1])
    assert wga(batch, Constants(2.0)).item() == pytest.approx(-(LN2 / 4 + LN4 / 16) / 2)
    assert gradient(wga(batch, Constants(2.0)), batch) == pytest.approx([1 / 8, 1 / 32])
    plain = gradient(grad_ascent(batch, Constants()), batch)
    assert gradient(wga(batch, Constants(0.0)), batch) == pytest.approx(plain)


def test_satimp_by_hand():
    # p^2 (1 - p): 1/8 at 1/2, 3/64 at 1/4, 0 at 1.
    batch = toy_batch([1 / 2, 1 / 4, 1.0], [1, 2, 1])
    loss = sat_imp(batch, Constants(beta=2.0, beta2=1.0))
    assert loss.item() == pytest.approx(-(LN2 / 8 + 2 * LN4 * 3 / 64) / 4)
    assert gradient(loss, batch) == pytest.approx([1 / 32, 6 / 256, 0])
    unimportant = Constants(beta=2.0, beta2=0.0)
    assert sat_imp(batch, unimportant).item() == pytest.approx(wga(batch, Constants(2.0)).item())


def test_satga_has_the_score_in_the_exponent():
    # g = 1/2, p = 1/4: g l exp(-g l)^2 = (1/2) ln4 (1/4); literal differentiation would not give g p^(g b) / Z.
    batch = toy_batch([1 / 4], [1 / 2])
    per_label = Constants(2.0, normaliser="label")
    assert sat_ga_plus(batch, per_label).item() == pytest.approx(-0.5 * LN4 / 4)
    assert gradient(sat_ga_plus(batch, per_label), batch) == pytest.approx([1 / 8])


def test_retain_is_the_mean_nll():
    assert retain_nll(toy_batch([1 / 2, 1 / 4], [1, 1])).item() == pytest.approx((LN2 + LN4) / 2)


def test_kl_runs_from_the_reference_to_the_current_model():
    """KL((1/2, 1/4, 1/4) || uniform) = ln 3 - (3/2) ln 2; the other way round it would be (5/3) ln 2 - ln 3."""
    reference = torch.tensor([[1 / 2, 1 / 4, 1 / 4]], dtype=torch.float64)
    # Logits may be shifted by any constant.
    log_q = torch.full((1, 3), 1 / 3, dtype=torch.float64).log()
    assert kl_head(log_q, reference.log() + 7, torch.tensor([0])).item() == pytest.approx(LN3 - 1.5 * LN2)
    assert kl_head(reference.log(), reference.log(), torch.tensor([2])).item() == pytest.approx(0)


def test_kl_pulls_logits_to_the_reference():
    """The gradient of KL(ref || q) on q's logits is q - ref."""
    reference = torch.tensor([[0.7, 0.2, 0.1]], dtype=torch.float64)
    logits = torch.tensor([[0.0, 1.0, -1.0]], dtype=torch.float64, requires_grad=True)
    loss = kl_head(torch.log_softmax(logits, -1), reference.log(), torch.tensor([0])).sum()
    expected = (logits.softmax(-1) - reference).flatten().tolist()
    assert torch.autograd.grad(loss, logits)[0].flatten().tolist() == pytest.approx(expected)


def test_retain_kl_is_the_mean_over_labels():
    batch = toy_batch([0.5, 0.5], [1, 1], head_values=[0.25, 0.75])
    assert retain_kl(batch).item() == pytest.approx(0.5)


def test_unknown_names_are_answered_with_a_guess():
    with pytest.raises(ValueError, match="'wgaa'.*did you mean 'wga'"):
        get_objective("wgaa")
    with pytest.raises(ValueError, match="'nnl'.*did you mean 'nll'"):
        get_retention("nnl")


def test_a_name_is_given_once():
    with pytest.raises(ValueError, match="'wga' is taken"):
        objective("wga", title="", formula="", paper="", evidence="ours")(grad_ascent)
    with pytest.raises(ValueError, match="'nll' is taken"):
        retain_term("nll", title="", formula="", paper="", evidence="ours")(retain_nll)
    assert get_objective("wga").forget is wga and get_retention("nll").loss is retain_nll


def test_the_lists_hold_what_was_decorated_in_one_order_with_its_evidence():
    assert list(OBJECTIVES) == [
        *("graddiff", "ga", "wga", "satimp", "satga"),
        *("undial", "counterfactual"),
        *("npo", "tnpo", "simnpo", "dpo"),
        "rmu",
        *("palu", "tpo"),
    ]
    assert list(RETENTIONS) == ["nll", "kl", "states"]
    for entry in (*OBJECTIVES.values(), *RETENTIONS.values()):
        assert entry.title and entry.formula and entry.paper
        assert entry.evidence in ("paper", "code", "summary", "ours")
    for entry in OBJECTIVES.values():
        assert entry.retain in RETENTIONS
