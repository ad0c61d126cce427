"""Adapters stand beside every linear layer but the head, whatever a family calls its layers and its experts."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from unlearn.run.adapters import _with_adapters

SMALL = {
    "vocab_size": 60,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
FEW = SMALL | {"num_experts_per_tok": 2, "moe_intermediate_size": 8}
LATENT = {"q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 4, "qk_nope_head_dim": 4, "v_head_dim": 8}
GROUPS = {"n_routed_experts": 4, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1, "n_shared_experts": 1}
FAMILIES: dict[str, tuple[dict[str, Any], str]] = {
    # A weight of the family that was once missed, or that is kept in another way than the others.
    "llama": (SMALL, "mlp.down_proj"),
    "mixtral": (FEW | {"num_local_experts": 4}, "mlp.experts"),
    "gpt_oss": (FEW | {"num_local_experts": 4, "head_dim": 8}, "mlp.experts"),
    "qwen2_moe": (FEW | {"num_experts": 4, "shared_expert_intermediate_size": 8}, "mlp.experts"),
    "deepseek_v3": (FEW | LATENT | GROUPS, "shared_experts.down_proj"),
    "granitemoe": (FEW | {"num_local_experts": 4}, "block_sparse_moe"),
}
IDS = torch.arange(3, 21).reshape(2, 9)


def made(family: str, **options: Any) -> Any:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **options)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            # Random weights are so small that no layer would matter.
            weight.mul_(3 if weight.ndim > 1 else 1)
    return model.requires_grad_(False)


def logits(model: Any) -> torch.Tensor:
    found: torch.Tensor = model(input_ids=IDS).logits
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_every_linear_layer_but_the_head_learns_and_merges(family: str) -> None:
    options, once_missed = FAMILIES[family]
    model = made(family, **options)
    before = logits(model)
    matrices = {
        name.rpartition(".")[0]
        for name, weight in model.named_parameters()
        if weight.ndim == 3 or isinstance(model.get_submodule(name.rpartition(".")[0]), torch.nn.Linear)
    }
    adapted = _with_adapters(model, 2, 0)
    torch.testing.assert_close(logits(adapted), before)
    logits(adapted).logsumexp(-1).sum().backward()
    second = {name: weight for name, weight in adapted.named_parameters() if ".lora_B" in name}
    assert all(weight.grad is not None and weight.grad.abs().max() > 0 for weight in second.values())
    reached = {name.split(".lora_B")[0].removeprefix("base_model.model.").replace(".base_layer", "") for name in second}
    assert any(once_missed in name for name in reached)
    assert matrices - {"lm_head"} <= reached
    assert not any("lm_head" in name for name in reached)
    with torch.no_grad():
        for weight in second.values():
            weight.normal_(0, 0.05)
    after = logits(adapted)
    assert (after - before).abs().max() > 1e-2
    torch.testing.assert_close(logits(copy.deepcopy(adapted).merge_and_unload()), after, atol=1e-5, rtol=1e-4)


def test_a_family_that_reads_past_its_adapters_is_refused_in_a_sentence() -> None:
    model = made("mamba", vocab_size=60, hidden_size=16, num_hidden_layers=1)
    with pytest.raises(ValueError, match="no adapters for every linear layer of MambaForCausalLM .*train all weights"):
        _with_adapters(model, 2, 0)
