"""A causal language model with its tokenizer: load, encode, and the one forward that every scorer shares.

`LanguageModel.token_statistics` runs the body of the model over whole rows, then the output head over the answer's
positions alone, a bounded chunk at a time: a float32 `[batch, length, vocabulary]` softmax never exists.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from attribution.example import DEFAULT_TEMPLATE, Encoded, Example, check_template, encode

log = logging.getLogger(__name__)

EMBEDDED_FOLDER = Path(__file__).resolve().parent.parent / "assets" / "fictional_authors"
EMBEDDED_MODELS = {"embedded": "full", "embedded:retrained": "retrained"}
# Values of float32 the head's logits may take at once: 16 M values are 64 MB.
HEAD_CHUNK_VALUES = 16_000_000
BATCH_TOKENS = 4096


@dataclass(frozen=True)
class TokenStatistics:
    """What one forward says of each of a row's n answer tokens.

    Attributes:
        log_probs: log p(y_t | x, y_<t) in nats, `[n]`.
        entropies: entropy of the predictive distribution softmax(z / T) in nats, `[n]`.
        greedy: whether y_t is the most probable token, `[n]`.
        predicting: last-layer hidden state that predicts the token (position t-1), `[n, d]`; None unless asked for.
        own: last-layer hidden state at the token's own position t, `[n, d]`; None unless asked for.
    """

    log_probs: Tensor
    entropies: Tensor
    greedy: Tensor
    predicting: Tensor | None = None
    own: Tensor | None = None


class LanguageModel:
    """A causal LM and its tokenizer, shared and read-only: nothing here changes a weight.

    Attributes:
        model: the transformers model, in evaluation mode.
        tokenizer: a fast tokenizer (character offsets are needed).
        name: how it was asked for; shown to people.
        folder: where its files lie, when they lie in a local folder.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        name: str = "model",
        template: str = DEFAULT_TEMPLATE,
        folder: Path | None = None,
    ) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise ValueError(f"The tokenizer of {name!r} gives no character offsets: a fast tokenizer is needed.")
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.name = name
        self.template = check_template(template)
        self.folder = folder

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    @cached_property
    def max_length(self) -> int:
        """The longest row in tokens, special tokens included."""
        declared = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        limit = getattr(self.tokenizer, "model_max_length", None) or 10**9
        return int(min(declared or 10**9, limit))

    @cached_property
    def hidden_size(self) -> int:
        return int(self.model.get_output_embeddings().weight.shape[1])

    def encode(self, example: Example) -> Encoded:
        """The row under this tokenizer and template. ValueError when it is longer than the model's window."""
        return encode(self.tokenizer, example, self.template, self.max_length)

    def format_prompt(self, prompt: str) -> str:
        """The exact text the model is given before it answers; plain `tokenizer(text)` gives the exact ids."""
        between = self.template.split("{prompt}", 1)
        return (between[0] + prompt + between[1].split("{answer}", 1)[0]).rstrip()

    def answer_text(self, generated: str) -> str:
        """A generated continuation without the space that separates it from the prompt."""
        return generated.strip()

    # The forward -----------------------------------------------------------------------------------------------------

    def token_statistics(
        self,
        rows: Sequence[Encoded],
        hidden_keys: Sequence[Sequence[int]] | None = None,
        replaced: Sequence[dict[int, int]] | None = None,
        temperature: float = 1.0,
        states: bool = False,
        batch_tokens: int = BATCH_TOKENS,
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
            batch_tokens: padded tokens in one forward.
        """
        results: list[TokenStatistics | None] = [None] * len(rows)
        with torch.inference_mode():
            for batch in _by_length([len(row) for row in rows], batch_tokens):
                ids, attention = self.pad(
                    [rows[i] for i in batch],
                    [hidden_keys[i] for i in batch] if hidden_keys else None,
                    [replaced[i] for i in batch] if replaced else None,
                )
                hidden = self.body(ids, attention)
                for i, statistics in zip(
                    batch, self._statistics(hidden, [rows[i] for i in batch], temperature, states), strict=True
                ):
                    results[i] = statistics
        return results  # type: ignore[return-value]

    def body(self, ids: Tensor, attention: Tensor) -> Tensor:
        """Hidden states that enter the output head, `[batch, length, d]`, for right-padded rows.

        Positions are 0, 1, 2, ... whatever the mask says: some families derive them from the mask, which would move
        every token after a hidden one.
        """
        return self._forward(ids, attention).last_hidden_state

    def body_and_layer(self, ids: Tensor, attention: Tensor, layer: int) -> tuple[Tensor, Tensor]:
        """`body`, and beside it the states that block `layer` (1 is the first) puts out, `[batch, length, d]`."""
        output = self._forward(ids, attention, output_hidden_states=True)
        return output.last_hidden_state, output.hidden_states[layer]

    def _forward(self, ids: Tensor, attention: Tensor, **options: Any) -> Any:
        inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": attention, "use_cache": False, **options}
        if self._takes_positions:
            inputs["position_ids"] = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
        return self._body(**inputs)

    @cached_property
    def depth(self) -> int:
        """How many blocks the body has."""
        return int(self.model.config.get_text_config().num_hidden_layers)

    def logits(self, hidden: Tensor) -> Tensor:
        """The model's own logits of `[..., d]` hidden states, with its scaling and soft cap."""
        config = self.model.config.get_text_config()
        logits = self.model.get_output_embeddings()(hidden)
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

    @cached_property
    def _body(self) -> Any:
        base = self.model.get_base_model() if hasattr(self.model, "peft_config") else self.model
        return getattr(base, base.base_model_prefix)

    @cached_property
    def _takes_positions(self) -> bool:
        return "position_ids" in inspect.signature(self._body.forward).parameters

    def pad(
        self,
        rows: Sequence[Encoded],
        hidden_keys: Sequence[Sequence[int]] | None = None,
        replaced: Sequence[dict[int, int]] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Rows padded on the right: ids and attention mask, `[batch, length]`, on the model's device."""
        width = max(map(len, rows))
        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else 0
        ids = torch.full((len(rows), width), pad, dtype=torch.long)
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

    def _statistics(
        self, hidden: Tensor, rows: Sequence[Encoded], temperature: float, states: bool
    ) -> Iterator[TokenStatistics]:
        sizes = [len(row.answer_positions) for row in rows]
        which = torch.repeat_interleave(torch.arange(len(rows)), torch.tensor(sizes)).to(hidden.device)
        where = torch.tensor([p for row in rows for p in row.answer_positions], device=hidden.device)
        labels = torch.tensor([row.input_ids[p] for row in rows for p in row.answer_positions], device=hidden.device)
        predicting = hidden[which, where - 1]
        own = hidden[which, where] if states else None
        columns: list[tuple[Tensor, Tensor, Tensor]] = []
        chunk = max(1, HEAD_CHUNK_VALUES // self.vocabulary_size)
        for start in range(0, len(labels), chunk):
            columns.append(
                _head_statistics(
                    self.logits(predicting[start : start + chunk]).float(), labels[start : start + chunk], temperature
                )
            )
        log_probs, entropies, greedy = (torch.cat(column).cpu() for column in zip(*columns, strict=True))
        start = 0
        for size in sizes:
            part = slice(start, start + size)
            start += size
            yield TokenStatistics(
                log_probs[part],
                entropies[part],
                greedy[part],
                predicting[part].float().cpu() if states else None,
                own[part].float().cpu() if own is not None else None,
            )

    @cached_property
    def vocabulary_size(self) -> int:
        return int(self.model.get_output_embeddings().weight.shape[0])

    # Answers ---------------------------------------------------------------------------------------------------------

    def generate(self, prompts: Sequence[str], max_new_tokens: int = 96, batch_size: int = 64) -> list[str]:
        """Greedy answers to unformatted prompts, in order.

        Raises:
            ValueError: a prompt leaves no room for an answer in the model's window.
        """
        texts = [self.format_prompt(prompt) for prompt in prompts]
        encoded = [self.tokenizer(text)["input_ids"] for text in texts]
        for prompt, ids in zip(prompts, encoded, strict=True):
            if len(ids) >= self.max_length:
                raise ValueError(
                    f"The prompt {prompt[:40]!r}... takes {len(ids)} tokens and this model reads at most "
                    f"{self.max_length}: shorten it."
                )
        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else self.tokenizer.eos_token_id
        answers = [""] * len(prompts)
        order = sorted(range(len(prompts)), key=lambda i: len(encoded[i]))
        with torch.inference_mode():
            for start in range(0, len(order), batch_size):
                batch = order[start : start + batch_size]
                width = max(len(encoded[i]) for i in batch)
                ids = torch.full((len(batch), width), pad, dtype=torch.long)
                attention = torch.zeros((len(batch), width), dtype=torch.long)
                for k, i in enumerate(batch):
                    ids[k, width - len(encoded[i]) :] = torch.tensor(encoded[i])
                    attention[k, width - len(encoded[i]) :] = 1
                out = self.model.generate(
                    input_ids=ids.to(self.device),
                    attention_mask=attention.to(self.device),
                    max_new_tokens=min(max_new_tokens, self.max_length - width),
                    do_sample=False,
                    pad_token_id=pad,
                )
                for k, i in enumerate(batch):
                    answers[i] = self.answer_text(self.tokenizer.decode(out[k, width:], skip_special_tokens=True))
        return answers


def _head_statistics(logits: Tensor, labels: Tensor, temperature: float) -> tuple[Tensor, Tensor, Tensor]:
    log_q = torch.log_softmax(logits, dim=-1)
    log_probs = log_q.gather(1, labels[:, None]).squeeze(1)
    greedy = logits.argmax(dim=-1) == labels
    if temperature != 1.0:
        log_q = torch.log_softmax(logits / temperature, dim=-1)
    # A probability of exactly 0 contributes 0, not 0 * -inf.
    entropies = torch.special.entr(log_q.exp()).sum(dim=-1)
    return log_probs, entropies, greedy


def _by_length(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Row numbers in batches of similar length, at most `batch_tokens` padded tokens each (one row at least)."""
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if batch and (len(batch) + 1) * lengths[i] > batch_tokens:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def load_model(
    name: str = "embedded", device: str | None = None, dtype: str | torch.dtype = "float32"
) -> LanguageModel:
    """Load a causal LM: `embedded`, `embedded:retrained`, a local folder, or a Hub id.

    Weights come from safetensors files alone and no code of the model's repository is run.

    Raises:
        ValueError: the name is no such thing; the message says what was looked for and what to do.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = _source(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(source, dtype=dtype, use_safetensors=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ValueError(
            f"The model {name!r} could not be loaded: {reason}. Give 'embedded', a Hugging Face folder with a causal "
            "language model in safetensors, or a Hub id."
        ) from error
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if isinstance(dtype, str):
        log.debug("loaded %s in %s", name, dtype)
    folder = Path(source) if Path(source).is_dir() else None
    return LanguageModel(model.to(device).requires_grad_(False), tokenizer, name=name, folder=folder)


def _source(name: str) -> str:
    """What `from_pretrained` is given: a folder that holds a model, or a Hub id."""
    if not name or not name.strip():
        raise ValueError("The model's name is empty: give 'embedded', a folder or a Hub id.")
    if name in EMBEDDED_MODELS:
        folder = EMBEDDED_FOLDER / EMBEDDED_MODELS[name]
        if not (folder / "config.json").is_file():
            raise ValueError(f"The model {name!r} is not built yet: run `python -m assets.build`.")
        return str(folder)
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise ValueError(f"The folder {name!r} holds no model: config.json is missing.")
        return str(path)
    if path.is_absolute() or name.startswith(("./", "../", "~")) or path.exists() or name.count("/") > 1:
        raise ValueError(
            f"The model {name!r} is neither a folder here nor a Hub id: give 'embedded', a folder that exists, or "
            "'owner/name'."
        )
    return name
