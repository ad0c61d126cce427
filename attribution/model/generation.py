"""Answers: the tokens that a model says after prompts, as its own forward gives them and nothing else.

transformers' `generate` does it where it agrees with reading the answer so far (`families.generates`); where it does
not, the answer is read from its beginning for every token.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from attribution.model.forward import CausalModel, NoNumberError, no_number
from attribution.model.prefixes import common_start, remembered


def continuations(
    model: CausalModel, prompts: Sequence[Sequence[int]], options: Mapping[str, Any], batch_size: int
) -> Iterator[tuple[int, list[int]]]:
    """The number of each prompt with the ids that follow it, each as it is answered alone.

    Args:
        options: `max_new_tokens`, `do_sample` and what goes with it, `eos_token_id` as a list or None.
    """
    with torch.inference_mode():
        for batch in _together(model, [len(ids) for ids in prompts], batch_size):
            width = max(len(prompts[i]) for i in batch)
            mine = {**options, "max_new_tokens": min(options["max_new_tokens"], model.max_length - width)}
            bound = model.length_bound
            if model.generates and (bound is None or width + mine["max_new_tokens"] <= bound):
                for i, ids in zip(batch, generated(model, [prompts[i] for i in batch], mine), strict=True):
                    yield i, ids[width:].tolist()
            else:
                for i in batch:
                    yield i, _read_on(model, prompts[i], mine)


def _together(model: CausalModel, lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Numbers of prompts in batches in which each is answered as it is alone."""
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    together = model.answered_together if len(lengths) > 1 and model.generates else "none"
    size = 1 if together == "none" else batch_size
    for _, equals in groupby(order, key=lambda i: lengths[i] if together == "equal" else 0):
        group = list(equals)
        for start in range(0, len(group), size):
            yield group[start : start + size]


def generated(
    model: CausalModel, prompts: Sequence[Sequence[int]], options: Mapping[str, Any], once: bool | None = None
) -> Any:
    """What generate() gives after prompts padded to one length, on the left or after what all begin with.

    That, such as the words of a chat template, is read once for all of them where the model allows it; `once` says it
    for the model.

    Nothing of the folder's generation config is taken over: greedy is the most probable token, each time.
    """
    from transformers import GenerationConfig, LogitsProcessorList

    width = max(map(len, prompts))
    shared = common_start(prompts)
    if shared and not (model.begins_together if once is None else once):
        shared = 0
    ids = torch.full((len(prompts), width), model.pad_id, dtype=torch.long)
    attention = torch.ones((len(prompts), width), dtype=torch.long)
    for k, prompt in enumerate(prompts):
        end = shared + width - len(prompt)
        ids[k, :shared], ids[k, end:] = torch.tensor(prompt[:shared]), torch.tensor(prompt[shared:])
        attention[k, shared:end] = 0
    # generate() fills whatever is not said from the model's own config, so it runs on a shallow copy with a plain
    # one: weights are shared, and what is saved later still has its own.
    base = model.model.get_base_model() if _adapter_is_in_layers(model.model) else model.model
    asked = copy.copy(base)
    asked.generation_config = GenerationConfig(**options, pad_token_id=model.pad_id)
    return asked.generate(
        input_ids=ids.to(model.device),
        attention_mask=attention.to(model.device),
        generation_config=asked.generation_config,
        logits_processor=LogitsProcessorList([_Numbers(model)]),
        **({model.cache_name: remembered(model, prompts[0][:shared], len(prompts))} if shared else {}),
    )


@dataclass(frozen=True)
class _Numbers:
    """Hands logits on as they are. ValueError where one is no number: the most probable token would be any."""

    model: CausalModel

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if scores.isnan().any():
            raise NoNumberError(no_number(self.model, " after one of these prompts"))
        return scores


def _read_on(model: CausalModel, prompt: Sequence[int], options: Mapping[str, Any]) -> list[int]:
    """The same, token by token: all so far is read anew each time."""
    ends = set(options.get("eos_token_id") or ())
    ids = list(prompt)
    for _ in range(options["max_new_tokens"]):
        row = torch.tensor([ids], device=model.device)
        logits = model.run_whole(row, torch.ones_like(row)).logits[0, -1:, : model.vocabulary_size].float()
        _Numbers(model)(row, logits)
        ids.append(int(_drawn(row, logits, options) if options.get("do_sample") else logits.argmax()))
        if ids[-1] in ends:
            break
    return ids[len(prompt) :]


def _drawn(ids: Tensor, logits: Tensor, options: Mapping[str, Any]) -> Tensor:
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    if options.get("temperature") is not None:
        logits = TemperatureLogitsWarper(float(options["temperature"]))(ids, logits)
    if options.get("top_k"):
        logits = TopKLogitsWarper(options["top_k"])(ids, logits)
    if options.get("top_p") is not None and options["top_p"] < 1:
        logits = TopPLogitsWarper(options["top_p"])(ids, logits)
    return torch.multinomial(torch.softmax(logits, dim=-1), 1)[0, 0]


def _adapter_is_in_layers(weights: Any) -> bool:
    """Whether there is an adapter and it works inside the layers (LoRA), not through tokens of its own."""
    return hasattr(weights, "get_base_model") and not weights.active_peft_config.is_prompt_learning
