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
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from attribution import load_model
from benchmarks.families_checks import CHECKS, EXAMPLES, TOLERANCE, plain_logits
from benchmarks.families_tiny import mapped, tiny_model, tiny_tokenizer

SECONDS = 240
PART = Path(tempfile.gettempdir()) / "families.jsonl"


ABOUT = f"""\
# Every class of causal models

Written by `python -m benchmarks families`. Of every class that transformers maps for causal language models a tiny
random model is made, saved, loaded by `load_model`, and held against its own plain forward in float32, a row at a time:
log-probabilities of rows of several lengths (to {TOLERANCE:g} nats), rows in a batch against single ones, every scope
of masking against an explicit mask, the loss and all gradients of training, greedy answers against a loop of argmax, a
changed copy saved and loaded again, adapters beside the weights against adapters added into them, two steps of the
default run and its first loss.

*right*: all of it holds. *refused*: it is not loaded, for the reason beside it. *not made*: transformers makes no tiny
model of the class, or none that reads text alone. *wrong*: a difference, or something not done in time, that is still
to be mended. What is refused of a class that is right otherwise, such as hiding tokens in recurrent layers, stands
beside it.

Rows are shorter than what a sparse attention picks: which of two equal keys it picks is chance in a random model. RWKV
is read without the halving of its upper blocks, which is for float16.
"""


class NotMade(Exception):
    """There is no tiny model of this class that reads text alone."""


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
