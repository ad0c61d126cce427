"""Lower blocks that do not change are read once a row: the same numbers, and the same gradients above."""

from __future__ import annotations

import pytest
import torch

from attribution import Example, LanguageModel
from attribution.model.trunk import KeptStates, ReadOnce, freeze_below
from tests.attribution.tiny import FAMILIES, tiny_model

ROWS = [
    Example("Where was Ada Quell born?", "Ada Quell was born in Torvik."),
    Example("Where was Ada Quell born?", "In Torvik."),
    Example("Who?", "Ivo Brandt wrote The Salt Ledger in the year 1931."),
]


def padded(model: LanguageModel, rows: list[Example]) -> tuple[torch.Tensor, torch.Tensor]:
    return model.pad([model.encode(row) for row in rows])


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_read_once_comes_to_the_whole_forward(family: str, attention: str) -> None:
    if attention == "sdpa" and family in ("gemma2", "bloom"):
        pytest.skip("their code has no scaled-dot-product attention")
    model = tiny_model(family, attention=attention)
    for block in (2, 3):
        once = ReadOnce(model, block)
        # All three rows share little, the first two a long beginning; asked twice, the kept states answer.
        for rows in (ROWS, ROWS[:2], ROWS):
            ids, mask = padded(model, rows)
            with torch.no_grad():
                whole, ours = model.logits(model.body(ids, mask)), model.logits(once.body(ids, mask))
            real = mask.bool()
            torch.testing.assert_close(ours[real], whole[real], rtol=0, atol=2e-3 * float(whole.abs().max()))
        assert len(once.kept) == 3


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma3_text"])
def test_gradients_above_are_those_of_the_whole_forward(family: str) -> None:
    model = tiny_model(family)
    model.model.requires_grad_(True)
    freeze_below(model, 2)
    trained = {name for name, weight in model.model.named_parameters() if weight.requires_grad}
    assert trained and not any(".0." in name or "emb" in name or "wte" in name for name in trained)
    gradients = []
    for reader in (model, ReadOnce(model, 2, KeptStates())):
        ids, mask = padded(model, ROWS[:2])
        loss = torch.log_softmax(model.logits(reader.body(ids, mask)[mask.bool()]), -1).square().mean()
        loss.backward()
        gradients.append({name: p.grad.clone() for name, p in model.model.named_parameters() if p.grad is not None})
        model.model.zero_grad(set_to_none=True)
    whole, ours = gradients
    assert set(whole) == set(ours) == trained
    for name, value in whole.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-3, atol=1e-4 * float(value.abs().max()), msg=name)


def test_states_that_were_not_read_for_longest_go_first() -> None:
    kept = KeptStates(most=3 * 40)
    for k in range(4):
        kept.put((k,), torch.full((1, 10), float(k)))
        kept.get((0,))
    assert len(kept) == 3 and kept.get((1,)) is None
    assert kept.get((0,)).tolist() == [[0.0] * 10] and kept.get((3,)) is not None


def test_a_block_that_is_not_there_is_told() -> None:
    with pytest.raises(ValueError, match="has 3 blocks: train from 1 to 3, not 4"):
        ReadOnce(tiny_model("llama"), 4)


def test_a_forward_that_hides_tokens_reads_the_whole_model() -> None:
    tiny = tiny_model("llama")
    ids, mask = padded(tiny, ROWS[:1])
    mask[0, 2] = 0
    once = ReadOnce(tiny, 2)
    with torch.no_grad():
        torch.testing.assert_close(once.body(ids, mask), tiny.body(ids, mask))
    assert len(once.kept) == 0
