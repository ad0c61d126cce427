"""Models by name and in one file: a GGUF is read as it was written, and a curated name finds what lies here."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch
from gguf import GGUFWriter
from transformers import PreTrainedTokenizerFast

from attribution import load_model
from attribution.model import curated
from tests.attribution.tiny import byte_level, tiny_model

WORDS = "Question: Where was Ada Quell born? Answer: In Torvik."
SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "tie_word_embeddings": False,
}
LINEAR = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}


def write_gguf(path: Path, model: torch.nn.Module) -> None:
    """A Qwen2, whose rows stand in a GGUF as they stand in transformers."""
    config = model.config
    tokenizer = byte_level(bos=False)
    writer = GGUFWriter(path, "qwen2")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(len(tokenizer))
    vocabulary = tokenizer.get_vocab()
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(sorted(vocabulary, key=vocabulary.get))
    writer.add_token_types([1] * len(vocabulary))
    writer.add_token_merges([f"{a} {b}" for a, b in _merges(tokenizer)])
    writer.add_eos_token_id(tokenizer.eos_token_id)
    weights = {name: weight.numpy() for name, weight in model.state_dict().items()}
    for theirs, ours in (("token_embd", "model.embed_tokens"), ("output_norm", "model.norm"), ("output", "lm_head")):
        writer.add_tensor(f"{theirs}.weight", weights[f"{ours}.weight"])
    for block in range(config.num_hidden_layers):
        for theirs, ours in LINEAR.items():
            for part in ("weight", "bias"):
                if (name := f"model.layers.{block}.{ours}.{part}") in weights:
                    writer.add_tensor(f"blk.{block}.{theirs}.{part}", weights[name])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _merges(tokenizer: PreTrainedTokenizerFast) -> list[list[str]]:
    return json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]


def test_a_gguf_file_is_the_model_that_was_written_and_can_be_saved(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = tiny_model("qwen2", byte_level(bos=False), **SHAPE)
    file = tmp_path / "small.gguf"
    write_gguf(file, source.model)
    with caplog.at_level(logging.INFO, logger="attribution.model.loading"):
        read = load_model(str(file))
    count = sum(weights.numel() for weights in source.model.parameters())
    assert f"{count / 1e6:.1f} M parameters" in caplog.text, "said before it is read"
    ids = source.tokenizer(WORDS, return_tensors="pt")["input_ids"]
    assert read.tokenizer(WORDS)["input_ids"] == ids[0].tolist()
    theirs, ours = (one.model(input_ids=ids).logits for one in (source, read))
    assert torch.allclose(theirs, ours, atol=1e-5)
    read.model.save_pretrained(tmp_path / "folder")
    read.tokenizer.save_pretrained(tmp_path / "folder")
    again = load_model(str(tmp_path / "folder"))
    assert torch.equal(again.model(input_ids=ids).logits, ours)


def test_a_damaged_gguf_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "damaged.gguf"
    file.write_bytes(b"GGUF" + b"\x00" * 40)
    with pytest.raises(ValueError, match="could not be loaded"):
        load_model(str(file))
    with pytest.raises(ValueError, match="neither a folder here nor a Hub id"):
        load_model("models/missing.gguf")
    with pytest.raises(ValueError, match="rounded already"):
        load_model(str(file), device_map="auto")


def test_a_curated_name_is_read_from_the_folder_that_lies_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curated, "MODELS_FOLDER", tmp_path)
    assert curated.folder_here(curated.SMALLEST) is None
    folder = tmp_path / "SmolLM2-135M-Instruct"
    made = tiny_model("llama")
    made.model.save_pretrained(folder)
    made.tokenizer.save_pretrained(folder)
    loaded = load_model(curated.SMALLEST)
    assert loaded.folder == folder and loaded.name == curated.SMALLEST
    # Somebody else's model of the same name is theirs.
    assert curated.folder_here("somebody/SmolLM2-135M-Instruct") is None


def test_what_a_model_takes_and_what_stands_beside_it() -> None:
    assert curated.what_it_takes(134_515_008, 4, 269_030_016) == (
        "134.5 M parameters, 0.27 GB to download, 0.54 GB of memory"
    )
    full = "open-unlearning/tofu_Llama-3.1-8B-Instruct_full"
    assert curated.retrained_of(full, "tofu:forget05") == full.replace("full", "retain95")
    assert curated.retrained_of(full, "real:Japan") is None
    assert curated.retrained_of("embedded", "tofu:forget05") is None
