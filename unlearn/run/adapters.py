"""The copy of a model that a run trains: all of its weights, those from a block on, or low-rank adapters beside them
(LoRA); with less memory where gradients are checkpointed."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch

from attribution.model.families import probe_ids, probe_logits, same
from attribution.model.language_model import LanguageModel
from attribution.model.trunk import freeze_below

LARGE = 50_000_000
"""Parameters from which on training every block takes minutes without a GPU."""


def first_block(model: LanguageModel, asked: int | None, inner: bool = False) -> int:
    """The first block that a run trains: as asked, else what fits the time.

    All blocks on a GPU and of a small model; of one of 50 million parameters and more, without a GPU, the upper half.

    Args:
        inner: the loss reads an inner layer: all blocks, unless told otherwise.
    """
    if asked is not None or inner:
        return asked or 1
    large = sum(weight.numel() for weight in model.model.parameters()) >= LARGE
    if large and model.device.type == "cpu" and model.splits:
        # Where a family does not say how many blocks it has, all of them are trained.
        with suppress(ValueError):
            return model.depth // 2 + 1
    return 1


def trainable_copy(model: LanguageModel, lora: int | None = None, seed: int = 0, block: int = 1) -> LanguageModel:
    """A float32 copy whose weights may change; the original keeps its own, bit for bit.

    Args:
        lora: the rank of the adapters that are trained instead (peft, on every linear layer but the output head,
            experts included, scaled by alpha = 2 rank, no dropout); None trains every weight.
        seed: of the adapters' random half.
        block: the first one that is trained; with it, above 1, the embeddings and a head tied to them stay.

    Raises:
        ValueError: there are linear layers that adapters cannot be put beside, the block is not there or cannot be
            read apart from those below, or the model trains in another way than it is scored.
    """
    weights = copy.deepcopy(model.model).float().requires_grad_(lora is None)
    if lora is not None:
        # Held against the same copy without them: a model in half precision computes otherwise than its float32 copy.
        before = probe_logits(model.with_weights(weights))
        weights = _with_adapters(weights, lora, seed)
        after = probe_logits(model.with_weights(weights))
        if before is None or after is None or not same(after, before):
            raise ValueError(
                f"{type(model.model).__name__} computes with its layers in a way that adapters do not fit: leave lora "
                "out, and train all weights."
            )
        with _trains(type(model.model).__name__):
            unheard = _read_past(model.with_weights(weights))
        if unheard:
            raise ValueError(
                f"{type(model.model).__name__} reads the weights of {len(unheard)} layers past their adapters, such as "
                f"{unheard[0].removeprefix('base_model.model.')!r}: leave lora out, and train all weights."
            )
    # No dropout: the forward that is trained is the forward that was scored.
    trained = model.with_weights(weights, f"{model.name}, unlearned")
    if lora is None:
        with _trains(type(model.model).__name__):
            _try_backward(trained)
    if block > 1:
        freeze_below(trained, block)
    return trained


@contextmanager
def _trains(kind: str) -> Iterator[None]:
    """A first way back through a model: where it fails, one sentence."""
    try:
        yield
    except (AssertionError, RuntimeError) as error:
        # Reformer goes backward through its layers in training mode alone, with dropout, and not beside adapters.
        if isinstance(error, RuntimeError) and "grad" not in str(error):
            raise
        raise ValueError(
            f"{kind} cannot be trained as it is scored, without dropout: its tokens can be scored, and nothing else. "
            "Take another model to unlearn."
        ) from error


def _try_backward(model: LanguageModel) -> None:
    ids = probe_ids(model)
    trained = next((weight for weight in model.model.parameters() if weight.requires_grad), None)
    if trained is not None:
        with torch.enable_grad():
            logits = model.run_whole(ids, torch.ones_like(ids)).logits
            # Of one weight: the way back is the same, and the others' gradients would take memory.
            torch.autograd.grad(logits.sum(), trained, allow_unused=True)


def _with_adapters(weights: Any, rank: int, seed: int) -> Any:
    # A family's own kind of linear layer (routers, grouped ones) gives something else than a product: there the weight
    # is adapted, and not what comes out.
    head = weights.get_output_embeddings()
    own = [
        name
        for name, part in weights.named_modules()
        if isinstance(part, torch.nn.Linear) and type(part).__module__.startswith("transformers.") and part is not head
    ]
    adapted = _adapted(weights, rank, seed, [f"{name}.weight" for name in own], own)
    missed = _without_adapter(adapted)
    if missed:
        # Experts that are one tensor, and what peft takes for experts of an older release, it only finds by name.
        adapted = _adapted(adapted.unload(), rank, seed, [*(f"{name}.weight" for name in own), *missed], own)
        missed = _without_adapter(adapted)
    if missed:
        raise ValueError(
            f"Adapters cannot reach {len(missed)} linear layers of this model, such as {missed[0]!r}: leave lora out, "
            "and train all weights."
        )
    return adapted


def _adapted(weights: Any, rank: int, seed: int, parameters: Sequence[str] = (), without: Sequence[str] = ()) -> Any:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        target_modules="all-linear",
        target_parameters=list(parameters) or None,
        exclude_modules=list(without) or None,
        task_type="CAUSAL_LM",
    )
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return get_peft_model(weights, config)
    except ValueError as error:
        # Families whose kernels read a layer's weight past the adapter, such as Mamba's.
        raise ValueError(
            f"peft has no adapters for every linear layer of {type(weights).__name__} ({str(error).split('. ')[0]}): "
            "leave lora out, and train all weights."
        ) from error


def _without_adapter(adapted: Any) -> list[str]:
    """The weights of linear layers and experts, but for the head, that no adapter stands beside."""
    from peft.tuners.lora import LoraLayer, ParamWrapper

    model = adapted.get_base_model()
    head = model.get_output_embeddings()
    missed = []
    reached: dict[str, set[str]] = {}
    for name, module in model.named_modules():
        if isinstance(module, ParamWrapper):
            reached.setdefault(name.replace(".base_layer", ""), set()).add(module.parameter_name)
        if isinstance(module, LoraLayer) or module is head or ".lora_" in name:
            continue
        if name.endswith(".base_layer") and not isinstance(model.get_submodule(name.rpartition(".")[0]), ParamWrapper):
            continue
        plain = name.replace(".base_layer", "")
        for key, weight in module.named_parameters(recurse=False):
            if key not in reached.get(plain, set()) and _is_linear(module, f"{plain}.{key}", weight):
                missed.append(f"{plain}.{key}")
    return missed


def _read_past(model: LanguageModel) -> list[str]:
    """Layers whose weight a forward takes without asking the layer, so that an adapter beside it is not heard."""
    from peft.tuners.lora import LoraLayer, ParamWrapper

    found = {
        name: (part.get_base_layer().weight, part.lora_B["default"].weight)
        for name, part in model.model.named_modules()
        if isinstance(part, LoraLayer) and not isinstance(part, ParamWrapper) and "default" in part.lora_B
    }
    if not found:
        # All linear layers are of a kind of the family's own, whose weights are adapted.
        return []
    weights = [weight for weight, _ in found.values()]
    for weight in weights:
        weight.requires_grad_(True)
    with torch.enable_grad():
        ids = probe_ids(model)
        logits = model.run_whole(ids, torch.ones_like(ids)).logits
        asked = [*weights, *(second for _, second in found.values())]
        gradients = torch.autograd.grad(logits.sum(), asked, allow_unused=True)
    for weight in weights:
        weight.requires_grad_(False)
    return [
        name
        for name, read, heard in zip(found, gradients[: len(found)], gradients[len(found) :], strict=True)
        if read is not None and heard is None
    ]


def _is_linear(module: Any, name: str, weight: Any) -> bool:
    """Whether a weight is that of a linear layer, of many experts' layers in one tensor, or of a router."""
    if name.endswith("bias") or isinstance(module, torch.nn.Embedding | torch.nn.modules.conv._ConvNd):
        return False
    if isinstance(module, torch.nn.Linear):
        return True
    if weight.ndim == 3:
        return min(weight.shape) > 1
    kind = type(module).__name__.lower()
    return weight.ndim == 2 and ("expert" in name.lower() or "router" in kind or "gate" in kind)


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
    without_dropout(model)


def without_dropout(model: Any) -> None:
    """Let a model compute in training mode what it computes in evaluation: every share of dropout becomes 0."""
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
    return model.with_weights(weights)


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
