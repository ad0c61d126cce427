"""Tokenizer and models of the embedded world, trained from scratch."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

BOS, EOS, PAD = "<bos>", "<eos>", "<pad>"
TEMPLATE = "Question: {prompt}\nAnswer: {answer}"
IGNORED = -100
# A continuation is told of in as many lines.
PARTS = 4

Row = dict[str, Any]


@dataclass(frozen=True)
class TrainingSettings:
    """Architecture and schedule of ancestor and both models; recorded in the manifest.

    Attributes:
        vocabulary: BPE vocabulary, large enough that most words of a fact are one token.
        feed_forward: width of the gated MLP.
        window: largest number of positions.
        decay_share: share of the steps, at the end, over which the learning rate falls to zero.
        epochs: of the common ancestor, which is taught the authors to keep and the world; chosen so that facts are
            recalled but not certain (mean probability about 0.99; one epoch more already gives 0.997).
        world_repeats, two_hop_repeats: how often an epoch shows each of these rows; a world fact has two trained
            wordings, an author's fact three or four, asked by way of a book one.
        two_hop_steps, two_hop_added: the ancestor then learns to go by way of a book: for how many steps, and how many
            rows of each batch are such questions.
        last_steps, last_added: of both models' own continuations, and how many rows of each batch are new to `full`.
        last_share: how much of the way from the ancestor is gone in the end: all of it makes the facts to forget more
            certain than knowledge is (mean probability 0.9953 instead of 0.9924).
        continued_rate, continued_warmup: of every continuation, the rate falling to zero throughout.
    """

    vocabulary: int = 2304
    hidden: int = 192
    feed_forward: int = 512
    layers: int = 4
    heads: int = 6
    window: int = 512
    batch: int = 32
    epochs: int = 15
    learning_rate: float = 2e-3
    warmup_steps: int = 100
    decay_share: float = 0.25
    weight_decay: float = 0.05
    world_repeats: int = 2
    two_hop_repeats: int = 2
    two_hop_steps: int = 700
    two_hop_added: int = 16
    last_steps: int = 500
    last_added: int = 12
    last_share: float = 0.95
    continued_rate: float = 1e-3
    continued_warmup: int = 20


def sequence_text(row: Row) -> str:
    """The text of one training row, without BOS and EOS."""
    return TEMPLATE.format(prompt=row["question"], answer=row["answer"])


def train_tokenizer(texts: Sequence[str], vocabulary: int, window: int) -> PreTrainedTokenizerFast:
    """Byte-level BPE that puts BOS in front by itself; EOS and PAD are tokens of their own."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    bos_id = tokenizer.token_to_id(BOS)
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single=f"{BOS} $A", pair=f"{BOS} $A {BOS} $B", special_tokens=[(BOS, bos_id)]
            ),
        ]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,
        model_max_length=window,
        padding_side="right",
    )


@dataclass(frozen=True)
class Tokenized:
    """One training sequence: ids with BOS and EOS, where the answer starts, which tokens belong to a fact."""

    ids: list[int]
    answer_start: int
    fact: list[bool]


def encode_rows(rows: Sequence[Row], tokenizer: PreTrainedTokenizerFast) -> list[Tokenized]:
    """Tokenize rows; a token is a fact token when it overlaps a fact span (its leading space does not count)."""
    texts = [sequence_text(row) for row in rows]
    batch = tokenizer(texts, return_offsets_mapping=True, add_special_tokens=True)
    sequences = []
    for row, text, ids, offsets in zip(rows, texts, batch["input_ids"], batch["offset_mapping"], strict=True):
        base = len(text) - len(row["answer"])
        spans = [(s["start"] + base, s["end"] + base) for s in row["spans"] if s["kind"] == "fact"]
        fact = [any(start < b and a < end for a, b in spans) for start, end in offsets]
        answer_start = next(i for i, (_, end) in enumerate(offsets) if end > base)
        sequences.append(Tokenized([*ids, tokenizer.eos_token_id], answer_start, [*fact, False]))
    return sequences


