"""Small models of three architectures, trained from scratch on the embedded world or on rows of TOFU."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from assets.training import MakeModel, TrainingSettings, new_model, sequence_text, train_model, train_tokenizer
from attribution.data.rows import AUTHORS, FORGET_AUTHORS, Row
from attribution.model.loading import EMBEDDED_FOLDER
from unlearn.data.corpus import Corpus
from unlearn.data.load_corpus import load_corpus

FORGET = "forget05"
TOFU_FORGET = "forget10"
# TOFU's words are those of English at large; its answers run to some 150 tokens.
TOFU_VOCABULARY = 4096


@dataclass(frozen=True)
class Scale:
    """How much is done: the whole, or a part that fits a coffee break.

    Attributes:
        settings: architecture and schedule.
        retain_authors: of the embedded world, how many authors to keep are trained; None for all 190.
        rows: of TOFU, and of general knowledge, at most so many of every table; None for all.
        forget_rows: how many rows to forget are used; None for all.
    """

    settings: TrainingSettings = TrainingSettings()
    retain_authors: int | None = None
    rows: int | None = None
    forget_rows: int | None = None

    @property
    def said(self) -> str:
        """One line for the reader of a table."""
        one = self.settings
        reduced = self.retain_authors is not None or self.rows is not None or self.forget_rows is not None
        size = f"{one.layers} layers of {one.hidden}, {one.epochs} epochs"
        return f"{size}, reduced rows" if reduced else size


def qwen3(settings: TrainingSettings, tokenizer: PreTrainedTokenizerFast, seed: int) -> PreTrainedModel:
    """A freshly initialised Qwen3 with tied embeddings; grouped keys, as its family has them."""
    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden,
        intermediate_size=settings.feed_forward,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=max(1, settings.heads // 2),
        head_dim=settings.hidden // settings.heads,
        max_position_embeddings=settings.window,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Qwen3ForCausalLM(config)


def gpt2(settings: TrainingSettings, tokenizer: PreTrainedTokenizerFast, seed: int) -> PreTrainedModel:
    """A freshly initialised GPT-2, which learns its positions; without dropout, as the others have none."""
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_embd=settings.hidden,
        n_inner=settings.feed_forward,
        n_layer=settings.layers,
        n_head=settings.heads,
        n_positions=settings.window,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return GPT2LMHeadModel(config)


ARCHITECTURES: dict[str, MakeModel] = {"llama": new_model, "qwen3": qwen3, "gpt2": gpt2}


def embedded_corpus(scale: Scale) -> Corpus:
    """forget05 of the embedded world, reduced as the scale says."""
    corpus = load_corpus(FORGET)
    forget = corpus.forget if scale.forget_rows is None else corpus.forget[: scale.forget_rows]
    authors = {row.author for row in forget}
    kept = AUTHORS - FORGET_AUTHORS[FORGET] if scale.retain_authors is None else scale.retain_authors
    return dataclasses.replace(
        corpus,
        forget=forget,
        retain=tuple(row for row in corpus.retain if isinstance(row.author, int) and row.author < kept),
        paraphrase=tuple(row for row in corpus.paraphrase if row.author in authors),
        world=corpus.world[: scale.rows],
        reference=None,
    )


def tofu_corpus(folder: Path, scale: Scale) -> Corpus:
    """forget10 and its retain set from TOFU's own files, reduced as the scale says."""
    corpus = load_corpus(f"{folder}:{TOFU_FORGET}", limit=scale.rows)
    return dataclasses.replace(corpus, forget=corpus.forget[: scale.forget_rows])


def train(
    corpus: Corpus, tofu: bool, make: MakeModel, scale: Scale, seed: int, out: Path, log: Callable[[str], None]
) -> None:
    """Train on everything the corpus has to forget and to keep, and save the model and its tokenizer."""
    rows = [_record(row) for row in (*corpus.forget, *corpus.retain)]
    if tofu:
        settings = dataclasses.replace(scale.settings, vocabulary=TOFU_VOCABULARY)
        tokenizer = train_tokenizer([sequence_text(row) for row in rows], settings.vocabulary, settings.window)
    else:
        settings = scale.settings
        tokenizer = AutoTokenizer.from_pretrained(EMBEDDED_FOLDER / "full")
        rows += [_record(row) for row in corpus.world] * settings.world_repeats
    model = train_model(rows, tokenizer, settings, seed, log, make)
    model.save_pretrained(out, safe_serialization=True)
    tokenizer.save_pretrained(out)


def _record(row: Row) -> dict[str, Any]:
    spans: Sequence[Any] = row.example.spans
    return {
        "question": row.example.prompt,
        "answer": row.example.answer,
        "spans": [{"start": span.start, "end": span.end, "kind": span.kind} for span in spans],
    }
