"""What scoring costs: against Captum's leave-one-out, in plain forwards, and in memory at a large vocabulary.

Run: python -m benchmarks scoring     (the first part needs Captum: pip install captum)
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial

import torch

from attribution import Example, LanguageModel, load_model, score
from attribution.data.rows import embedded_rows
from benchmarks.side_by_side import side_by_side

CAPTUM_ROWS = 32
BATCH_ROWS = 16
CAPTUM_WAYS = {
    "its default": {},
    "no cache": {"use_cached_outputs": False},
    "whole sequences": {"forward_in_tokens": False, "use_cached_outputs": False},
}
VOCABULARY, LENGTH, WIDTH = 128_000, 2048, 64
KILOBYTES_PER_MB = 1024


def leave_one_out(model: LanguageModel, rounds: int) -> None:
    """Every prompt token replaced by the pad token in turn: ours and Captum's, equal numbers and then times."""
    if importlib.util.find_spec("captum") is None:
        print("Captum is not installed, so there is nothing to compare leave-one-out with: pip install captum")
        return
    rows = [row.example for row in embedded_rows("forget")[:: 390 // CAPTUM_ROWS][:CAPTUM_ROWS]]
    ours = partial(our_matrices, model, rows)
    for name, way in CAPTUM_WAYS.items():
        theirs = partial(captum_matrices, model, rows, way)
        apart = max(float((a - b).abs().max()) for a, b in zip(ours(), theirs(), strict=True))
        print(side_by_side(f"leave-one-out, {len(rows)} rows: ours / Captum ({name})", ours, theirs, rounds))
        print(f"{'':<72}largest difference {apart:.1e} nats")


def our_matrices(model: LanguageModel, rows: Sequence[Example]) -> list[torch.Tensor]:
    """`[answer tokens, prompt tokens]` per row, in nats."""
    options = {"mask_scope": "each", "mask_how": "token", "context": "prompt", "signed": True, "matrix": True}
    scores = score(model, rows, ("masking",), **options)
    return [torch.tensor(one.matrix.values, dtype=torch.float64).T for one in scores if one.matrix]


def captum_matrices(model: LanguageModel, rows: Sequence[Example], way: dict[str, bool]) -> list[torch.Tensor]:
    """The same numbers from `LLMAttribution(FeatureAblation)`, which keeps the template's tokens as they are."""
    from captum.attr import FeatureAblation, LLMAttribution, TextTokenInput

    method = LLMAttribution(FeatureAblation(model.model), model.tokenizer)
    found = []
    for row in rows:
        encoded = model.encode(row)
        first, last = encoded.answer_positions[0], encoded.answer_positions[-1]
        inputs = TextTokenInput(
            model.format_prompt(row.prompt), model.tokenizer, baselines=model.tokenizer.pad_token_id
        )
        # Its skip_tokens go by id and would skip a template's word in the question too: say which positions instead.
        inputs.itp_mask = torch.tensor([[i in encoded.prompt_positions for i in range(first)]])
        inputs.itp_tensor = inputs.inp_tensor[inputs.itp_mask].unsqueeze(0)
        inputs.n_itp_features = len(encoded.prompt_positions)
        inputs.values = model.tokenizer.convert_ids_to_tokens(inputs.itp_tensor[0].tolist())
        labels = torch.tensor(encoded.input_ids[first : last + 1])
        result = method.attribute(inputs, target=labels, **way)
        found.append(result.token_attr.double())
    return found


def forwards(model: LanguageModel, rounds: int) -> None:
    """Three scorers over all of forget05, against two plain forwards of the same rows."""
    rows = [row.example for row in embedded_rows("forget")]
    encoded = [model.encode(row) for row in rows]
    names = ("masking", "entropy", "learned")

    def plain(batches: Sequence[Sequence[int]]) -> None:
        for _ in range(2):
            for batch in batches:
                ids = [torch.tensor(encoded[i].input_ids) for i in batch]
                padded = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
                mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(one) for one in ids], batch_first=True)
                with torch.inference_mode():
                    model.model(input_ids=padded, attention_mask=mask)

    in_order = list(range(len(rows)))
    by_length = sorted(in_order, key=lambda i: len(encoded[i].input_ids))
    for what, order in (("as they come", in_order), ("sorted by length", by_length)):
        batches = [order[i : i + BATCH_ROWS] for i in range(0, len(order), BATCH_ROWS)]
        label = f"two plain forwards, {len(rows)} rows {what} / {' + '.join(names)}"
        print(side_by_side(label, partial(plain, batches), partial(score, model, rows, names), rounds))


def memory() -> None:
    """Peak memory of the entropy at a large vocabulary, over that of the body's forward, in processes of their own."""
    peaks = {}
    for what in ("body", "entropy"):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks", "scoring", "--peak", what], capture_output=True, text=True, check=True
        )
        peaks[what] = float(done.stdout)
    added = peaks["entropy"] - peaks["body"]
    print(
        f"entropy, vocabulary {VOCABULARY}, {LENGTH} tokens: {added:.0f} MB over the forward ({peaks['body']:.0f} MB)"
    )


def peak(what: str) -> float:
    """Megabytes that this process held at most, after the body's forward alone or after all of the statistics."""
    import transformers

    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        intermediate_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=2 * LENGTH,
    )
    torch.manual_seed(0)
    tokenizer = load_model("embedded").tokenizer
    tokenizer.model_max_length = 2 * LENGTH
    model = LanguageModel(transformers.LlamaForCausalLM(config).eval(), tokenizer)
    row = model.encode(Example("", " was" * (LENGTH - 1)))
    forget_peak()
    with torch.inference_mode():
        model.model.model(input_ids=torch.tensor([row.input_ids]))
    if what == "entropy":
        model.token_statistics([row])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KILOBYTES_PER_MB


def forget_peak() -> None:
    """Let the peak start from what is held now, where the system can: building the model must not hide it."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, time, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks scoring", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each pair is timed (default: 5)")
    parser.add_argument("--peak", choices=("body", "entropy"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.peak:
        print(peak(options.peak))
        return
    model = load_model("embedded")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; median of each, ratio of each round's two")
    parts: list[Callable[[], None]] = [
        partial(leave_one_out, model, options.rounds),
        partial(forwards, model, options.rounds),
        memory,
    ]
    for part in parts:
        part()
