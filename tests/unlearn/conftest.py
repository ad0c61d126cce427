"""A tiny random model over the embedded tokenizer, so that the loop's own behaviour is tested in milliseconds."""

from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from attribution import LanguageModel
from attribution.rows import embedded_rows
from unlearn import Corpus


@pytest.fixture
def tiny(model: LanguageModel) -> LanguageModel:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(model.tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=256,
    )
    return LanguageModel(LlamaForCausalLM(config), model.tokenizer, name="tiny")


@pytest.fixture(scope="session")
def small_corpus() -> Corpus:
    return Corpus(
        name="small",
        forget=embedded_rows("forget")[:6],
        retain=embedded_rows("retain")[:10],
        paraphrase=embedded_rows("paraphrase")[:3],
        world=embedded_rows("world")[:3],
    )
