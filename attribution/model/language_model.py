"""A causal language model with its tokenizer: encode, generate, and the forward that every scorer shares.

How sequences are batched and which positions reach the output head is the business of `attribution/model/forward.py`;
what a family of models does differently is found out here, once per model, on a few tokens.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from attribution.model import families
from attribution.model.blocks import FAMILY_FACTS, one_state_a_token
from attribution.model.forward import Forward, NoNumberError, TokenStatistics, no_number, row_passes, statistics
from attribution.model.generation import continuations, generated
from attribution.text.endings import Ended, Said, as_answer
from attribution.text.example import Encoded, Example, encode, encode_prompt
from attribution.text.templates import AUTO, prompt_text, resolve_template
from attribution.text.tokenising import special_marks

log = logging.getLogger(__name__)

# Small batches stay in a processor's cache (1024 tokens took two thirds of the time of 4096 on two cores).
BATCH_TOKENS = 1024
BATCH_TOKENS_ACCELERATED = 8192


# What a config calls the longest row that its positions reach.
LENGTH_NAMES = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length", "context_length")


class Whole(NamedTuple):
    """A whole model's logits, `[batch, length, vocabulary]`, and the last states, which entered its head."""

    logits: Tensor
    last: Tensor


class LanguageModel:
    """A causal LM and its tokenizer, shared and read-only: nothing here changes a weight.

    Attributes:
        model: the transformers model, in evaluation mode.
        tokenizer: a fast tokenizer (character offsets are needed).
        name: how it was asked for; shown to people.
        template: the words around prompt and answer, with `{prompt}` and `{answer}`; made from the tokenizer's chat
            template when `chat` was asked for, or `auto` and there is one.
        folder: where its files lie, when they lie in a local folder.
        notes: what a person should know of every number of this model, a sentence each.

    Raises:
        ValueError: the tokenizer gives no offsets or has no chat template, or the template lacks a part.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        name: str = "model",
        template: str = AUTO,
        folder: Path | None = None,
    ) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise ValueError(f"The tokenizer of {name!r} gives no character offsets: a fast tokenizer is needed.")
        self.model = families.settled(model)
        self.tokenizer = tokenizer
        self.name = name
        self.template = resolve_template(template, tokenizer, name)
        self.folder = folder
        self.notes: tuple[str, ...] = ()
        self._checked = False

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    @cached_property
    def max_length(self) -> int:
        """The longest row in tokens, special tokens included."""
        config = self.model.config.get_text_config()
        told = [getattr(config, name, None) for name in LENGTH_NAMES]
        first = self.first_position or 0
        told = [n - first if isinstance(n, (int, float)) else n for n in told]
        told.append(getattr(self.tokenizer, "model_max_length", None))
        # -1, None and huge numbers are ways of saying that nothing is said.
        return int(min([10**9, *(n for n in told if isinstance(n, (int, float)) and n > 0)]))

    @cached_property
    def hidden_size(self) -> int:
        return int(self.model.get_output_embeddings().weight.shape[1])

    def encode(self, example: Example) -> Encoded:
        """The row under this tokenizer and template.

        Raises:
            ValueError: it is longer than the model's window, it holds tokens that the model has no embedding for, or
                this is a model whose numbers would be wrong.
        """
        self.check()
        row = encode(self.tokenizer, example, self.template, self.max_length)
        self._check_ids(row.input_ids)
        return row

    def _check_ids(self, ids: Sequence[int]) -> None:
        """ValueError where the tokenizer has more tokens than the model, and one of those is among these."""
        if max(ids, default=0) >= self.embeddings:
            raise ValueError(
                f"The tokenizer of {self.name!r} writes {self.tokenizer.convert_ids_to_tokens(max(ids))!r}, a token "
                f"that the model does not have: it knows {self.embeddings:,}. Take the tokenizer that belongs to it."
            )

    def format_prompt(self, prompt: str) -> str:
        """The exact text the model is given before it answers.

        `encode_prompt` gives its exact ids: a tokenizer called by itself may close the text with an end token, and
        doubles a beginning token that the template writes out.
        """
        return prompt_text(self.template, prompt)

    def answer_text(self, generated: str) -> str:
        """A generated continuation as an answer: without the space that separates it from the prompt, and without the
        next row, with which a model goes on that never learned to end one (`attribution/text/endings.py`).
        """
        return as_answer(generated, self.template, special_marks(self.tokenizer))[0]

    # The forward -----------------------------------------------------------------------------------------------------

    def token_statistics(
        self,
        rows: Sequence[Encoded],
        hidden_keys: Sequence[Sequence[int]] | None = None,
        replaced: Sequence[dict[int, int]] | None = None,
        temperature: float = 1.0,
        states: bool = False,
        batch_tokens: int | None = None,
        blocks: Sequence[int] = (),
        to_head: bool = False,
    ) -> list[TokenStatistics]:
        """Statistics of every row's answer tokens from one forward each; batch size and padding do not matter.

        Args:
            rows: encoded rows, of any lengths.
            hidden_keys: per row, the positions that no other position may attend to, in any layer. Positions keep their
                numbers. (A hidden token's own state still sees its own id through the residual stream, so the token
                right after it is predicted from a state that knows it.)
            replaced: per row, position -> token id to put there instead.
            temperature: T of the entropy's softmax(z / T); log-probabilities always use T = 1.
            states: return hidden states too.
            batch_tokens: padded tokens in one forward; None suits the device.
            blocks: return the states that these blocks put out, too; 1 is the first.
            to_head: return what `logits` makes the logits of, too.

        Raises:
            ValueError: keys are to be hidden in a model whose layers do not all work by attention.
        """
        if hidden_keys is not None:
            self.check_hides()
        passes = [
            row_passes(row, hidden_keys[i] if hidden_keys else (), replaced[i] if replaced else None)
            for i, row in enumerate(rows)
        ]
        found = statistics(
            self,
            [one for mine in passes for one in mine],
            temperature,
            states,
            self.batch_tokens(batch_tokens),
            blocks,
            to_head,
        )
        results = []
        for mine in passes:
            parts, found = found[: len(mine)], found[len(mine) :]
            results.append(parts[0] if len(parts) == 1 else TokenStatistics.joined(parts))
        return results

    def batch_tokens(self, asked: int | None = None) -> int:
        """Padded tokens in one forward: as asked, or what suits the device."""
        return asked or (BATCH_TOKENS if self.device.type == "cpu" else BATCH_TOKENS_ACCELERATED)

    def body(self, ids: Tensor, attention: Tensor) -> Tensor:
        """Hidden states that enter the output head, `[batch, length, d]`, for right-padded rows.

        Positions are 0, 1, 2, ... whatever the mask says: some families derive them from the mask, which would move
        every token after a hidden one.
        """
        return self._forward(ids, attention).last_hidden_state

    def body_and_layer(self, ids: Tensor, attention: Tensor, layer: int) -> tuple[Tensor, Tensor]:
        """The last states, and beside them those that block `layer` (1 to `depth`) puts out, `[batch, length, d]`."""
        if layer < self.depth and self.splits:
            output = self._forward(ids, attention, output_hidden_states=True)
            return output.last_hidden_state, output.hidden_states[layer]
        # The last of a model's hidden states has been through its final norm: the block's own are read as it runs.
        states: list[Tensor] = []
        mine = threading.get_ident()

        def keep(block: Any, inputs: Any, output: Any) -> None:
            # Another visitor's run may read the same model meanwhile.
            if threading.get_ident() == mine:
                states.append(output if isinstance(output, Tensor) else output[0])

        hook = self.blocks[layer - 1].register_forward_hook(keep)
        try:
            last = self.body(ids, attention) if self.splits else self.run_whole(ids, attention).last
            return last, states[0]
        finally:
            hook.remove()

    def forward(self, ids: Tensor, attention: Tensor, positions: Tensor | None = None) -> Forward:
        """Hidden states, `[batch, length, d]`, and logits on demand: from the output head at chosen positions, or,
        for a model that does more than its head, from the whole model.
        """
        if self.splits:
            return Forward(self._forward(ids, attention, positions).last_hidden_state, None)
        out = self.run_whole(ids, attention, positions)
        return Forward(out.last, out.logits)

    def run_body(self, ids: Tensor, attention: Tensor, positions: Tensor | None = None, cache: Any = None) -> Any:
        """The body's own output after reading `ids`, on top of what `cache` holds."""
        return self._forward(ids, attention, positions, **self.cached(cache))

    def cached(self, cache: Any) -> dict[str, Any]:
        """How the body is told to read on from a cache, by the name that its release of transformers has for it."""
        return {"use_cache": cache is not None, self.cache_name: cache}

    @cached_property
    def cache_name(self) -> str:
        """What the model calls the cache that it reads on from."""
        return "cache" if "cache" in families.parameters_of(self._body) else "past_key_values"

    def _forward(self, ids: Tensor, attention: Tensor, positions: Tensor | None = None, **options: Any) -> Any:
        return self._body(**self._inputs(self._body, ids, attention, positions, **options))

    def run_whole(self, ids: Tensor, attention: Tensor, positions: Tensor | None = None) -> Whole:
        """The whole model's own logits, and what its output head was given."""
        entered: list[Tensor] = []
        mine = threading.get_ident()

        def keep(head: Any, inputs: Any) -> None:
            if threading.get_ident() == mine:
                entered.append(inputs[0])

        hook = self._head.register_forward_pre_hook(keep)
        try:
            logits = self.model(**self._inputs(self._base, ids, attention, positions)).logits
        finally:
            hook.remove()
        return Whole(logits, entered[-1] if entered else logits)

    def _inputs(
        self, part: Any, ids: Tensor, attention: Tensor, positions: Tensor | None, **options: Any
    ) -> dict[str, Any]:
        if self.length_bound is not None:
            families.forget_lengths(self.model)
        inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": attention, "use_cache": False, **options}
        if self.takes_positions:
            if positions is None:
                positions = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
            inputs["position_ids"] = positions + (self.first_position or 0)
        return families.known(part, **inputs)

    @cached_property
    def depth(self) -> int:
        """How many blocks the body has.

        Raises:
            ValueError: its config does not say.
        """
        found = getattr(self.model.config.get_text_config(), "num_hidden_layers", None)
        if found is None:
            raise ValueError(
                f"The config of a {type(self.model).__name__} does not say how many blocks it has, so it cannot be "
                "read or trained from one of them: leave layers and train_from as they are."
            )
        return int(found)

    @cached_property
    def block_list(self) -> int | None:
        """Which of the body's module lists holds its blocks; None where there is none that is run block by block.

        A model for pictures, too, may have a list as long for them.
        """
        with suppress(ValueError):
            ids = families.probe_ids(self)
            for number, part in enumerate(self._lists()):
                if len(part) == self.depth and one_state_a_token(self, part, ids):
                    return number
        return None

    def _lists(self) -> list[torch.nn.ModuleList]:
        return [part for part in self._base.modules() if isinstance(part, torch.nn.ModuleList)]

    @cached_property
    def blocks(self) -> torch.nn.ModuleList:
        """The body's blocks, the first to be run first.

        Raises:
            ValueError: the body has no list of as many blocks as its config says that each put out a state a token.
        """
        if self.block_list is None:
            raise ValueError(
                f"The blocks of a {type(self._base).__name__} are not found, so it cannot be read block by block: take "
                "a model whose blocks stand in one list, such as Llama, Qwen3 or GPT-2."
            )
        return self._lists()[self.block_list]

    def logits(self, states: Tensor) -> Tensor:
        """The model's own logits of what `Forward.states` gives: hidden states, or logits as they are."""
        return self.head(states) if self.splits else states

    def head(self, hidden: Tensor) -> Tensor:
        """The output head's logits of `[..., d]` hidden states, with the scaling and soft cap that configs name."""
        config = self.model.config.get_text_config()
        logits = self._head(hidden)
        scale = getattr(config, "logit_scale", None)
        if scale is not None:
            logits = logits * scale
        divisor = getattr(config, "logits_scaling", None)
        if divisor is not None:
            logits = logits / divisor
        cap = getattr(config, "final_logit_softcapping", None)
        if cap is not None:
            logits = torch.tanh(logits / cap) * cap
        return logits

    @property
    def _base(self) -> Any:
        """The model without what wraps it for adapters."""
        return families.unwrapped(self.model)

    @cached_property
    def _body(self) -> Any:
        return getattr(self._base, self._base.base_model_prefix)

    @property
    def _head(self) -> Any:
        return self.model.get_output_embeddings()

    # What this model's family does (`attribution/model/families.py`); each is found out once, when it first matters. --

    @cached_property
    def takes_positions(self) -> bool:
        """Whether the model can be told the positions of its tokens."""
        return self.first_position is not None

    @cached_property
    def first_position(self) -> int | None:
        """The number of a row's first position; None where positions cannot be told."""
        return families.first_position(self)

    @cached_property
    def length_bound(self) -> int | None:
        """The length beyond which rows of different lengths cannot be read in one batch."""
        return families.length_bound(self)

    @cached_property
    def generates(self) -> bool:
        """Whether transformers' generation says what reading says."""
        return families.generates(self)

    @cached_property
    def splits(self) -> bool:
        """Whether body and output head can be run one after the other."""
        return families.splits(self)

    @cached_property
    def hides(self) -> bool:
        """Whether a key can be hidden by attention."""
        return families.hides(self)

    @cached_property
    def keeps_positions(self) -> bool:
        """Whether hiding a token leaves the others' positions alone."""
        return families.keeps_positions(self)

    @cached_property
    def shares_prefixes(self) -> bool:
        """Whether the keys and values of a shared prefix can be kept and read on from."""
        return families.shares_prefixes(self)

    def check(self) -> None:
        """ValueError when this is a model whose numbers would be wrong, with the reason; asked on eight tokens.

        A model is refused whose forward gives no numbers (NaN, overflow) or lets a token see those after it. What was
        asked once is not asked again.
        """
        if self._checked:
            return
        if not families.finite(self):
            raise NoNumberError(no_number(self))
        if not families.causal(self):
            raise ValueError(
                f"In {self.name!r} a token sees those that follow it, so it is no causal language model and the "
                "probability of an answer means nothing: give one that reads from left to right."
            )
        self._checked = True

    def with_weights(self, weights: Any, name: str | None = None) -> LanguageModel:
        """The same model with other weights: what was found out about its family holds, and is not asked again."""
        other = LanguageModel(weights, self.tokenizer, self.name if name is None else name, self.template)
        other._take_facts(self)
        return other

    def _take_facts(self, other: LanguageModel) -> None:
        """Take over what was found out about another model of the same family."""
        other.check()
        for fact in FAMILY_FACTS:
            self.__dict__[fact] = getattr(other, fact)
        self._checked, self.notes = True, other.notes

    def check_hides(self) -> None:
        """ValueError when hiding a key by attention would not hide it."""
        if not self.hides:
            raise ValueError(
                f"The model {self.name!r} carries tokens on outside attention (recurrent layers), so they cannot be "
                "hidden by it: score with mask_how='token' or mask_how='drop'."
            )

    @property
    def pad_id(self) -> int:
        """What fills a row; nothing ever attends to it, so any token that the model has an embedding for will do."""
        pad = self.tokenizer.pad_token_id
        return pad if pad is not None and pad < self.embeddings else 0

    def pad(
        self,
        rows: Sequence[Encoded],
        hidden_keys: Sequence[Sequence[int]] | None = None,
        replaced: Sequence[dict[int, int]] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Rows padded on the right: ids and attention mask, `[batch, length]`, on the model's device."""
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), self.pad_id, dtype=torch.long)
        attention = torch.zeros((len(rows), width), dtype=torch.long)
        for k, row in enumerate(rows):
            ids[k, : len(row)] = torch.tensor(row.input_ids)
            attention[k, : len(row)] = 1
            if replaced:
                for position, token in replaced[k].items():
                    ids[k, position] = token
            if hidden_keys and len(hidden_keys[k]):
                attention[k, torch.tensor(list(hidden_keys[k]))] = 0
        return ids.to(self.device), attention.to(self.device)

    @cached_property
    def embeddings(self) -> int:
        """How many tokens the model can read."""
        return int(self.model.get_input_embeddings().weight.shape[0])

    @cached_property
    def vocabulary_size(self) -> int:
        return int(self.model.get_output_embeddings().weight.shape[0])

    # Answers ---------------------------------------------------------------------------------------------------------

    def generate(
        self,
        prompts: Sequence[str],
        max_new_tokens: int = 96,
        batch_size: int = 64,
        decoding: Mapping[str, Any] | None = None,
    ) -> list[str]:
        """Answers to unformatted prompts, in order: greedy, or as `decoding` (options of transformers' generate) says.

        Each is a `Said`, a text that knows what ended it.

        Raises:
            ValueError: a prompt leaves no room for an answer in the model's window, or holds tokens that it lacks.
        """
        encoded = [encode_prompt(self.tokenizer, self.template, prompt) for prompt in prompts]
        for prompt, ids in zip(prompts, encoded, strict=True):
            self._check_ids(ids)
            if len(ids) >= self.max_length:
                raise ValueError(
                    f"The prompt {prompt[:40]!r}... takes {len(ids)} tokens and this model reads at most "
                    f"{self.max_length}: shorten it."
                )
        options = {
            **(decoding or {"do_sample": False}),
            "max_new_tokens": max_new_tokens,
            "eos_token_id": list(self.end_ids) or None,
        }
        answers: list[str] = [""] * len(prompts)
        marks = special_marks(self.tokenizer)
        for i, ids in continuations(self, encoded, options, batch_size):
            end = next((k for k, token in enumerate(ids) if token in self.end_ids), len(ids))
            decoded = self.tokenizer.decode(ids[:end], skip_special_tokens=True)
            text, goes_on = as_answer(decoded, self.template, marks)
            ended: Ended = "next row" if goes_on else "by itself" if end < len(ids) else "limit"
            answers[i] = Said(text, ended)
        return answers

    @cached_property
    def begins_together(self) -> bool:
        """Whether what prompts begin with may be read once for all of them, with padding after it."""
        return families.begins_together(self)

    @cached_property
    def answered_together(self) -> families.Together:
        """Which prompts may be answered in one batch."""
        return families.answered_together(self)

    @cached_property
    def end_ids(self) -> tuple[int, ...]:
        """The tokens that end an answer: the one that ends a row, the tokenizer's end token, the model's own, and those
        that the template writes, which would open another turn.
        """
        row = self.encode(Example("a", "a"))
        last = [] if row.end_position is None else [row.input_ids[row.end_position]]
        declared = [
            getattr(config, "eos_token_id", None)
            for config in (getattr(self.model, "generation_config", None), self.model.config.get_text_config())
        ]
        more = [i for each in declared for i in (each if isinstance(each, (list, tuple)) else [each])]
        written = [i for mark, i in special_marks(self.tokenizer).items() if mark in self.template]
        ids = dict.fromkeys((*last, self.tokenizer.eos_token_id, *more, *written))
        # What a folder writes there may be no number.
        return tuple(i for i in ids if isinstance(i, int) and 0 <= i < self.vocabulary_size)

    def generated_logits(self, prompts: Sequence[Sequence[int]], steps: int = 2, once: bool | None = None) -> Tensor:
        """Logits of the first greedy tokens after each prompt, as generation computes them, `[batch, steps, V]`."""
        told = {"do_sample": False, "max_new_tokens": steps, "output_logits": True, "return_dict_in_generate": True}
        return torch.stack(generated(self, prompts, told, once).logits, dim=1)
