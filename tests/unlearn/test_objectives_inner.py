"""UNDIAL and RMU, the two that read more than the label's probability, by hand."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from attribution import LanguageModel
from tests.unlearn.toy import toy_batch
from unlearn import Corpus
from unlearn.objectives import Constants
from unlearn.objectives.distillation import undial, undial_head
from unlearn.objectives.labels import Extras, LabelBatch, label_batch, uniform_target
from unlearn.objectives.representation import rmu, steered_layer
from unlearn.objectives.retention import retain_states

LN2 = math.log(2)


def test_undial_by_hand():
    """z_ref = (ln 4, ln 2, 0) for label 0 and b = ln 4: the teacher is (1/4, 1/2, 1/4)."""
    frozen = torch.tensor([[2 * LN2, LN2, 0.0]], dtype=torch.float64)
    log_q = torch.tensor([[1 / 2, 1 / 4, 1 / 4]], dtype=torch.float64).log()
    before = frozen.clone()
    found = undial_head(log_q, frozen, torch.tensor([0]), Constants(2 * LN2))
    # -(1/4 ln 1/2 + 1/2 ln 1/4 + 1/4 ln 1/4)
    assert found.tolist() == pytest.approx([1.75 * LN2])
    assert torch.equal(frozen, before)


def test_undial_lowers_each_row_at_its_own_label():
    frozen = torch.zeros(2, 3, dtype=torch.float64)
    log_q = torch.full((2, 3), 1 / 3, dtype=torch.float64).log().requires_grad_(True)
    undial_head(log_q, frozen, torch.tensor([0, 2]), Constants(LN2)).sum().backward()
    # softmax of (-ln 2, 0, 0) = (1/5, 2/5, 2/5), with the low one at the label.
    assert (-log_q.grad).flatten().tolist() == pytest.approx([1 / 5, 2 / 5, 2 / 5, 2 / 5, 2 / 5, 1 / 5])


def test_undial_is_a_weighted_mean_over_labels():
    batch = toy_batch([0.5, 0.5, 0.5], [1, 3, 0], head_values=[1.0, 2.0, 100.0])
    assert undial(batch, Constants()).item() == pytest.approx(7 / 4)
    assert undial(batch, Constants(normaliser="label")).item() == pytest.approx(7 / 3)


def inner(states: list[list[float]], weights: list[float], **more) -> LabelBatch:
    tensor = torch.tensor(states, requires_grad=True)
    return dataclasses.replace(toy_batch([0.5] * len(states), weights), layer_states=tensor, **more)


def test_rmu_by_hand():
    # Target 2 (1, 1): the distances are ((1-2)^2 + 0) / 2 and (1 + 4) / 2.
    batch = inner([[1.0, 2.0], [3.0, 4.0]], [1, 3], direction=torch.tensor([1.0, 1.0]))
    assert rmu(batch, Constants(2.0)).item() == pytest.approx((0.5 + 3 * 2.5) / 4)


def test_rmu_leaves_unselected_states_alone():
    batch = inner([[1.0, 2.0], [3.0, 4.0]], [1, 0], direction=torch.tensor([1.0, 1.0]))
    rmu(batch, Constants(2.0)).backward()
    assert batch.layer_states.grad[1].tolist() == [0, 0]
    assert batch.layer_states.grad[0].tolist() == pytest.approx([-1.0, 0.0])


def test_retained_states_by_hand():
    reference = torch.tensor([[1.0, 0.0], [3.0, 4.0]])
    batch = inner([[1.0, 2.0], [3.0, 4.0]], [1, 1], reference_layer_states=reference)
    assert retain_states(batch).item() == pytest.approx(2 / 2)


def test_the_direction_is_as_long_as_a_state_and_drawn_once(tiny: LanguageModel, small_corpus: Corpus):
    targets = [uniform_target(tiny.encode(row.example)) for row in small_corpus.forget]
    layer = steered_layer(tiny, targets, index=None, predicting=False, seed=1)
    assert layer.index == 1
    states = label_batch(tiny, targets, Extras(layer=layer)).layer_states
    assert layer.direction.norm().item() == pytest.approx(states.norm(dim=-1).mean().item(), rel=1e-4)
    assert (layer.direction >= 0).all()
    assert torch.equal(layer.direction, steered_layer(tiny, targets, None, False, seed=1).direction)
    assert not torch.equal(layer.direction, steered_layer(tiny, targets, None, False, seed=2).direction)


@pytest.mark.parametrize("predicting", [False, True])
def test_inner_states_are_those_of_the_named_block(tiny: LanguageModel, small_corpus: Corpus, predicting):
    row = tiny.encode(small_corpus.forget[0].example)
    target = uniform_target(row)
    layer = steered_layer(tiny, [target], index=1, predicting=predicting, seed=0)
    found = label_batch(tiny, [target], Extras(layer=layer)).layer_states
    with torch.no_grad():
        block = tiny.model.model(input_ids=torch.tensor([row.input_ids]), output_hidden_states=True).hidden_states[1][0]
    expected = torch.stack([block[position - int(predicting)] for position in target.positions])
    assert torch.allclose(found, expected, atol=1e-6)


def test_a_layer_that_does_not_exist(tiny: LanguageModel, small_corpus: Corpus):
    with pytest.raises(ValueError, match="layers 1 to 2"):
        steered_layer(tiny, [uniform_target(tiny.encode(small_corpus.forget[0].example))], 3, False, 0)


def test_what_is_missing_is_said():
    for loss in (undial, rmu):
        with pytest.raises(ValueError, match="the batch has no"):
            loss(toy_batch([0.5], [1]), Constants())
    with pytest.raises(ValueError, match="both models"):
        retain_states(toy_batch([0.5], [1]))
