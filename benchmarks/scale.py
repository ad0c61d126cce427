"""What a billion rows and a model of 70 billion parameters would take: computed from rates that are measured here.

Run: python -m benchmarks scale

Measured, in seconds of one core: reading rows, putting scored rows down and joining them, and what share of a matrix
product's rate a scoring forward reaches on a model large enough that products dominate. Computed from them: operations
of the large model as `benchmarks.gpu` counts them, over a share of a GPU's peak. The peak is the maker's figure, which
no product reaches, so the measured share gives a bound and `USUAL` a guess; `python -m benchmarks gpu` measures it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from attribution import LanguageModel, load_model, score
from attribution.data.dataset import SHARD_ROWS
from attribution.data.parts import Parts
from attribution.data.rows import embedded_rows
from attribution.data.sources import open_source
from benchmarks.gpu import flops_of, long_rows

SCORERS = ("masking", "entropy")
FORWARDS = 2
ROWS, TOKENS, LABELS = 10**9, 64, 32
H100_PEAK = 989e12
"""Operations a second of bfloat16 products without sparsity, by the maker's data sheet."""
USUAL = 0.3
"""A share of that peak that large models are often reported to reach: assumed, not measured."""
SEVENTY = {"layers": 80, "hidden": 8192, "vocabulary": 128_256, "weights": 68.5e9}
"""Llama-3.1-70B: blocks, width, vocabulary, and the weights of its blocks."""


@dataclass(frozen=True)
class Rates:
    """Rows a second of one core, bytes of a row's result, and the share of a product's rate."""

    reading: float
    keeping: float
    row_bytes: float
    share: float


def row_flops(tokens: int, labels: int, *, layers: int, hidden: int, vocabulary: int, weights: float) -> float:
    """Operations of one forward of one row, counted as `benchmarks.gpu` does."""
    return 2 * weights * tokens + 2 * hidden * vocabulary * labels + 2 * hidden * tokens**2 * layers


def core_seconds(work: Callable[[], object]) -> float:
    """Processor time of this process, which other programs on the machine do not lengthen."""
    started = time.process_time()
    work()
    return time.process_time() - started


def measured(rows: int, length: int, width: int) -> Rates:
    """The rates on this machine, with one thread.

    Args:
        rows: that are read and kept.
        length: tokens of the rows that are scored.
        width: of the model that they are scored with.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known = embedded_rows("retain")
        texts = [known[k % len(known)].example for k in range(rows)]
        file = folder / "rows.jsonl"
        lines = (json.dumps({"question": text.prompt, "answer": text.answer}) + "\n" for text in texts)
        file.write_text("".join(lines), encoding="utf-8")
        reading = core_seconds(lambda: sum(1 for _ in open_source(str(file)).rows()))
        # What is kept of a row is the same whichever model scored it.
        (one,) = score(load_model("embedded"), texts[0], SCORERS)
        record = one.to_dict()
        parts = Parts(folder / "scores.jsonl", {"scorers": list(SCORERS)}, rows, SHARD_ROWS)

        def keep() -> None:
            parts.open()
            for shard in range(parts.shards):
                first = shard * SHARD_ROWS
                numbers = range(first, min(first + SHARD_ROWS, rows))
                parts.put(shard, [{"row": number, "model": "embedded", **record} for number in numbers])
            parts.join()

        keeping = core_seconds(keep)
        parts.close()
        size = parts.out.stat().st_size / rows
    return Rates(rows / reading, rows / keeping, size, _share(length, width))


def _share(length: int, width: int) -> float:
    torch.manual_seed(0)
    tokenizer = load_model("embedded").tokenizer
    tokenizer.model_max_length = 4096
    shape = {"hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": 4}
    config = LlamaConfig(
        vocab_size=len(tokenizer), num_attention_heads=width // 64, max_position_embeddings=4096, **shape
    )
    model = LanguageModel(LlamaForCausalLM(config).requires_grad_(False), tokenizer, name="random")
    rows = long_rows(model, length)[:8]
    examples = [row.example for row in rows]
    _, flops = flops_of(model, rows)

    def work() -> None:
        score(model, examples, SCORERS, mask_scope="prompt")

    work()
    found = FORWARDS * flops / core_seconds(work)
    one, two = torch.randn(1024, width), torch.randn(width, 4 * width)
    one @ two
    product = 20 * 2 * 1024 * width * 4 * width / core_seconds(lambda: [one @ two for _ in range(20)])
    return found / product


def table(rates: Rates) -> str:
    """What was measured, and what follows for `ROWS` rows of `TOKENS` tokens and a 70B model."""
    flops = ROWS * FORWARDS * row_flops(TOKENS, LABELS, **SEVENTY)  # type: ignore[arg-type]
    hours = [flops / (share * H100_PEAK) / 3600 for share in (rates.share, USUAL)]
    lines = [
        ("rows read a second, one core", f"{rates.reading:,.0f}"),
        ("scored rows kept and joined a second, one core", f"{rates.keeping:,.0f}"),
        ("bytes of a scored row, JSON Lines", f"{rates.row_bytes:,.0f}"),
        ("of a matrix product's rate, scoring", f"{rates.share:.0%}"),
        ("", ""),
        ("operations, 10^9 rows, two forwards of 70B", f"{flops:.2g}"),
        ("hours of one H100, at best", f"{hours[0]:,.0f}"),
        (f"hours of one H100 at {USUAL:.0%} of its peak", f"{hours[1]:,.0f}"),
        ("core hours of reading, once", f"{ROWS / rates.reading / 3600:,.1f}"),
        ("core hours of keeping and joining", f"{ROWS / rates.keeping / 3600:,.1f}"),
        ("terabytes of JSON Lines", f"{ROWS * rates.row_bytes / 1e12:,.1f}"),
    ]
    return "\n".join(f"| {what} | {value} |" for what, value in lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure, print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks scale", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000, help="that are read and kept [20000]")
    parser.add_argument("--length", type=int, default=256, help="tokens of a row that is scored [256]")
    parser.add_argument("--width", type=int, default=1024, help="of the model that scores [1024]")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print(table(measured(options.rows, options.length, options.width)), end="")
