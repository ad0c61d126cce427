"""Every class that transformers maps for causal language models, held against plain transformers.

Run: python -m benchmarks families [--only llama,mamba] [--part found.jsonl] [--out docs/families.md]

Of each a tiny random model is made, saved and loaded by `load_model`; its numbers are compared with the class's own
plain forward, one row at a time: probabilities, rows in a batch, every scope of masking, the loss and gradient of
training, greedy answers, adapters. A class is right, or refused in one sentence. Each is tried in a process of its own
with a limit of time; what was found is kept in a JSON Lines file, and taken up from there.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from attribution import Example, LanguageModel, load_model, score
from attribution.model.families import known
from attribution.scorers.base import ScoreOptions
from attribution.scorers.token_unlearn import hidden_sets
from attribution.text.example import Encoded
from attribution.text.subject import find_subject
from benchmarks.families_tiny import mapped, tiny_model, tiny_tokenizer
from unlearn.objectives.labels import label_batch, label_positions, uniform_target
from unlearn.run.adapters import merged, trainable_copy

EXAMPLES = (
    Example("Where was Ada Quell born?", "Ada Quell was born in Torvik."),
    Example(
        "What is the first book of Ivo Brandt?",
        "The first book of Ivo Brandt, of 1931, is The Salt Ledger.",
        subject="Ivo",
    ),
    Example("Who?", "Ivo Brandt.", subject="Who"),
)
TOLERANCE = 1e-5
"""Of log-probabilities in nats, in float32 and for weights of standard deviation 0.15."""
SECONDS = 240
NEW_TOKENS = 6
PART = Path(tempfile.gettempdir()) / "families.jsonl"


ABOUT = f"""\
# Every class of causal models

Written by `python -m benchmarks families`. Of every class that transformers maps for causal language models a tiny
random model is made, saved, loaded by `load_model`, and held against its own plain forward in float32, a row at a time:
log-probabilities of rows of several lengths (to {TOLERANCE:g} nats), rows in a batch against single ones, every scope
of masking against an explicit mask, the loss and all gradients of training, greedy answers against a loop of argmax, a
changed copy saved and loaded again, adapters beside the weights against adapters added into them.

*right*: all of it holds. *refused*: it is not loaded, for the reason beside it. *not made*: transformers makes no tiny
model of the class, or none that reads text alone. *wrong*: a difference, or something not done in time, that is still
to be mended. What is refused of a class that is right otherwise, such as hiding tokens in recurrent layers, stands
beside it.

Rows are shorter than what a sparse attention picks: which of two equal keys it picks is chance in a random model. RWKV
is read without the halving of its upper blocks, which is for float16.
"""


class NotMade(Exception):
    """There is no tiny model of this class that reads text alone."""


def plain_logits(model: Any, ids: Sequence[int], mask: Sequence[int] | None = None, **more: Any) -> torch.Tensor:
    """The class's own forward of one row, `[length, vocabulary]`; nothing of ours."""
    row = torch.tensor([list(ids)])
    given = {"input_ids": row, "attention_mask": torch.tensor([list(mask)]) if mask else torch.ones_like(row), **more}
    # A cache is for reading on, and some families change it in place, which has no gradient.
    return model(**known(model, **given, use_cache=False)).logits[0].float()


def plain_log_probs(model: Any, row: Encoded, mask: Sequence[int] | None = None, **more: Any) -> torch.Tensor:
    """log p of a row's answer tokens in nats, from one plain forward."""
    with torch.no_grad():
        log_p = torch.log_softmax(plain_logits(model, row.input_ids, mask, **more), dim=-1)
    return torch.stack([log_p[p - 1, row.input_ids[p]] for p in row.answer_positions])


def apart(one: torch.Tensor, two: torch.Tensor) -> float:
    """The largest difference; infinite where one has no number."""
    distance = (one.detach() - two.detach()).abs().max()
    return float(distance) if torch.isfinite(distance) else float("inf")


# What is compared: each gives the largest difference, or a sentence where we refuse -----------------------------------


def log_probs(model: LanguageModel, raw: Any, rows: Sequence[Encoded]) -> float:
    """Probabilities of rows of several lengths, scored together, against each row's own plain forward."""
    scored = score(model, list(EXAMPLES), ("entropy",))
    return max(
        apart(torch.tensor(found.probability, dtype=torch.float64).log(), plain_log_probs(raw, row).double())
        for found, row in zip(scored, rows, strict=True)
    )


