"""Prompt and padding contribute exactly nothing; a batch is the sum of its rows."""

from __future__ import annotations

import pytest
import torch

from attribution import Example, LanguageModel
from unlearn.objectives.labels import label_batch, uniform_target, weighted_target

SHORT = Example("Who?", "Nobody.")
LONG = Example("Where was the quiet old author of many long books born?", "The author was born in a town by the sea.")


def test_labels_are_the_answer_and_the_end(tiny: LanguageModel):
    row = tiny.encode(SHORT)
    target = uniform_target(row)
    assert target.positions == (*row.answer_positions, row.end_position)
    assert row.input_ids[row.end_position] == tiny.tokenizer.eos_token_id
    assert len(target.weights) == len(row.tokens) + 1


def test_only_the_whole_sequence_trains_the_end(tiny: LanguageModel):
    row = tiny.encode(SHORT)
    ones = [1.0] * len(row.tokens)
    assert weighted_target(row, ones, trains_end=False).positions == row.answer_positions
    assert weighted_target(row, ones, trains_end=True).positions == (*row.answer_positions, row.end_position)


def test_log_probs_equal_the_plain_forward(tiny: LanguageModel):
    row = tiny.encode(LONG)
    with torch.no_grad():
        logits = tiny.model(input_ids=torch.tensor([row.input_ids])).logits[0].log_softmax(-1)
        expected = [logits[p - 1, row.input_ids[p]].item() for p in uniform_target(row).positions]
        found = label_batch(tiny, [uniform_target(row)]).log_probs.tolist()
    assert found == pytest.approx(expected, abs=1e-5)


def test_padding_changes_nothing(tiny: LanguageModel):
    targets = [uniform_target(tiny.encode(example)) for example in (SHORT, LONG)]
    with torch.no_grad():
        together = label_batch(tiny, targets)
        alone = [label_batch(tiny, [target]).log_probs for target in targets]
    assert torch.allclose(together.log_probs, torch.cat(alone), atol=1e-5)
    assert together.rows.tolist() == [0] * len(alone[0]) + [1] * len(alone[1])


def test_gradient_of_a_batch_is_the_sum_of_its_rows(tiny: LanguageModel):
    targets = [uniform_target(tiny.encode(example)) for example in (SHORT, LONG)]

    def gradient(part):
        tiny.model.zero_grad()
        label_batch(tiny, part).log_probs.sum().backward()
        return torch.cat([p.grad.flatten().clone() for p in tiny.model.parameters()])

    tiny.model.requires_grad_(True)
    assert torch.allclose(gradient(targets), gradient(targets[:1]) + gradient(targets[1:]), atol=1e-4)


def test_unselected_tokens_get_no_gradient(tiny: LanguageModel):
    """Changing the id of an unselected last token cannot change the loss: it is neither label nor context of one."""
    row = tiny.encode(LONG)
    weights = [1.0] + [0.0] * (len(row.tokens) - 1)
    with torch.no_grad():
        labels = label_batch(tiny, [weighted_target(row, weights, trains_end=False)])
    assert (labels.weights * labels.log_probs).count_nonzero() == 1


def test_the_whole_sequence_of_a_plain_text_is_all_of_it(tiny: LanguageModel) -> None:
    text = " ".join(f"Ada Quell wrote book {i} in Torvik." for i in range(12))
    row = tiny.encode(Example("", text))
    assert len(row.opening_positions) >= 32
    content = {p for p in range(1, len(row)) if not row.special[p]}
    whole = weighted_target(row, [1.0] * len(row.tokens), trains_end=True)
    assert set(whole.positions) == set(uniform_target(row).positions) == content | {len(row) - 1}
    assert whole.weights.tolist() == [1.0] * len(whole.positions)
    # A selection is one of scored tokens, and what is held is held everywhere.
    assert weighted_target(row, [1.0] * len(row.tokens), trains_end=False).positions == row.answer_positions
    held = weighted_target(row, [1.0] * len(row.tokens), trains_end=False, anchored=True)
    assert held.positions == whole.positions and held.weights.sum() == len(row.tokens)
    # A window that was asked for is only read.
    assert tiny.encode(Example("", text, window=5)).opening_positions == ()


def test_a_text_that_goes_on_has_no_end_token(tiny: LanguageModel) -> None:
    whole, piece = (tiny.encode(Example("", "Ada Quell was born in", ends=ends)) for ends in (True, False))
    assert piece.input_ids == whole.input_ids[:-1] and piece.end_position is None
    assert set(uniform_target(whole).positions) - set(uniform_target(piece).positions) == {whole.end_position}
    with pytest.raises(ValueError, match="only plain text"):
        Example("Where?", "In Torvik.", ends=False)
