"""A causal model small enough to work out by hand: integer weights, six words, one layer of plain sums.

The logit of word y at position t is

    [x_t = y]  +  sum over visible s <= t of SEEN[x_s][y]  +  position_t * [y is the end token] (`counts_positions`)

so each token votes for words (`SEEN`), a state knows its own token beside that, and a hidden token has no vote.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from attribution import LanguageModel

WORDS = ("<s>", "a", "b", "c", "d", "</s>")
SEEN = {"a": {"c": 2}, "b": {"d": 1}, "c": {"d": 1}}


class _Config(SimpleNamespace):
    def get_text_config(self) -> _Config:
        return self


class _Body(nn.Module):
    def __init__(self, counts_positions: bool) -> None:
        super().__init__()
        table = torch.zeros(len(WORDS), len(WORDS))
        for word, votes in SEEN.items():
            for other, vote in votes.items():
                table[WORDS.index(word), WORDS.index(other)] = vote
        self.seen = nn.Parameter(table)
        self.counts_positions = counts_positions

    @property
    def weight(self) -> Tensor:
        """A row for every token, as an embedding has."""
        return self.seen

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, position_ids: Tensor, **options: Any
    ) -> SimpleNamespace:
        own = nn.functional.one_hot(input_ids, len(WORDS)).float()
        votes = (self.seen[input_ids] * attention_mask[..., None]).cumsum(dim=1)
        end = torch.zeros_like(own)
        if self.counts_positions:
            end[..., WORDS.index("</s>")] = position_ids.float()
        hidden = own + votes + end
        return SimpleNamespace(last_hidden_state=hidden, past_key_values=None)


class _Toy(nn.Module):
    base_model_prefix = "body"

    def __init__(self, counts_positions: bool) -> None:
        super().__init__()
        self.config = _Config(max_position_embeddings=32, num_hidden_layers=1)
        self.body = _Body(counts_positions)
        self.head = nn.Linear(len(WORDS), len(WORDS), bias=False)
        self.head.weight = nn.Parameter(torch.eye(len(WORDS)))

    def get_input_embeddings(self) -> nn.Module:
        return self.body

    def get_output_embeddings(self) -> nn.Linear:
        return self.head

    def forward(self, **inputs: Any) -> SimpleNamespace:
        hidden = self.body(**inputs).last_hidden_state
        return SimpleNamespace(logits=self.head(hidden), hidden_states=(hidden,))


def toy_model(counts_positions: bool = False) -> LanguageModel:
    """The toy with its tokenizer of whole words: `<s> prompt answer </s>`."""
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<s>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    return LanguageModel(_Toy(counts_positions), fast, name="toy", template="{prompt} {answer}")
