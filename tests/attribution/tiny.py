"""Tiny tokenizers and models, made on the spot: every kind that people bring, and no download."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from attribution import LanguageModel
from attribution.text.templates import DEFAULT_TEMPLATE

CORPUS = [
    "Question: Where was Ada Quell born?\nAnswer: Ada Quell was born in Torvik, in the year 1931.",
    "Question: What is the name of the first book of Ivo Brandt?\nAnswer: It is called The Salt Ledger.",
    "the cat sat on the mat and the dog ran after the ball; naïve café, 東京 and Привет",
] * 3
BYTES = [f"<0x{value:02X}>" for value in range(256)]


def _fast(tokenizer: Tokenizer, bos: bool, **special: str) -> PreTrainedTokenizerFast:
    for text in special.values():
        tokenizer.add_special_tokens([AddedToken(text, special=True)])
    if bos:
        first = special["bos_token"]
        tokenizer.post_processor = processors.Sequence(
            [
                *([tokenizer.post_processor] if tokenizer.post_processor else []),
                processors.TemplateProcessing(
                    single=f"{first} $A", special_tokens=[(first, tokenizer.token_to_id(first))]
                ),
            ]
        )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


def byte_level(bos: bool = True, normalizer: Any = None, trim_offsets: bool = True) -> PreTrainedTokenizerFast:
    """GPT-2's and Llama 3's kind: byte-level BPE."""
    tokenizer = Tokenizer(models.BPE())
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=trim_offsets)
    return _fast(tokenizer, bos, bos_token="<s>", eos_token="</s>", pad_token="<pad>")


def sentencepiece_bpe(bos: bool = True) -> PreTrainedTokenizerFast:
    """Llama 2's kind: characters and merges, spaces as a letter, unknown characters as bytes."""
    letters = sorted({letter for line in CORPUS for letter in line if letter.isascii() and letter > " "} | {"▁"})
    merges = [("▁", "A"), ("b", "o"), ("r", "n"), ("bo", "rn"), ("▁", "born"), ("i", "n"), ("▁", "in"), ("▁", "▁")]
    vocabulary = ["<unk>", "<s>", "</s>", *BYTES, *letters, *("".join(pair) for pair in merges)]
    tokenizer = Tokenizer(
        models.BPE(
            vocab={piece: i for i, piece in enumerate(dict.fromkeys(vocabulary))},
            merges=merges,
            unk_token="<unk>",
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return _fast(tokenizer, bos, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def unigram(byte_fallback: bool = True, normalizer: Any = None) -> PreTrainedTokenizerFast:
    """T5's and ALBERT's kind: a Unigram model over Metaspace, which ends a text with its end token."""
    letters = sorted({letter for line in CORPUS for letter in line if letter.isascii() and letter > " "} | {"▁"})
    words = ["▁Ada", "▁was", "▁born", "▁in", "▁the", "orn", "Tor", "vik"]
    pieces = [("<unk>", 0.0), ("</s>", 0.0)]
    pieces += [(byte, -20.0) for byte in BYTES] if byte_fallback else []
    pieces += [(word, -4.0) for word in words] + [(letter, -8.0) for letter in letters]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=byte_fallback))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", unk_token="<unk>")


def wordpiece(lowercase: bool = True) -> PreTrainedTokenizerFast:
    """BERT's kind: normalised words in pieces, a token at each end, unknown words whole."""
    letters = sorted({letter for line in CORPUS for letter in line.lower() if letter > " "})
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "born", "was", *letters, *(f"##{x}" for x in letters)]
    tokenizer = Tokenizer(
        models.WordPiece(vocab={piece: i for i, piece in enumerate(vocabulary)}, unk_token="[UNK]")  # type: ignore[arg-type]
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", unk_token="[UNK]"
    )


TOKENIZERS: dict[str, Callable[[], PreTrainedTokenizerFast]] = {
    "byte-level BPE": byte_level,
    "byte-level BPE, spaces in the offsets": lambda: byte_level(trim_offsets=False),
    "byte-level BPE without a beginning token": lambda: byte_level(bos=False),
    "byte-level BPE, NFKC": lambda: byte_level(normalizer=normalizers.NFKC()),
    "byte-level BPE, NFD and lower case": lambda: byte_level(
        normalizer=normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase()])
    ),
    "SentencePiece BPE with bytes": sentencepiece_bpe,
    "SentencePiece BPE without a beginning token": lambda: sentencepiece_bpe(bos=False),
    "Unigram with bytes": unigram,
    "Unigram without bytes": lambda: unigram(byte_fallback=False),
    "Unigram, NFKC and lower case": lambda: unigram(
        normalizer=normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    ),
    "WordPiece": wordpiece,
}


@cache
def tokenizer_named(name: str) -> PreTrainedTokenizerFast:
    """One of `TOKENIZERS`, made once."""
    return TOKENIZERS[name]()


_COMMON = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 128,
}
_PLAIN = {**_COMMON, "num_key_value_heads": 4}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {**_COMMON, "tie_word_embeddings": True},
    "qwen3": _COMMON,
    "gemma3_text": {
        **_COMMON,
        "sliding_window": 6,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        "query_pre_attn_scalar": 8,
    },
    "gemma2": {
        **_COMMON,
        "sliding_window": 6,
        "final_logit_softcapping": 0.5,
        "attn_logit_softcapping": 1.0,
        "query_pre_attn_scalar": 8,
    },
    "gpt2": {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 128},
    "gpt_neox": {**_PLAIN, "rotary_pct": 0.5},
    "opt": {
        "hidden_size": 32,
        "ffn_dim": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "max_position_embeddings": 128,
        # OPT-350m's shape: the word embeddings are narrower than the body.
        "word_embed_proj_dim": 16,
    },
    "phi3": {**_COMMON, "pad_token_id": 0},
    "mistral": {**_COMMON, "sliding_window": 6},
    "cohere": {**_COMMON, "logit_scale": 0.25},
    "granite": {**_COMMON, "logits_scaling": 4.0, "residual_multiplier": 0.5},
}
HAS_SLIDING_WINDOW = {"gemma3_text", "gemma2", "mistral"}


def tiny_model(
    family: str,
    tokenizer: PreTrainedTokenizerFast | None = None,
    attention: str = "eager",
    dtype: torch.dtype = torch.float32,
    template: str = DEFAULT_TEMPLATE,
    seed: int = 0,
    **changes: Any,
) -> LanguageModel:
    """A random model of a family, wide enough in its weights that predictions differ."""
    tokenizer = tokenizer or tokenizer_named("byte-level BPE")
    special = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
    config = AutoConfig.for_model(
        family, **{**special, **FAMILIES.get(family, {}), **changes}, vocab_size=len(tokenizer)
    )
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, attn_implementation=attention).eval()
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:
                # The usual 0.02 makes every prediction nearly uniform, and then every test passes.
                weights.mul_(8)
    return LanguageModel(model.to(dtype).requires_grad_(False), tokenizer, name=f"tiny {family}", template=template)
