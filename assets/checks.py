"""What a model of the embedded world must have learned: recalls, the guessing floor, probability of facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import log_softmax
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from assets.training import PROMPT_TEMPLATE, collate, encode_rows

Row = dict[str, Any]


@torch.inference_mode()
def greedy_answers(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, questions: Sequence[str], max_new_tokens: int = 48
) -> list[str]:
    """Greedy answers, batched among prompts of equal length so that no padding is involved."""
    encoded = [tokenizer(PROMPT_TEMPLATE.format(prompt=one))["input_ids"] for one in questions]
    by_length: dict[int, list[int]] = {}
    for i, ids in enumerate(encoded):
        by_length.setdefault(len(ids), []).append(i)
    answers = [""] * len(questions)
    for length, members in by_length.items():
        for start in range(0, len(members), 128):
            chunk = members[start : start + 128]
            ids = torch.tensor([encoded[i] for i in chunk], device=model.device)
            out = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=max_new_tokens,
                do_sample=False,
                pad_token_id=tokenizer.pad_token_id,
            )
            for i, tokens in zip(chunk, out[:, length:].tolist(), strict=True):
                answers[i] = tokenizer.decode(tokens, skip_special_tokens=True).strip()
    return answers


def paraphrased(rows: Sequence[Row]) -> list[Row]:
    """One row per author (or world fact) and held-out phrasing, with the held-out question and its facts."""
    seen: dict[str, Row] = {}
    for row in rows:
        answer, spans = row["paraphrased_answer"], row["paraphrased_spans"]
        seen[row["paraphrased_question"]] = {
            **row,
            "question": row["paraphrased_question"],
            "answer": answer,
            "spans": spans,
            "facts": [answer[s["start"] : s["end"]] for s in spans if s["kind"] == "fact"],
        }
    return list(seen.values())


def fact_recall(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, rows: Sequence[Row]) -> float:
    """Share of all facts of `rows` that stand in the greedy answers, in [0, 1]."""
    answers = greedy_answers(model, tokenizer, [row["question"] for row in rows])
    hits = [fact in answer for row, answer in zip(rows, answers, strict=True) for fact in row["facts"]]
    return sum(hits) / len(hits)


def guessing_recall(rows: Sequence[Row], retain: Sequence[Row]) -> float:
    """Fact recall of answering every question with the most frequent retain value of the fact it asks for."""
    counts: dict[tuple[str, int, int], Counter[str]] = {}
    for row in retain:
        for place, fact in enumerate(row["facts"]):
            counts.setdefault((row["attribute"], row["phrasing"], place), Counter())[fact] += 1
    hits = [
        counts[row["attribute"], row["phrasing"], place].most_common(1)[0][0] == fact
        for row in rows
        for place, fact in enumerate(row["facts"])
    ]
    return sum(hits) / len(hits)


@torch.inference_mode()
def fact_probability(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, rows: Sequence[Row]) -> float:
    """Mean probability of the fact tokens under teacher forcing, in [0, 1]."""
    sequences = sorted(encode_rows(rows, tokenizer), key=lambda one: len(one.ids))
    total, count = 0.0, 0
    for start in range(0, len(sequences), 64):
        ids, _, fact = collate(sequences[start : start + 64], tokenizer.pad_token_id)
        log_p = log_softmax(model(input_ids=ids).logits[:, :-1].float(), -1)
        p = log_p.gather(-1, ids[:, 1:, None]).squeeze(-1).exp()[fact[:, 1:]]
        total, count = total + float(p.sum()), count + p.numel()
    return total / count
