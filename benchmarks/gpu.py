"""A model of Llama-3.2-1B's shape with random weights, in bfloat16, on a GPU: how much of the machine is put to use.

Run: python -m benchmarks gpu

Scoring is masking and entropy (two forwards a row), unlearning is whole steps of WGA with a retain term, all weights or
adapters. The share is of the peak that a matrix product of bfloat16 reaches on the same machine just before, counting

    forward = 2 * (weights of the layers) * n + 2 * d * V * labels + 2 * d * n^2 * layers

for a row of n tokens (the head works on labels alone, half of attention is masked) and a backward as two forwards; what
gradient checkpointing makes again is not counted. Tokens are all that a forward reads, prompts included, padding not.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from attribution import Example, LanguageModel, Rule, load_model, score
from attribution.data.rows import Row, embedded_rows
from unlearn import Corpus, RunConfig, run

SHAPES = {
    "1b": {
        "vocab_size": 128_256,
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 64,
    },
    "tiny": {
        "vocab_size": 4096,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
    },
}
PRODUCT = {"cuda": 8192, "cpu": 512}
ROWS = 64
RANK = 16


@dataclass(frozen=True)
class Used:
    """What a piece of work took.

    Attributes:
        tokens: read by one forward of all its rows.
        flops: counted as the module says.
        seconds: wall clock.
        gigabytes: peak of the memory that PyTorch held, 10^9 bytes; 0 without a GPU.
    """

    what: str
    tokens: int
    flops: float
    seconds: float
    gigabytes: float

    def line(self, peak: float) -> str:
        """A line of the table."""
        return (
            f"| {self.what} | {self.tokens / self.seconds:,.0f} | {self.flops / self.seconds / 1e12:.1f} | "
            f"{self.flops / self.seconds / peak:.0%} | {self.gigabytes:.1f} |"
        )


def random_model(shape: str, device: str) -> LanguageModel:
    """Random weights in bfloat16 and the embedded tokenizer, whose ids are the first of the vocabulary."""
    torch.manual_seed(0)
    config = LlamaConfig(**SHAPES[shape], max_position_embeddings=8192, tie_word_embeddings=True)
    tokenizer = load_model("embedded", device="cpu").tokenizer
    tokenizer.model_max_length = 8192
    with torch.device(device):
        model = LlamaForCausalLM(config).to(torch.bfloat16)
    return LanguageModel(model.requires_grad_(False), tokenizer, name=f"random {shape}")


def long_rows(model: LanguageModel, length: int) -> tuple[Row, ...]:
    """Rows of about so many tokens: questions of the embedded world, and answers one after another."""
    texts = [row.example for row in embedded_rows("retain")]
    found = []
    for i in range(ROWS):
        answer, k = "", i * 7
        while len(model.tokenizer(answer)["input_ids"]) < length - 40:
            answer, k = f"{answer} {texts[k % len(texts)].answer}".strip(), k + 1
        found.append(Row(Example(texts[i].prompt, answer, id=str(i))))
    return tuple(found)


def flops_of(model: LanguageModel, rows: Sequence[Row]) -> tuple[int, float]:
    """(tokens, floating-point operations) of one forward of these rows."""
    config = model.model.config
    layers = sum(p.numel() for name, p in model.model.named_parameters() if ".layers." in name and p.ndim == 2)
    tokens, flops = 0, 0.0
    for row in rows:
        encoded = model.encode(row.example)
        n, labels = len(encoded.input_ids), len(encoded.answer_positions)
        tokens += n
        flops += 2 * layers * n + 2 * config.hidden_size * config.vocab_size * labels
        flops += 2 * config.hidden_size * n * n * config.num_hidden_layers
    return tokens, flops


def timed(device: str, work: Callable[[], object]) -> tuple[float, float]:
    """(seconds, peak in 10^9 bytes), everything on the device finished."""
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    return seconds, torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else 0.0


def peak_of(device: str, repeats: int = 10) -> float:
    """Operations a second of a square product of random bfloat16 matrices."""
    size = PRODUCT[device]
    one, two = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        one @ two
    seconds, _ = timed(device, lambda: [one @ two for _ in range(repeats)])
    return repeats * 2 * size**3 / seconds


def scoring(model: LanguageModel, rows: Sequence[Row], device: str) -> Used:
    """Masking by attention and entropy over all rows, after one pass that is not counted."""
    examples = [row.example for row in rows]
    tokens, flops = flops_of(model, rows)

    def work() -> None:
        score(model, examples, ("masking", "entropy"), mask_scope="prompt")

    work()
    seconds, memory = timed(device, work)
    return Used("scoring: masking + entropy, two forwards", 2 * tokens, 2 * flops, seconds, memory)


def unlearning(
    model: LanguageModel, rows: Sequence[Row], device: str, steps: int, what: str, **changes: object
) -> Used:
    """Steps of WGA with half of their rows to forget and half to keep; the first three are not counted."""
    half = len(rows) // 2
    corpus = Corpus(name="random", forget=rows[:half], retain=rows[half:])  # type: ignore[arg-type]
    config = RunConfig(
        rule=Rule("entropy", "top", 0.3),
        steps=steps + 3,
        precision="bfloat16",
        probe_every=0,
        **changes,  # type: ignore[arg-type]
    )
    job = iter(run(model, corpus, config))
    for _ in range(3):
        next(job)
    tokens, flops = flops_of(model, rows)
    share = (config.forget_batch + config.retain_batch) / len(rows)
    seconds, memory = timed(device, lambda: list(job))
    return Used(what, int(steps * share * tokens), steps * share * 3 * flops, seconds, memory)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure, print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks gpu", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--shape", choices=SHAPES, default="1b", help="of the random model [1b]")
    parser.add_argument("--length", type=int, default=512, help="tokens in a row, about [512]")
    parser.add_argument("--steps", type=int, default=20, help="of unlearning that are timed [20]")
    options = parser.parse_args(arguments)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and options.shape != "tiny":
        raise SystemExit("There is no GPU here, and a 1B model takes hours without one: try --shape tiny.")
    model = random_model(options.shape, device)
    rows = long_rows(model, options.length)
    peak = peak_of(device)
    named = torch.cuda.get_device_name() if device == "cuda" else "no GPU"
    print(f"{named}, torch {torch.__version__}; a matrix product reaches {peak / 1e12:.1f} TFLOP/s\n")
    print("| what | tokens/s | TFLOP/s | of the peak | peak memory, GB |\n|---|---|---|---|---|")
    for used in (
        scoring(model, rows, device),
        unlearning(model, rows, device, options.steps, "unlearning, all weights"),
        unlearning(model, rows, device, options.steps, f"unlearning, adapters of rank {RANK}", lora=RANK),
        unlearning(
            model, rows, device, options.steps, "unlearning, all weights, checkpointed", gradient_checkpointing=True
        ),
    ):
        print(used.line(peak))
