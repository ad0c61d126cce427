"""NPO, TNPO, SimNPO and IdkDPO: values by hand, and the gradient identities of their papers."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from tests.unlearn.toy import gradient, toy_batch
from unlearn.objectives import Constants
from unlearn.objectives.labels import Totals
from unlearn.objectives.preference import dpo, npo, sim_npo, tnpo

LN2 = math.log(2)
NOW, BEFORE = [0.5, 0.25, 0.8], [0.9, 0.5, 0.9]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize("beta", [0.1, 1.0, 4.0])
def test_npo_gradient_identity(beta):
    """NPO's weight on each token of a row is 2 P^b / (P^b + P_ref^b), averaged over rows."""
    batch = toy_batch(NOW, [1, 1, 1], rows=[0, 0, 1], reference=BEFORE)
    slopes = gradient(npo(batch, Constants(beta)), batch)
    for row, tokens in ((0, (0, 1)), (1, (2,))):
        p = math.prod(NOW[i] for i in tokens) ** beta
        ref = math.prod(BEFORE[i] for i in tokens) ** beta
        for i in tokens:
            assert slopes[i] == pytest.approx(2 * p / (p + ref) / 2), row


def test_npo_weighs_tokens_inside_the_product():
    """With weights, P is prod p_t^w_t, and each token's slope carries its own w_t."""
    batch = toy_batch(NOW[:2], [1, 0.5], reference=BEFORE[:2])
    p, ref = 0.5 * 0.25**0.5, 0.9 * 0.5**0.5
    share = 2 * p / (p + ref)
    assert gradient(npo(batch, Constants(1.0)), batch) == pytest.approx([share, 0.5 * share])


def test_npo_at_the_reference_is_gradient_ascent():
    batch = toy_batch([0.5, 0.25], [1, 1], reference=[0.5, 0.25])
    assert npo(batch, Constants(0.1)).item() == pytest.approx(20 * LN2)
    assert gradient(npo(batch, Constants(0.1)), batch) == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("beta", [0.5, 4.0])
def test_tnpo_gradient_identity(beta):
    """TNPO's weight is 2 p^b / (p^b + p_ref^b) for every token by itself, over Z."""
    weights = [1, 2, 0]
    batch = toy_batch(NOW, weights, reference=BEFORE)
    slopes = gradient(tnpo(batch, Constants(beta)), batch)
    for slope, p, ref, weight in zip(slopes, NOW, BEFORE, weights, strict=True):
        assert slope == pytest.approx(weight / 3 * 2 * p**beta / (p**beta + ref**beta))


def test_tnpo_by_hand():
    # p / p_ref = 1/2 and b = 1: -2 log sigmoid(ln 2) = 2 ln(3/2).
    batch = toy_batch([0.25], [1], reference=[0.5])
    assert tnpo(batch, Constants(1.0)).item() == pytest.approx(2 * math.log(1.5))


@pytest.mark.parametrize(("beta", "delta"), [(4.5, 0.0), (1.0, 0.5)])
def test_simnpo_gradient_identity(beta, delta):
    """SimNPO's weight is (2/n) sigmoid(-b (NLL/n - d)) on each of a row's n tokens, averaged over rows."""
    batch = toy_batch(NOW, [1, 1, 1], rows=[0, 0, 1])
    slopes = gradient(sim_npo(batch, Constants(beta, delta=delta)), batch)
    for tokens in ((0, 1), (2,)):
        n = len(tokens)
        nll = -sum(math.log(NOW[i]) for i in tokens)
        for i in tokens:
            assert slopes[i] == pytest.approx(2 / n * sigmoid(-beta * (nll / n - delta)) / 2)


def test_simnpo_averages_over_what_is_selected():
    """An unselected token changes neither the loss nor the mean that the others are part of."""
    one, two = toy_batch([0.5, 0.01], [1, 0]), toy_batch([0.5], [1])
    loss = sim_npo(one, Constants(2.0))
    assert loss.item() == pytest.approx(sim_npo(two, Constants(2.0)).item()) == pytest.approx(math.log(1.25))
    assert gradient(loss, one)[1] == 0


def test_simnpo_ignores_a_row_in_which_nothing_is_selected():
    batch = toy_batch([0.5, 0.3], [1, 0], rows=[0, 1])
    assert sim_npo(batch, Constants(2.0)).item() == pytest.approx(math.log(1.25) / 2)


def test_dpo_by_hand():
    """Refusal 0.2 -> 0.4, answer 0.5 -> 0.25, b = 1: -2 log sigmoid(ln 2 + ln 2) = 2 ln(5/4)."""
    refusals = toy_batch([0.4], [1], reference=[0.2])
    batch = dataclasses.replace(toy_batch([0.25], [1], reference=[0.5]), refusals=refusals)
    loss = dpo(batch, Constants(1.0))
    assert loss.item() == pytest.approx(2 * math.log(1.25))
    # 2 sigmoid(-ln 4) = 2/5: down on the answer, up on the refusal.
    found = torch.autograd.grad(loss, [batch.log_probs, refusals.log_probs])
    assert [float(slope) for slope in found] == pytest.approx([2 / 5, -2 / 5])


def test_dpo_pairs_each_row_with_its_own_refusal():
    """Two rows at once are the mean of each alone: nothing is broadcast across rows."""
    answers, refused = [(0.25, 0.5), (0.9, 0.3)], [(0.4, 0.2), (0.1, 0.3)]

    def loss(which: list[int]) -> float:
        now, before = zip(*(answers[i] for i in which), strict=True)
        said, said_before = zip(*(refused[i] for i in which), strict=True)
        rows = list(range(len(which)))
        refusals = toy_batch(said, [1] * len(which), rows, said_before)
        batch = toy_batch(now, [1] * len(which), rows, before)
        return dpo(dataclasses.replace(batch, refusals=refusals), Constants(0.5)).item()

    assert loss([0, 1]) == pytest.approx((loss([0]) + loss([1])) / 2)


@pytest.mark.parametrize("forget", [npo, tnpo, dpo])
def test_unselected_tokens_are_left_alone(forget):
    refusals = toy_batch([0.4], [1], reference=[0.2])
    batch = dataclasses.replace(toy_batch([0.5, 0.25], [1, 0], reference=[0.9, 0.9]), refusals=refusals)
    slopes = gradient(forget(batch, Constants(0.1)), batch)
    assert slopes[0] > 0
    assert slopes[1] == 0


@pytest.mark.parametrize("forget", [npo, sim_npo])
def test_a_part_of_a_step_is_averaged_over_the_rows_of_the_step(forget):
    whole = toy_batch([0.5], [1], reference=[0.9])
    part = toy_batch([0.5], [1], reference=[0.9], over=Totals(weight=9.0, labels=9, rows=4))
    assert forget(part, Constants(0.5)).item() == pytest.approx(forget(whole, Constants(0.5)).item() / 4)


def test_what_is_missing_is_said():
    for forget in (npo, tnpo):
        with pytest.raises(ValueError, match="frozen"):
            forget(toy_batch([0.5], [1]), Constants(0.1))
    with pytest.raises(ValueError, match="refusal"):
        dpo(toy_batch([0.5], [1], reference=[0.5]), Constants(0.1))
