"""The copy of a model that a run trains: all of its weights, or low-rank adapters beside them (LoRA)."""

from __future__ import annotations

import copy
from typing import Any

import torch

from attribution.model.language_model import LanguageModel


def trainable_copy(model: LanguageModel, lora: int | None = None, seed: int = 0) -> LanguageModel:
    """A float32 copy whose weights may change; the original keeps its own, bit for bit.

    Args:
        lora: the rank of the adapters that are trained instead (peft, on every linear layer but the output head, scaled
            by alpha = 2 rank, no dropout); None trains every weight.
        seed: of the adapters' random half.
    """
    weights = copy.deepcopy(model.model).float().requires_grad_(lora is None)
    if lora is not None:
        weights = _with_adapters(weights, lora, seed)
    # No dropout: the forward that is trained is the forward that was scored.
    return LanguageModel(weights, model.tokenizer, name=f"{model.name}, unlearned", template=model.template)


def _with_adapters(weights: Any, rank: int, seed: int) -> Any:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return get_peft_model(weights, config)


def has_adapters(model: LanguageModel) -> bool:
    """Whether adapters stand beside the weights."""
    return hasattr(model.model, "peft_config")


def merged(model: LanguageModel) -> LanguageModel:
    """The same model with its adapters added into the weights; the model itself where it has none."""
    if not has_adapters(model):
        return model
    weights = copy.deepcopy(model.model).merge_and_unload()
    return LanguageModel(weights, model.tokenizer, name=model.name, template=model.template)