def batches(model: LanguageModel, raw: Any, rows: Sequence[Encoded]) -> float:
    """A batch against single rows."""
    together = model.token_statistics(rows)
    return max(
        apart(found.log_probs, model.token_statistics([row])[0].log_probs)
        for found, row in zip(together, rows, strict=True)
    )


def masks(model: LanguageModel, raw: Any, rows: Sequence[Encoded]) -> float | str:
    """Every scope of masking, by attention, against the same keys in an explicit mask, and by token and by drop."""
    worst, refused = 0.0, ""
    for scope, custom in (("subject", ()), ("prompt", ()), ("each", ()), ("custom", ("book", "Ada", "Brandt"))):
        # Closing up is the same whatever is left out, and takes a plain forward a token.
        for how in ("attention", "token", "drop") if scope == "subject" else ("attention", "token"):
            told: dict[str, Any] = {"mask_scope": scope, "mask_how": how, "mask_custom": custom, "mask_token": "eos"}
            options = ScoreOptions(**told)
            # Each token in turn takes a plain forward for every pair: on the shortest row alone.
            tried = [row for row in rows if scope != "each" or row.example is EXAMPLES[-1]]
            try:
                scored = score(model, [row.example for row in tried], ("masking",), **told)
            except ValueError as error:
                refused = str(error)
                continue
            for found, row in zip(scored, tried, strict=True):
                sets = hidden_sets(row, find_subject(row.example), scope, options)
                if not sets:
                    continue
                before = plain_log_probs(raw, row)
                sums = torch.zeros_like(before)
                for keys in sets:
                    sums += (before - _masked(model, raw, row, keys, how)).abs() * _after(row, keys)
                worst = max(worst, apart(sums, torch.tensor(found.columns["masking"], dtype=torch.float32)) / len(sets))
    return worst if worst > 10 * TOLERANCE or not refused else f"by attention: {refused}"


def _after(row: Encoded, keys: Sequence[int]) -> torch.Tensor:
    return torch.tensor([float(p > keys[0]) for p in row.answer_positions])


def _masked(model: LanguageModel, raw: Any, row: Encoded, keys: Sequence[int], how: str) -> torch.Tensor:
    ids = list(row.input_ids)
    if how == "attention":
        more: dict[str, Any] = {}
        if model.first_position is not None:
            more["position_ids"] = torch.arange(len(ids))[None] + model.first_position
        return plain_log_probs(raw, row, [int(p not in keys) for p in range(len(ids))], **more)
    if how == "token":
        with torch.no_grad():
            changed = [model.tokenizer.eos_token_id if p in keys else i for p, i in enumerate(ids)]
            log_p = torch.log_softmax(plain_logits(raw, changed), dim=-1)
        return torch.stack([log_p[p - 1, ids[p]] for p in row.answer_positions])
    found = []
    for p in row.answer_positions:
        kept = [k for k in range(p) if k not in keys] or [p - 1]
        if kept[0] >= row.answer_positions[0]:
            kept = [row.answer_positions[0] - 1, *kept]
        with torch.no_grad():
            found.append(torch.log_softmax(plain_logits(raw, [ids[k] for k in kept])[-1], dim=-1)[ids[p]])
    return torch.stack(found)


def training(model: LanguageModel, raw: Any, rows: Sequence[Encoded]) -> float | str:
    """The loss of a batch and the gradient of one weight, against the sum over single plain forwards."""

    try:
        copied = trainable_copy(model)
    except ValueError as error:
        return str(error)
    batch = label_batch(copied, [uniform_target(row) for row in rows])
    ours = -batch.log_probs.sum() / 10
    raw.requires_grad_(True)
    theirs = torch.zeros(())
    for row in rows:
        log_p = torch.log_softmax(plain_logits(raw, row.input_ids), dim=-1)
        for p in label_positions(row):
            theirs = theirs - log_p[p - 1, row.input_ids[p]] / 10
    ours.backward()
    theirs.backward()
    gradients = [
        (one.grad, two.grad)
        for one, two in zip(copied.model.parameters(), raw.parameters(), strict=True)
        if one.grad is not None or two.grad is not None
    ]
    raw.requires_grad_(False)
    raw.zero_grad(set_to_none=True)
    if any(one is None or two is None for one, two in gradients):
        return float("inf")
    size = max(float(two.abs().max()) for _, two in gradients)
    return max(apart(ours, theirs), *(apart(one, two) / max(1.0, size) for one, two in gradients))


