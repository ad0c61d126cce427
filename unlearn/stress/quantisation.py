"""Weights as a quantised model would have them: rounded to 8 bits per output channel and to 4 bits per group of 64, and
by bitsandbytes where there is a CUDA device and the package."""

from __future__ import annotations

import copy
import importlib.util
import tempfile
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from attribution.model.language_model import LanguageModel
from unlearn.run.adapters import merged
from unlearn.stress.base import Before, Stress, asked, kind, made


@kind("quantisation", "weights rounded to 8 and to 4 bits")
def quantisation(before: Before) -> Iterator[Stress]:
    """Recall with rounded weights, for every width asked for; by bitsandbytes too where it can work."""
    model, rows, config = before.model, before.rows, before.config
    for bits in config.bits:
        group = None if bits == 8 else config.group
        small, share = rounded(model, bits, group)
        scope = "per output channel" if group is None else f"per group of {group}"
        detail = {"share_of_weights": share} | before.kept(small)
        title = f"{bits} bit, round to nearest {scope}"
        yield made("quantisation", title, before.recall, asked(small, rows), **detail)
        if bits in (8, 4) and has_bitsandbytes():
            small = with_bitsandbytes(model, bits)
            detail = before.kept(small)
            yield made("quantisation", f"{bits} bit, bitsandbytes", before.recall, asked(small, rows), **detail)


def round_to_nearest(weight: Tensor, bits: int, group: int | None = None) -> Tensor:
    """The weight after rounding to `bits` bits, symmetric around 0, `[out, in]`.

    Every output channel (or every `group` of its weights; the last one may be shorter) has one scale, the largest
    absolute value over 2^(bits - 1) - 1.

    >>> round_to_nearest(torch.tensor([[1.0, 0.4, -0.1]]), bits=2)  # levels -1, 0 and 1
    tensor([[1., 0., -0.]])
    """
    width = weight.shape[1] if group is None else group
    top = 2 ** (bits - 1) - 1
    parts = []
    for part in weight.float().split(width, dim=1):
        scale = part.abs().amax(dim=1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny) / top
        parts.append((part / scale).round().clamp(-top, top) * scale)
    return torch.cat(parts, dim=1).to(weight.dtype)


def rounded(model: LanguageModel, bits: int, group: int | None = None) -> tuple[LanguageModel, float]:
    """A copy with the weights of its linear layers rounded, and the share of all weights that those are.

    Embeddings, norms, biases and the output head keep theirs, as in the libraries that quantise for real. Adapters are
    added into the weights first: what is used is their sum, and so it is what is rounded.
    """
    copied = copy.deepcopy(merged(model).model)
    head = copied.get_output_embeddings()
    changed = 0
    for module in copied.modules():
        if module is head or not _is_linear(module):
            continue
        weight = module.weight.data
        # GPT-2's Conv1D keeps its weights as [in, out].
        turned = type(module).__name__ == "Conv1D"
        new = round_to_nearest(weight.T if turned else weight, bits, group)
        module.weight.data = (new.T if turned else new).contiguous()
        changed += weight.numel()
    share = changed / sum(parameter.numel() for parameter in copied.parameters())
    return model.with_weights(copied, f"{model.name}, {bits} bit"), share


def _is_linear(module: torch.nn.Module) -> bool:
    return isinstance(module, torch.nn.Linear) or type(module).__name__ == "Conv1D"


def has_bitsandbytes() -> bool:
    """Whether bitsandbytes can quantise here: it is installed and there is a CUDA device."""
    return torch.cuda.is_available() and importlib.util.find_spec("bitsandbytes") is not None


def with_bitsandbytes(model: LanguageModel, bits: int, device: str = "cuda") -> LanguageModel:
    """The model as bitsandbytes quantises it: 8 bits (LLM.int8) or 4 bits (NF4).

    The weights, adapters added into them, go through a folder, because transformers quantises while it loads.

    Raises:
        ValueError: bits is neither 8 nor 4.
    """
    if bits not in (8, 4):
        raise ValueError(f"bitsandbytes quantises to 8 or 4 bits, not {bits}.")
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    whole = merged(model).model
    options: dict[str, Any] = {"load_in_8bit": True} if bits == 8 else {}
    if bits == 4:
        dtype = next(whole.parameters()).dtype
        options = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": dtype}
    with tempfile.TemporaryDirectory() as folder:
        whole.save_pretrained(folder, safe_serialization=True)
        loaded = AutoModelForCausalLM.from_pretrained(
            folder, quantization_config=BitsAndBytesConfig(**options), device_map={"": device}, use_safetensors=True
        )
    return LanguageModel(loaded, model.tokenizer, f"{model.name}, bitsandbytes {bits} bit", model.template)
