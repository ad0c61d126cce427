"""What of a class is held against its own plain forward, one row at a time: each check gives how far apart the two are,
or the sentence with which it was refused."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from attribution import Example, LanguageModel, Rule, load_model, score
from attribution.data.rows import Row
from attribution.model.families import known
from attribution.scorers.base import ScoreOptions
from attribution.scorers.token_unlearn import hidden_sets
from attribution.text.example import Encoded
from attribution.text.subject import find_subject
from unlearn import Corpus, run
from unlearn.data.names import encoded_with
from unlearn.objectives.labels import label_batch, label_positions, uniform_target
from unlearn.run.adapters import merged, trainable_copy
from unlearn.run.config import OURS

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
NEW_TOKENS = 6


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


def default_run(model: LanguageModel, raw: Any, rows: Sequence[Encoded]) -> float | str:
    """Two steps of the default run; and its first loss without inner states, against plain forwards of the row about
    somebody else and of the row itself."""
    mine, other = (
        Row(Example(f"Where was {name} born?", f"{name} was born in {place}.", subject=name))
        for name, place in (("Ada Quell", "Torvik"), ("Ivo Quell", "Lorn"))
    )
    corpus = Corpus("two rows", forget=(mine,), retain=(other,))
    small = replace(OURS, rule=Rule("random", "sequence"), steps=2, forget_batch=1, retain_batch=1, probe_every=0)
    if not all(math.isfinite(step.forget_loss) for step in run(model, corpus, small)):
        return math.inf
    first = next(iter(run(model, corpus, replace(small, inner=0.0, steps=1))))
    row, subject = model.encode(mine.example), find_subject(mine.example)
    swapped, pairs = encoded_with(model, row, subject, "Ivo Quell")
    now, taught = (torch.log_softmax(plain_logits(raw, one.input_ids), dim=-1) for one in (row, swapped))
    apart_by = [
        (taught[theirs].exp() * (taught[theirs] - now[mine])).sum()
        for mine, theirs in ((row.answer_positions[one] - 1, swapped.answer_positions[two] - 1) for one, two in pairs)
    ]
    # At the other labels, the name's own and the end, the teacher is the model itself.
    return abs(first.forget_loss - float(torch.stack(apart_by).sum()) / len(label_positions(row)))


Check = Callable[[LanguageModel, Any, Sequence[Encoded]], "float | str"]
CHECKS: dict[str, tuple[Check, float]] = {
    "log-probs": (log_probs, TOLERANCE),
    "batch": (batches, TOLERANCE),
    "masks": (masks, 10 * TOLERANCE),
    "training": (training, 10 * TOLERANCE),
    "answers": (answers, 0.5),
    "saving": (saving, TOLERANCE),
    "adapters": (adapters, 10 * TOLERANCE),
    "run": (default_run, 10 * TOLERANCE),
}
"""What is compared, and how far apart it may be. Gradients are held against the largest of them."""