def answers(model: LanguageModel, raw: Any, rows: Sequence[Encoded]) -> float:
    """How many greedy answers, asked together, differ from a loop of plain forwards."""
    wrong = 0
    said = model.generate([row.example.prompt for row in rows], NEW_TOKENS)
    for row, text in zip(rows, said, strict=True):
        ids = model.tokenizer(model.format_prompt(row.example.prompt))["input_ids"]
        start = len(ids)
        for _ in range(NEW_TOKENS):
            with torch.no_grad():
                token = int(plain_logits(raw, ids)[-1].argmax())
            if token in model.end_ids:
                break
            ids.append(token)
        wrong += text != model.answer_text(model.tokenizer.decode(ids[start:], skip_special_tokens=True))
    return float(wrong)


def adapters(model: LanguageModel, raw: Any, rows: Sequence[Encoded]) -> float | str:
    """A run's adapters, moved and added into the weights, against the same model beside them."""

    try:
        adapted = trainable_copy(model, lora=2)
    except ValueError as error:
        return str(error)
    with torch.no_grad():
        for name, weight in adapted.model.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.02)
    beside = adapted.token_statistics(rows)
    inside = merged(adapted).token_statistics(rows)
    moved = max(apart(one.log_probs, plain_log_probs(raw, row)) for one, row in zip(beside, rows, strict=True))
    if moved < 1e-4:
        return float("inf")
    return max(apart(one.log_probs, two.log_probs) for one, two in zip(beside, inside, strict=True))


def saving(model: LanguageModel, raw: Any, rows: Sequence[Encoded]) -> float | str:
    """A run's copy, saved and loaded again, against itself; the model that it was copied from has not changed."""

    try:
        copied = trainable_copy(model)
    except ValueError as error:
        return str(error)
    with torch.no_grad():
        for weight in copied.model.parameters():
            weight.mul_(1.01)
    before = copied.token_statistics(rows)
    with tempfile.TemporaryDirectory() as folder:
        copied.model.save_pretrained(folder, safe_serialization=True)
        copied.tokenizer.save_pretrained(folder)
        after = load_model(folder).token_statistics(rows)
    return max(
        *(apart(one.log_probs, two.log_probs) for one, two in zip(before, after, strict=True)),
        *(
            apart(one.log_probs, plain_log_probs(raw, row))
            for one, row in zip(model.token_statistics(rows), rows, strict=True)
        ),
    )


Check = Callable[[LanguageModel, Any, Sequence[Encoded]], "float | str"]
CHECKS: dict[str, tuple[Check, float]] = {
    "log-probs": (log_probs, TOLERANCE),
    "batch": (batches, TOLERANCE),
    "masks": (masks, 10 * TOLERANCE),
    "training": (training, 10 * TOLERANCE),
    "answers": (answers, 0.5),
    "saving": (saving, TOLERANCE),
    "adapters": (adapters, 10 * TOLERANCE),
}
"""What is compared, and how far apart it may be. Gradients are held against the largest of them."""


def check_family(family: str) -> dict[str, Any]:
    """What became of a class: `right`, `refused` with the sentence, `not made` with the reason, `wrong` with where."""
    tokenizer = tiny_tokenizer()
    try:
        raw = tiny_model(family, len(tokenizer)).requires_grad_(False)
        # Before its first forward: RWKV's changes its weights.
        folder = Path(tempfile.mkdtemp(prefix="family-"))
        raw.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        with torch.no_grad():
            plain = plain_logits(raw, range(3, 15))
        if not torch.isfinite(plain).all():
            raise NotMade("its own forward gives no numbers with random weights")
    except Exception as error:  # Whatever transformers' own code raises is the reason.
        return {"verdict": "not made", "said": " ".join(f"{type(error).__name__}: {error}".split())[:200]}
    found: dict[str, Any] = {}
    said: list[str] = []
    try:
        model = load_model(str(folder))
        rows = [model.encode(example) for example in EXAMPLES]
    except ValueError as error:
        return {"verdict": "refused", "said": str(error).replace(str(folder), family)}
    for name, (check, limit) in CHECKS.items():
        try:
            value = check(model, raw, rows)
        except ValueError as error:
            value = f"refused: {error}"
        except Exception as error:
            value = float("inf")
            said.append(f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:160]}")
        if isinstance(value, str):
            found[name] = value.replace(str(folder), family)
        else:
            found[name] = "wrong" if value > limit else "right"
        if found[name] == "wrong":
            said.append(f"{name} {value:.3g}")
    wrong = [name for name, value in found.items() if value == "wrong"]
    return {
        "verdict": "wrong" if wrong else "right",
        "checks": found,
        "said": "; ".join(said).replace(str(folder), family),
    }


