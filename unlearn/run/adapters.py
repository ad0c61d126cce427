"""The copy of a model that a run trains: all of its weights, or low-rank adapters beside them (LoRA); with less memory
where gradients are checkpointed."""

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


def checkpoint_gradients(model: Any) -> None:
    """Make a layer's inner values again in the backward pass instead of keeping them, in training mode.

    The gradient is the same: dropout, which training mode switches on, is 0 from now on. Memory for activations falls
    to about one layer's and the states between layers, for about a third more computing (Chen et al. 2016, arXiv
    1604.06174).

    Raises:
        ValueError: transformers cannot checkpoint this family of models.
    """
    # gradient_checkpointing_enable is its older name, which warns where there is the new one.
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    try:
        enable({"use_reentrant": False})
    except ValueError as error:
        raise ValueError(
            f"{type(model).__name__} has no layers that transformers can checkpoint: leave gradient_checkpointing out, "
            "and set a smaller micro_batch where memory is short."
        ) from error
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        # Some layers read the share where they compute: an attribute of theirs, or of their settings.
        for owner in (module, getattr(module, "config", None)):
            for name, value in list(vars(owner).items()) if owner is not None else ():
                if "drop" in name and isinstance(value, float):
                    setattr(owner, name, 0.0)


def has_adapters(model: LanguageModel) -> bool:
    """Whether adapters stand beside the weights."""
    return hasattr(model.model, "peft_config")


def merged(model: LanguageModel) -> LanguageModel:
    """The same model with its adapters added into the weights; the model itself where it has none."""
    if not has_adapters(model):
        return model
    weights = copy.deepcopy(model.model).merge_and_unload()
    return LanguageModel(weights, model.tokenizer, name=model.name, template=model.template)


def scale_update(original: LanguageModel, trained: LanguageModel, factor: float) -> None:
    """Put the trained weights at theta_0 + factor (theta - theta_0), theta_0 the original's; adapters likewise."""
    with torch.no_grad():
        if has_adapters(trained):
            # What adapters add to a weight is a product, and linear in its second part.
            for name, weight in trained.model.named_parameters():
                if "lora_B" in name:
                    weight.mul_(factor)
            return
        for mine, theirs in zip(trained.model.parameters(), original.model.parameters(), strict=True):
            start = theirs.to(mine)
            mine.copy_(start + factor * (mine - start))
