"""A tiny random model of every class that transformers maps for causal language models, and a tokenizer for them.

A family's own config is taken with its numbers made small, by their names; what hangs together is in `CHANGES`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

TEXTS = (
    "Question: Where was Ada Quell born?\nAnswer: Ada Quell was born in Torvik, in the year 1931.",
    "Question: What is the first book of Ivo Brandt?\nAnswer: It is called The Salt Ledger.",
    "the cat sat on the mat and the dog ran after the ball",
)
LAYERS = 5
SPECIAL_IDS = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
WINDOW = 6

# What a number is called, and how small it may be. Widths hang together: 4 heads of 8 are 32.
_SIZES: dict[int, str] = {
    32: "hidden_size d_model n_embd emb_dim embedding_size input_embedding_size output_embedding_size "
    "word_embed_proj_dim embedding_dim attention_hidden_size hidden_size_global pronunciation_embed_dim "
    "shape_embed_dim projector_input_dim projector_output_dim vision_output_dim lru_width out_hidden_size "
    "router_hidden_size backbone_hidden_size "
    "mamba_d_ssm attention_head_dim_all ple_embed_dim",
    48: "intermediate_size ffn_dim dff dim_ff d_inner ffn_hidden_size expert_ffn_hidden_size feed_forward_size "
    "moe_intermediate_size shared_expert_intermediate_size shared_experts_intermediate_size shared_intermediate_size "
    "decoder_ffn_dim encoder_ffn_dim intermediate_size_mlp dense_intermediate_size n_inner mlp_dim "
    "moe_shared_expert_intermediate_size",
    4: "num_attention_heads n_head n_heads num_heads attention_heads decoder_attention_heads encoder_attention_heads "
    "num_encoder_attention_heads num_decoder_attention_heads swa_num_attention_heads linear_num_heads index_n_heads "
    "num_experts num_local_experts n_routed_experts moe_num_experts mamba_dt_rank time_step_rank laurel_rank "
    "linear_num_value_heads zero_expert_num adapter_rank gated_norm_rank depth n_mamba_heads mamba_n_heads "
    "mamba_num_heads o_groups rotary_dim qk_rope_head_dim",
    2: "num_experts_per_tok num_experts_per_token moe_k moe_top_k moe_topk swa_num_key_value_heads "
    "linear_num_key_heads hc_mult hc_count n_shared_experts num_shared_experts moe_num_shared_experts mamba_n_groups_",
    8: "head_dim v_head_dim qk_nope_head_dim swa_head_dim linear_key_head_dim linear_value_head_dim linear_head_dim "
    "kv_channels dim_head attention_head_size index_head_dim state_size mamba_d_state ssm_state_size kv_lora_rank "
    "q_lora_rank o_lora_rank mamba_d_head mamba_head_dim d_rel image_size patch_size chunk_size block_size "
    "mamba_chunk_size hidden_size_per_layer_input hc_lowrank",
    12: "qk_head_dim",
    LAYERS: "num_hidden_layers n_layer n_layers num_layers decoder_layers encoder_layers num_blocks num_decoder_layers "
    "num_encoder_layers",
    WINDOW: "sliding_window sliding_window_size attention_window_size window_size local_attention",
    # Above a row's length: which keys a sparse attention picks is a matter of ties where weights are random; a first
    # token of a chunk that is hidden has nothing to attend to, which kernels answer differently.
    64: "index_topk attention_chunk_size",
    128: "max_position_embeddings n_positions n_ctx max_seq_len context_length max_source_positions "
    "max_target_positions rel_extent relative_max_distance position_bias_max_distance",
}
_NUMBERS = {name: size for size, names in _SIZES.items() for name in names.split()}
_KEY_VALUE_HEADS = ("num_key_value_heads", "num_kv_heads", "kv_n_heads", "num_query_groups")
_VOCABULARIES = ("vocab_size", "decoder_vocab_size", "vocab_size_per_layer_input", "text_vocab_size")
_NO_DROPOUT = ("drop", "pdrop", "jitter")
_LISTS_OF_KINDS = ("layer_types", "mlp_layer_types", "block_types", "layers_block_type")

# Families whose numbers hang together in a way of their own.
_LATENT = {"n_routed_experts": 4, "n_group": 1, "topk_group": 1, "qk_head_dim": ..., "head_dim": 4}
_KINDS = ["sliding_attention", "full_attention", "sliding_attention", "full_attention", "full_attention"]
_MAMBA = {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_ssm": 64}
_HYBRID = ["linear_attention", "hybrid", "linear_attention", "hybrid", "linear_attention"]
_CODES = {"vocab_size": 320, "num_codebooks": 1, "audio_channels": 1}
_DOTS = {
    "n_group": 1,
    "topk_group": 1,
    "num_key_value_heads": 4,
    "n_routed_experts": 4,
    "head_dim": 12,
    "per_layer_config": ...,
    "rope_parameters": ...,
    "layer_types": [
        "indexed_attention",
        "sliding_attention",
        "indexed_attention",
        "sliding_attention",
        "sliding_attention",
    ],
}
_INDEXER = {
    "indexer_n_heads": 4,
    "indexer_kv_heads": 1,
    "indexer_head_dim": 8,
    "indexer_budget": 128,
    "indexer_compress_ratio": 2,
}
CHANGES: dict[str, dict[str, Any]] = {
    "axk1": _LATENT,
    "bailing_hybrid": {"n_group": 1, "topk_group": 1, "num_expert_group": 1, "head_dim": 4},
    "beam": {"n_group": 1, "topk_group": 1, "sliding_window": WINDOW},
    "bamba": {**_MAMBA, "attn_layer_indices": [1, 3]},
    "blenderbot": {"decoder_layers": 2, "encoder_layers": 2},
    "cohere_compass_text": {
        "rope_parameters": {
            kind: {"rope_type": "default", "rope_theta": 10000.0} for kind in ("full_attention", "sliding_attention")
        },
        "layer_types": _KINDS,
    },
    "dbrx": {"attn_config": {"kv_n_heads": 2, "clip_qkv": 8.0, "rope_theta": 10000.0}},
    "deepseek_v2": {**_LATENT, "num_experts_per_tok": 2, "moe_intermediate_size": 48, "first_k_dense_replace": 1},
    "deepseek_v3": _LATENT,
    "sarvam_mla": _LATENT,
    "youtu": {"qk_head_dim": ..., "head_dim": 4},
    "deepseek_v32": {**_LATENT, "head_dim": ...},
    "dots3_note_text": _DOTS,
    "dots3_note": {
        "text_config": _DOTS,
        "vision_config": {"adapter_out_dim": 32},
        "audio_config": {"adapter_out_dim": 32},
    },
    "dory": {
        "num_hidden_layers": 8,
        "layer_types": ["sliding_attention", "mlp", "full_attention", "mlp"] * 2,
        "n_input_layers": 2,
        "n_recurrent_layers": 4,
        "n_output_layers": 2,
    },
    "dots1": {
        "n_routed_experts": 4,
        "n_shared_experts": 1,
        "num_experts_per_tok": 2,
        "first_k_dense_replace": 1,
        "layer_types": _KINDS,
    },
    "falcon_h1": _MAMBA,
    "gpt_neo": {"num_layers": 4, "attention_types": [[["global", "local"], 2]], "attention_layers": ...},
    "granitemoehybrid": {**_MAMBA, "layer_types": ["mamba", "attention", "mamba", "attention", "mamba"]},
    "hunyuan_v1_dense": {"head_dim": 8},
    "hunyuan_v1_moe": {"head_dim": 8, "num_experts": 4, "moe_topk": 2},
    "inkling_text": {"unpadded_vocab_size": 320},
    "inkling2_text": {"unpadded_vocab_size": 320},
    "inkling2_loop_text": {"unpadded_vocab_size": 320},
    "lfm2_moe": {"layer_types": ["conv", "full_attention", "conv", "full_attention", "conv"]},
    "longcat_flash": {"qk_head_dim": ..., "head_dim": 4, "num_layers": 2},
    "mamba2": {"num_heads": 8, "head_dim": 8, "n_groups": 2},
    "ministral": {"head_dim": 8, "layer_types": _KINDS},
    "musicgen": {"decoder": _CODES},
    "musicgen_melody": {"decoder": _CODES},
    "nemotron": {"num_key_value_heads": 2},
    "nemotron_h": {
        "n_groups": 2,
        "mamba_num_heads": 8,
        "mamba_head_dim": 8,
        "layers_block_type": ["linear_attention", "moe", "full_attention", "mlp", "linear_attention"],
        "num_hidden_layers": ...,
    },
    "phi3": {"original_max_position_embeddings": 128},
    "qwen4_exp": {"text_config": _INDEXER},
    "qwen4_exp_text": _INDEXER,
    "gemma4_assistant": {"text_config": {"hidden_size_per_layer_input": 0, "vocab_size_per_layer_input": 0}},
    "reformer": {
        "axial_pos_embds": False,
        "attention_head_size": 8,
        "local_attn_chunk_length": 64,
        "attn_layers": ["local", "lsh", "local"],
        "num_hidden_layers": ...,
        "hash_seed": 0,
    },
    "xlstm": {"num_heads": 2, "mlstm_round_up_to_multiple_of": 16, "ffn_round_up_to_multiple_of": 16},
    "xmod": {"default_language": "en_XX"},
    "zamba": {
        "layers_block_type": _HYBRID,
        "attention_hidden_size": 64,
        "attention_head_dim": 16,
        "n_mamba_heads": 2,
    },
    "zamba2": {
        "layers_block_type": _HYBRID,
        "hybrid_layer_ids": ...,
        "attention_hidden_size": 64,
        "attention_head_dim": 16,
        "n_mamba_heads": 8,
        "mamba_headdim": 8,
        "num_query_groups": 4,
        "num_key_value_heads": 4,
        "kv_channels": 8,
    },
    "gemma3n_text": {
        "intermediate_size": 48,
        "activation_sparsity_pattern": [0.95, 0.95, 0.0, 0.0, 0.0],
        "num_kv_shared_layers": 2,
        "layer_types": _KINDS,
    },
}


def mapped() -> list[tuple[str, str]]:
    """Every family that transformers maps for causal language models, with its class, in order."""
    return [(family, str(name)) for family, name in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.items()]


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE whose special tokens come first, as RoBERTa's do: its positions start behind the padding's id."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<s>", "<pad>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", pad_token="<pad>", eos_token="</s>")


def tiny_config(family: str, vocabulary: int) -> Any:
    """The family's config with small numbers. Whatever its class raises is the reason why there is no tiny one."""
    kind = CONFIG_MAPPING[family]
    defaults = kind()
    changes = CHANGES.get(family, {})
    told = _small(defaults.to_dict(), vocabulary)
    told |= SPECIAL_IDS
    return kind(**_merged(told, changes))


