"""Rows whose numbers are worked out by hand, and a tiny random model over the embedded tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from attribution import AnswerToken, Encoded, Example, LanguageModel, Span, Subject, TokenScores

MakeRow = Callable[..., TokenScores]


@pytest.fixture(scope="session")
def toy() -> MakeRow:
    """A scored row without any model: one token per letter of `truth` (f fact, s subject, - neither)."""

    def make(truth: str, columns: Mapping[str, Sequence[float]], given: str = "", row_id: str = "") -> TokenScores:
        words = [f"w{i}" if i == 0 else f" w{i}" for i in range(len(truth))]
        answer = "".join(words)
        ends = [sum(map(len, words[: i + 1])) for i in range(len(words))]
        starts = [0, *ends[:-1]]
        kinds = {"f": "fact", "s": "subject"}
        spans = tuple(Span(starts[i], ends[i], kinds[c]) for i, c in enumerate(truth) if c in kinds)
        tokens = tuple(AnswerToken(i, word, starts[i], ends[i]) for i, word in enumerate(words))
        encoded = Encoded(
            example=Example("w?", answer, spans, row_id),
            text=f"w? {answer}",
            input_ids=tuple(range(len(words) + 1)),
            offsets=((0, 2), *((3 + start, 3 + end) for start, end in zip(starts, ends, strict=True))),
            special=(False,) * (len(words) + 1),
            prompt_chars=(0, 2),
            answer_chars=(3, 3 + len(answer)),
            answer_positions=tuple(range(1, len(words) + 1)),
            end_position=None,
            tokens=tokens,
        )
        inside = tuple((starts[i], ends[i]) for i, c in enumerate(given) if c == "g")
        subject = Subject("w", ((0, 1),), inside, "shared") if inside else Subject(None)
        return TokenScores(encoded, columns, (0.5,) * len(words), subject)

    return make


@pytest.fixture(scope="session")
def random_model(model: LanguageModel) -> LanguageModel:
    """Two layers of noise: what a test of the machinery needs, in milliseconds."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(model.tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
    )
    return LanguageModel(LlamaForCausalLM(config), model.tokenizer, name="random")
