"""What a family of models does differently, found out on a few tokens instead of by its name.

Each question is asked once per model and answered by comparing two forwards that must agree.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from attribution.model.forward import CausalModel, Pass, log_probs
from attribution.model.prefixes import WORTH_SHARING, log_probs_from, read_prefixes

_LENGTH = 8
# Long enough for what works in blocks (chunks of a hash, patches of bytes) to have several.
_CAUSAL_LENGTH = 24
# All that a part of a model may raise when it is run in a way that its family does not know.
_NOT_ALONE = (AttributeError, TypeError, ValueError, LookupError, RuntimeError, NotImplementedError)
Together = Literal["any", "equal", "none"]


def finite(model: CausalModel) -> bool:
    """Whether a plain forward gives numbers."""
    ids = probe_ids(model)
    with torch.inference_mode():
        return bool(
            torch.isfinite(model.run_whole(ids, torch.ones_like(ids)).logits[..., : model.vocabulary_size]).all()
        )


def causal(model: CausalModel) -> bool:
    """Whether a token's prediction is blind to the tokens after it: other ones, or none at all."""
    ids = probe_ids(model, min(_CAUSAL_LENGTH, model.max_length))
    half = ids.shape[1] // 2
    other = ids.clone()
    other[0, half:] = ids[0, :half].repeat(2)[: ids.shape[1] - half].flip(0)
    with torch.inference_mode():
        one, two, alone = (
            model.run_whole(each, torch.ones_like(each)).logits[0, :half].nan_to_num()
            for each in (ids, other, ids[:, :half])
        )
    return same(one, two) and same(one, alone)


def first_position(model: CausalModel) -> int | None:
    """The number that the first token's position has where the model counts by itself; None when it cannot be told.

    RoBERTa's family counts from behind the padding's id. A model that takes positions and still gives other numbers
    with any of these than without is not told them.
    """
    base, config = unwrapped(model.model), model.model.config.get_text_config()
    if "position_ids" not in parameters_of(getattr(base, base.base_model_prefix, base)):
        return None
    pads = [getattr(config, "pad_token_id", None), getattr(base.get_input_embeddings(), "padding_idx", None)]
    starts = [0, *(int(pad) + 1 for pad in pads if isinstance(pad, int) and pad >= 0), 1, 2]
    ids = probe_ids(model)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "use_cache": False}
    with torch.inference_mode():
        try:
            plain = model.model(**known(base, **inputs)).logits
        except TypeError:
            # It does not count by itself.
            return 0
        for start in dict.fromkeys(starts):
            told = torch.arange(start, start + _LENGTH, device=ids.device)[None]
            try:
                found = model.model(**known(base, **inputs, position_ids=told)).logits
            except IndexError:
                # Beyond the table of positions.
                continue
            if same(found, plain):
                return start
    return None


def settled(weights: Any) -> Any:
    """The model in evaluation mode, with the weights that its files have.

    RWKV halves weights of its upper blocks, and its states with them, for as long as it is in evaluation mode, so that
    float16 does not overflow: what is trained and saved then is no checkpoint. Without it the numbers are the same.
    """
    for part in weights.modules():
        if hasattr(part, "layers_are_rescaled") and part.config.rescale_every and weights.dtype != torch.float16:
            if part.layers_are_rescaled:
                part.train()._rescale_layers()
            part.config.rescale_every = 0
    return weights.eval()


def unwrapped(weights: Any) -> Any:
    """The model without what wraps it for adapters."""
    return weights.get_base_model() if hasattr(weights, "get_base_model") else weights


def parameters_of(part: Any) -> Mapping[str, inspect.Parameter]:
    """What the part's forward takes, by name."""
    return inspect.signature(part.forward).parameters


def known(part: Any, **inputs: Any) -> dict[str, Any]:
    """Those of the inputs that the part's forward takes: not every family has a cache or gives inner states."""
    parameters = parameters_of(part)
    if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        return inputs
    return {name: value for name, value in inputs.items() if name in parameters}


def length_bound(model: CausalModel) -> int | None:
    """The length from which a row's own length changes how the model reads all of it; None for most families.

    Rotary frequencies that are stretched for long rows (`dynamic`, `longrope`) are chosen by a batch's longest row, so
    rows beyond the bound are read with rows of their own length alone.
    """
    config = model.model.config.get_text_config()
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    kinds = [rope, *(each for each in rope.values() if isinstance(each, Mapping))] if isinstance(rope, Mapping) else []
    bounds = []
    for each in kinds:
        kind = str(each.get("rope_type") or each.get("type") or "")
        if kind == "longrope":
            told = each.get("original_max_position_embeddings")
            bounds.append(told or getattr(config, "original_max_position_embeddings", None))
        elif "dynamic" in kind:
            bounds.append(getattr(config, "max_position_embeddings", None))
    return min((int(each) for each in bounds if each), default=None)