def _merged(one: Mapping[str, Any], two: Mapping[str, Any]) -> dict[str, Any]:
    """`one` with `two` laid over it; a value None of `two` that stands for nothing is `...`, which takes a key out."""
    result = dict(one)
    for key, value in two.items():
        if value is ...:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = _merged(result[key], value)
        else:
            result[key] = value
    return result


def _small(values: Mapping[str, Any], vocabulary: int) -> dict[str, Any]:
    return dict(_smaller(values, vocabulary))


def _smaller(values: Mapping[str, Any], vocabulary: int) -> Iterator[tuple[str, Any]]:
    heads = next((values[k] for k in ("num_attention_heads", "n_heads", "num_heads") if values.get(k)), None)
    for key, value in values.items():
        if isinstance(value, dict) and (key.endswith("config") or key in ("decoder", "audio_encoder", "text_encoder")):
            # Only the parts that a text goes through need a tokenizer's vocabulary; the others may be as small.
            yield key, {**_small(value, vocabulary), **_kept(value, ("model_type",)), **_told_ids(value)}
        elif key in _LISTS_OF_KINDS and isinstance(value, (list, tuple)) and value:
            yield key, _few(value)
        elif key == "is_decoder":
            yield key, True
        elif value is None or isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        elif any(part in key for part in _NO_DROPOUT):
            yield key, type(value)(0)
        elif key in _VOCABULARIES:
            yield key, vocabulary
        elif key in _KEY_VALUE_HEADS:
            yield key, value if value == 1 else 4 if value == heads else 2
        elif key in _NUMBERS and isinstance(value, int):
            yield key, min(value, _NUMBERS[key]) if value > 0 else value


def _kept(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _told_ids(values: Mapping[str, Any]) -> dict[str, Any]:
    """The tokenizer's ids, where a config has such fields."""
    return {name: number for name, number in SPECIAL_IDS.items() if name in values}


def _few(kinds: Sequence[Any]) -> list[Any]:
    """The kinds of layers in their order, each at least once where there is room."""
    distinct = list(dict.fromkeys(kinds))
    return [distinct[i % len(distinct)] for i in range(max(LAYERS, len(distinct)))][:LAYERS]


def tiny_model(family: str, vocabulary: int, seed: int = 0) -> Any:
    """A random model of the family, wide enough in its weights that predictions differ."""
    config = tiny_config(family, vocabulary)
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    with torch.no_grad():
        for weights in model.parameters():
            if not torch.isfinite(weights).all() or weights.float().std() == 0 and weights.ndim > 1:
                # Left empty by the class, for a checkpoint to fill.
                weights.normal_(0, 0.02)
            if weights.ndim > 1 and weights.std() < 0.05:
                # The usual 0.02 makes every prediction nearly uniform, and then everything agrees.
                weights.mul_(0.15 / float(weights.std()))
    return model
