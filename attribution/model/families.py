"""What a family of models does differently, found out on a few tokens instead of by its name.

Each question is asked once per model and answered by comparing two forwards that must agree.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from attribution.model.forward import CausalModel, Pass, log_probs, log_probs_from, read_prefixes

_LENGTH = 8
Together = Literal["any", "equal", "none"]


def finite(model: CausalModel) -> bool:
    """Whether a plain forward gives numbers."""
    ids = probe_ids(model)
    with torch.inference_mode():
        return bool(
            torch.isfinite(model.run_whole(ids, torch.ones_like(ids)).logits[..., : model.vocabulary_size]).all()
        )


def causal(model: CausalModel) -> bool:
    """Whether a token's prediction is blind to the tokens after it."""
    ids = probe_ids(model)
    other = ids.clone()
    other[0, -1] = ids[0, 0]
    ones = torch.ones_like(ids)
    with torch.inference_mode():
        one, two = (model.run_whole(each, ones).logits[0, :-1].nan_to_num() for each in (ids, other))
    return same(one, two)


def splits(model: CausalModel) -> bool:
    """Whether body and output head, run one after the other, give the model's own logits.

    A family that scales or caps what `LanguageModel.logits` does not know of, or an adapter that adds tokens, does not;
    its scores come from whole forwards, which take more memory.
    """
    ids = probe_ids(model)
    ones = torch.ones_like(ids)
    with torch.inference_mode():
        whole = model.run_whole(ids, ones).logits
        return same(model.logits(model.body(ids, ones)), whole)


def hides(model: CausalModel) -> bool:
    """Whether a key hidden by the attention mask leaves no trace in any other token's state.

    Recurrent layers (Mamba, RWKV and hybrids) carry a token on without attending to it.
    """
    ids = probe_ids(model)
    other = ids.clone()
    other[0, 2] = ids[0, 0]
    attention = torch.ones_like(ids)
    attention[0, 2] = 0
    with torch.inference_mode():
        one, two = (model.forward(each, attention).hidden[0] for each in (ids, other))
    rest = [p for p in range(_LENGTH) if p != 2]
    return same(one[rest], two[rest])


def keeps_positions(model: CausalModel) -> bool:
    """Whether hiding tokens leaves the others where they are, as far as the model can tell.

    Models that take positions are told them. One that counts them from the mask reads a row with hidden tokens as if
    they had never been there.
    """
    if model.takes_positions:
        return True
    ids = probe_ids(model)
    attention = torch.ones_like(ids)
    attention[0, 1:5] = 0
    dropped = torch.cat([ids[:, :1], ids[:, 5:]], dim=1)
    with torch.inference_mode():
        hidden = model.forward(ids, attention).hidden[0, -1]
        closed_up = model.forward(dropped, torch.ones_like(dropped)).hidden[0, -1]
    return not same(hidden, closed_up)


def shares_prefixes(model: CausalModel) -> bool:
    """Whether reading on from remembered keys and values gives what reading the whole row gives."""
    if not model.splits or getattr(model.model, "_is_stateful", False):
        return False
    ids = probe_ids(model)[0].tolist()
    labels = (ids[4], ids[6], ids[7])
    passes = [Pass(tuple(ids), (3, 5, 6), labels, shared=shared) for shared in (0, 2, 3)]
    with torch.inference_mode():
        memory = read_prefixes(model, [ids[:3]])
        if not memory:
            return False
        return same(
            torch.cat(log_probs_from(model, memory, (0, 0, 0), passes)), torch.cat(log_probs(model, passes, 10**6))
        )


def answered_together(model: CausalModel) -> Together:
    """Which prompts may be answered in one batch, each as it is answered alone.

    `any` length; `equal` length alone, where state runs through the padding on the left; or `none`, where the state of
    one prompt runs into another's.
    """
    long = probe_ids(model)[0].tolist()
    short, other = long[:4], long[4:]

    def beside(first: list[int]) -> bool:
        return same(model.generated_logits([first, short])[1], alone)

    with torch.inference_mode():
        alone = model.generated_logits([short])[0]
        return "any" if beside(long) else "equal" if beside(other) else "none"


def probe_ids(model: CausalModel) -> Tensor:
    """Some ordinary token ids, different ones where the vocabulary has as many, `[1, 8]`."""
    text = "The quick brown fox jumps over the lazy dog and runs into a deep dark wood"
    found = dict.fromkeys(model.tokenizer(text, add_special_tokens=False)["input_ids"])
    ids = [*found, *(i for i in range(model.vocabulary_size) if i not in found)]
    return torch.tensor([[ids[k % len(ids)] for k in range(_LENGTH)]], device=model.device)


def same(one: Tensor, two: Tensor, tolerance: float | None = None) -> bool:
    """Equal up to rounding, in shares of the largest number: what differs by design differs by far more."""
    if one.shape != two.shape:
        return False
    if tolerance is None:
        tolerance = 1e-3 if one.dtype == torch.float32 else 5e-2
    scale = float(two.float().abs().max())
    return bool(torch.isfinite(one).all()) and float((one.float() - two.float()).abs().max()) <= tolerance * scale