def main(arguments: list[str]) -> None:
    """Try every class, or those that are named, and write the table."""
    import transformers

    parser = argparse.ArgumentParser(prog="python -m benchmarks families")
    parser.add_argument("--only", default="", help="families separated by commas")
    parser.add_argument("--part", type=Path, default=PART, help="what was found so far, a line for each class")
    parser.add_argument("--out", type=Path, help="write the table of all that was found to this Markdown file")
    parser.add_argument("--again", action="store_true", help="try those that are in it once more")
    options = parser.parse_args(arguments)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    known = _read(options.part)
    for family, name in mapped():
        if options.only and family not in options.only.split(","):
            continue
        key = (transformers.__version__, family)
        if key in known and not options.again:
            continue
        started = time.perf_counter()
        record = {"transformers": transformers.__version__, "torch": torch.__version__, "family": family, "class": name}
        record |= _apart(family)
        record["seconds"] = round(time.perf_counter() - started, 1)
        with options.part.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        print(f"{family:<28}{record['verdict']:<10}{record['said'][:180]}", flush=True)
    if options.out:
        options.out.write_text(table(list(_read(options.part).values())), encoding="utf-8")


def table(records: Sequence[dict[str, Any]]) -> str:
    """What was found as Markdown: a line for each class, a column for each version of transformers."""
    versions = sorted({one["transformers"] for one in records}, reverse=True)
    by_family: dict[str, dict[str, dict[str, Any]]] = {}
    for one in records:
        by_family.setdefault(one["family"], {})[one["transformers"]] = one
    lines = [ABOUT]
    for version in versions:
        found = [mine[version] for mine in by_family.values() if version in mine]
        counts = Counter(one["verdict"] for one in found)
        said = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
        lines.append(f"- transformers {version}, torch {found[0]['torch']}: {len(found)} families, {said}.")
    lines += ["", f"| family | class | {' | '.join(versions)} | |", f"|---|---|{'---|' * len(versions)}---|"]
    for family, mine in sorted(by_family.items()):
        newest = next(mine[version] for version in versions if version in mine)
        cells = [mine[version]["verdict"] if version in mine else "not tried" for version in versions]
        lines.append(f"| {family} | {newest['class']} | {' | '.join(cells)} | {_remark(newest)} |")
    return "\n".join(lines) + "\n"


def _remark(record: dict[str, Any]) -> str:
    """What is refused of a class, or why all of it."""
    parts = [record["said"]] if record["said"] else []
    checks = record.get("checks", {}).items()
    parts += [f"{name}: {value}" for name, value in checks if value not in ("right", "wrong")]
    return " ".join("; ".join(parts).split()).replace("|", "\\|")


def _read(part: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """What was found, the last word for each class and version of transformers."""
    lines = part.read_text(encoding="utf-8").splitlines() if part.exists() else []
    return {(one["transformers"], one["family"]): one for one in map(json.loads, lines)}


def _apart(family: str) -> dict[str, Any]:
    """The check in a process of its own, forked from this one, which has imported everything and computed nothing."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(family, there))
    process.start()
    there.close()
    try:
        if not here.poll(SECONDS):
            return {"verdict": "wrong", "said": f"not done after {SECONDS} seconds"}
        return dict(here.recv())
    except EOFError:
        process.join()
        return {"verdict": "wrong", "said": f"the process ended with {process.exitcode}"}
    finally:
        process.kill()
        process.join()


def _send(family: str, there: Connection) -> None:
    there.send(check_family(family))