def forget_lengths(model: Any) -> None:
    """Let rotary frequencies that grow with the longest row so far start anew, as in a model that was just loaded."""
    for part in model.modules():
        for name in [name for name in vars(part) if name.endswith("max_seq_len_cached")]:
            kept = f"{name.removesuffix('max_seq_len_cached')}original_inv_freq"
            first = getattr(part, "original_max_seq_len", None)
            if first is None or not hasattr(part, kept) or getattr(part, name) == first:
                continue
            buffer = kept.replace("original_inv_freq", "inv_freq")
            setattr(part, buffer, getattr(part, kept).to(getattr(part, buffer)))
            setattr(part, name, first)


def splits(model: CausalModel) -> bool:
    """Whether body and output head, run one after the other, give the model's own logits.

    A family that scales or caps what `LanguageModel.logits` does not know of, or an adapter that adds tokens, does not;
    its scores come from whole forwards, which take more memory.
    """
    ids = probe_ids(model)
    ones = torch.ones_like(ids)
    with torch.inference_mode():
        whole = model.run_whole(ids, ones).logits
        try:
            return same(model.head(model.body(ids, ones)), whole)
        except _NOT_ALONE:
            return False


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
    chunked = getattr(model.model.config.get_text_config(), "attention_chunk_size", None)
    # Remembered keys move to other slots, and attention in chunks counts slots from the first.
    if not model.splits or chunked or getattr(model.model, "_is_stateful", False):
        return False
    ids = probe_ids(model)[0].tolist()
    labels = (ids[4], ids[6], ids[7])
    passes = [Pass(tuple(ids), (3, 5, 6), labels, shared=shared) for shared in (0, 2, 3)]
    with torch.inference_mode():
        try:
            memory = read_prefixes(model, [ids[:3]])
            if not memory:
                return False
            read_on = torch.cat(log_probs_from(model, memory, (0, 0, 0), passes))
        except _NOT_ALONE:
            # A cache of a kind of its own.
            return False
        return same(read_on, torch.cat(log_probs(model, passes, 10**6)))


def probe_logits(model: CausalModel) -> Tensor | None:
    """Logits of the row that families are tried on, `[1, length, vocabulary]`, float32; None where it cannot run."""
    ids = probe_ids(model)
    # What a recurrent family keeps in its layers may be read by a forward that is trained.
    with torch.no_grad():
        try:
            return model.run_whole(ids, torch.ones_like(ids)).logits.float()
        except _NOT_ALONE:
            return None


def begins_together(model: CausalModel) -> bool:
    """Whether prompts that begin alike may have that read once, with padding after it and before what differs.

    A window that counts slots would count the padding, and is longer than a probe.
    """
    config = model.model.config.get_text_config().to_dict()
    windows = [
        name
        for name, value in config.items()
        if value and (name == "attention_chunk_size" or ("window" in name and "layers" not in name))
    ]
    if windows or not model.shares_prefixes:
        return False
    ids = probe_ids(model, WORTH_SHARING + _LENGTH)[0].tolist()
    start, rest = ids[:WORTH_SHARING], ids[WORTH_SHARING:]
    short, long = [*start, rest[0]], [*start, *rest[1:]]
    try:
        return same(model.generated_logits([long, short], once=True)[1], model.generated_logits([short])[0])
    except _NOT_ALONE:
        return False


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


def generates(model: CausalModel) -> bool:
    """Whether transformers' generation gives what reading the answer so far gives, token by token.

    It numbers positions by itself, and reads on from a cache: a family whose own count starts elsewhere, or that keeps
    too little, says something else there.
    """
    prompt = probe_ids(model, min(_CAUSAL_LENGTH, model.max_length - 2))[0].tolist()
    try:
        said = model.generated_logits([prompt])[0]
    except _NOT_ALONE:
        return False
    with torch.inference_mode():
        ids = torch.tensor([[*prompt, int(said[0].argmax())]], device=model.device)
        read = model.run_whole(ids, torch.ones_like(ids)).logits[0, -2:]
    width = min(said.shape[-1], read.shape[-1])
    return same(said[:, :width], read[:, :width].to(said))


def probe_ids(model: CausalModel, length: int = _LENGTH) -> Tensor:
    """Some ordinary token ids, different ones where the vocabulary has as many, `[1, length]`."""
    text = "The quick brown fox jumps over the lazy dog and runs into a deep dark wood"
    special = set(model.tokenizer.all_special_ids)
    written = model.tokenizer(text, add_special_tokens=False)["input_ids"]
    found = dict.fromkeys(i for i in written if i not in special and i < model.vocabulary_size)
    ids = [*found, *(i for i in range(model.vocabulary_size) if i not in found and i not in special)]
    return torch.tensor([[ids[k % len(ids)] for k in range(length)]], device=model.device)


def same(one: Tensor, two: Tensor, tolerance: float | None = None) -> bool:
    """Equal up to rounding, in shares of the largest number: what differs by design differs by far more."""
    if one.shape != two.shape:
        return False
    if tolerance is None:
        tolerance = 1e-3 if one.dtype == torch.float32 else 5e-2
    scale = float(two.float().abs().max())
    return bool(torch.isfinite(one).all()) and float((one.float() - two.float()).abs().max()) <= tolerance * scale