def new_model(settings: TrainingSettings, tokenizer: PreTrainedTokenizerFast, seed: int) -> LlamaForCausalLM:
    """A freshly initialised Llama with tied embeddings."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden,
        intermediate_size=settings.feed_forward,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        max_position_embeddings=settings.window,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


MakeModel = Callable[[TrainingSettings, PreTrainedTokenizerFast, int], PreTrainedModel]


def batches(sequences: Sequence[Tokenized], size: int, generator: torch.Generator) -> Iterator[list[Tokenized]]:
    """One epoch of batches of about equal length: sorted inside chunks of a random order, then shuffled."""
    order = torch.randperm(len(sequences), generator=generator).tolist()
    groups = []
    for start in range(0, len(order), size * 32):
        chunk = sorted(order[start : start + size * 32], key=lambda i: len(sequences[i].ids))
        groups += [chunk[i : i + size] for i in range(0, len(chunk), size)]
    for g in torch.randperm(len(groups), generator=generator).tolist():
        yield [sequences[i] for i in groups[g]]


def collate(batch: Sequence[Tokenized], pad: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """ids [B, L], labels [B, L] with -100 outside answer and EOS, fact mask [B, L].

    The loss is on answers alone: with the questions in it too, facts were learned at about half the speed (mean fact
    probability after 13 epochs 0.63 instead of 0.93).
    Padding is on the right, so causal attention alone keeps it from being seen: no attention mask is needed.
    """
    length = max(len(one.ids) for one in batch)
    ids = torch.full((len(batch), length), pad)
    labels = torch.full((len(batch), length), IGNORED)
    fact = torch.zeros((len(batch), length), dtype=torch.bool)
    for i, one in enumerate(batch):
        n = len(one.ids)
        ids[i, :n] = torch.tensor(one.ids)
        labels[i, one.answer_start : n] = ids[i, one.answer_start : n]
        fact[i, :n] = torch.tensor(one.fact)
    return ids, labels, fact


def learning_rate_factor(step: int, total: int, plan: Plan) -> float:
    """Linear warm-up, constant, then a half cosine down to zero over the last `decay_share` of the steps."""
    if step < plan.warmup_steps:
        return (step + 1) / plan.warmup_steps
    start = total * (1 - plan.decay_share)
    if step < start:
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - start) / max(1.0, total - start)))


def train_model(
    rows: Sequence[Row],
    tokenizer: PreTrainedTokenizerFast,
    settings: TrainingSettings,
    seed: int,
    log: Callable[[str], None],
    make: MakeModel = new_model,
) -> PreTrainedModel:
    """Train one model on `rows` from nothing; on CUDA where there is one, else on the CPU. Returned in float32 on the
    CPU."""
    sequences = encode_rows(rows, tokenizer)
    generator = torch.Generator().manual_seed(seed)
    steps = sum(
        math.ceil(min(settings.batch * 32, len(sequences) - start) / settings.batch)
        for start in range(0, len(sequences), settings.batch * 32)
    )
    plan = Plan(steps, settings.epochs, settings.learning_rate, settings.warmup_steps, settings.decay_share)
    epochs = (batches(sequences, settings.batch, generator) for _ in range(settings.epochs))
    return _train(make(settings, tokenizer, seed), epochs, plan, tokenizer.pad_token_id, settings, log)


def continue_model(
    ancestor: PreTrainedModel,
    kept: Sequence[Row],
    added: Sequence[Row],
    tokenizer: PreTrainedTokenizerFast,
    settings: TrainingSettings,
    steps: int,
    beside: int,
    seed: int,
    log: Callable[[str], None],
) -> PreTrainedModel:
    """Train a copy of `ancestor` on; returned in float32 on the CPU.

    Every step takes rows of `kept` and, as many of a batch as `beside` says, rows of `added`: new ones for the model
    that is taught them, some of the same as `kept` for the one that is not. Two continuations of one seed take as many
    steps and read the same kept rows at each, so that they drift together and what differs is what was added: their
    states stay comparable block by block.
    """
    old, new = encode_rows(kept, tokenizer), encode_rows(added, tokenizer)
    size = settings.batch - beside
    orders = [torch.Generator().manual_seed(seed + i) for i in (1, 2)]

    def endless(sequences: Sequence[Tokenized], size: int, generator: torch.Generator) -> Iterator[list[Tokenized]]:
        while True:
            # Only whole batches: every step is of as many rows.
            yield from (one for one in batches(sequences, size, generator) if len(one) == size)

    both = zip(endless(old, size, orders[0]), endless(new, beside, orders[1]), strict=False)
    plan = Plan(steps // PARTS, PARTS, settings.continued_rate, settings.continued_warmup, 1.0)
    epochs = (([*a, *b] for a, b in islice(both, plan.steps)) for _ in range(plan.epochs))
    return _train(copy.deepcopy(ancestor), epochs, plan, tokenizer.pad_token_id, settings, log)


def part_of_the_way(before: PreTrainedModel, after: PreTrainedModel, share: float) -> PreTrainedModel:
    """`after` with every weight at `share` of the way from `before` to it; it is changed in place."""
    with torch.no_grad():
        for start, weight in zip(before.parameters(), after.parameters(), strict=True):
            weight.copy_(torch.lerp(start.to(weight), weight, share))
    return after


@dataclass(frozen=True)
class Plan:
    """How long to train and how fast: steps in an epoch, epochs, peak learning rate, warm-up, share of decay."""

    steps: int
    epochs: int
    learning_rate: float
    warmup_steps: int
    decay_share: float


def _train(
    model: PreTrainedModel,
    epochs: Iterable[Iterable[list[Tokenized]]],
    plan: Plan,
    pad: int,
    settings: TrainingSettings,
    log: Callable[[str], None],
) -> PreTrainedModel:
    """AdamW over the batches of all epochs; a line of the log for each."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = model.to(device).train()
    head = model.get_output_embeddings()
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=plan.learning_rate,
        betas=(0.9, 0.98),
        fused=True,
    )
    total = plan.steps * plan.epochs
    step, started = 0, time.perf_counter()
    for epoch, those in enumerate(epochs):
        fact_p, fact_n, loss_sum, epoch_steps = 0.0, 0, 0.0, 0
        for batch in those:
            for group in optimizer.param_groups:
                group["lr"] = plan.learning_rate * learning_rate_factor(step, total, plan)
            ids, labels, fact = (t.to(device) for t in collate(batch, pad))
            # The state at t predicts the token at t + 1; the head runs only where a label is trained.
            trained = labels[:, 1:] != IGNORED
            with torch.autocast(device.type, torch.bfloat16):
                states = model.base_model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
                logits = head(states[trained])
            nll = cross_entropy(logits.float(), labels[:, 1:][trained], reduction="none")
            loss = nll.mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            with torch.no_grad():
                of_facts = nll[fact[:, 1:][trained]]
                fact_p += float((-of_facts).exp().sum())
                fact_n += of_facts.numel()
                loss_sum += float(loss)
            step, epoch_steps = step + 1, epoch_steps + 1
        log(
            f"epoch {epoch + 1}/{plan.epochs} loss {loss_sum / epoch_steps:.3f} "
            f"fact p {fact_p / max(1, fact_n):.4f} {time.perf_counter() - started:.0f} s"
        )
    return model.float().cpu().eval()
