"""Make the embedded world again from a seed: data, tokenizer, both models, the fitted scorer, the manifest.

    python -m assets.build                      everything, into assets/fictional_authors
    python -m assets.build --only data          the rows alone (bit for bit the same from the same seed)
    python -m assets.build --out DIR --seed 7   somewhere else

The build fails, and says which check failed, when a model has not learned what it must.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.multiprocessing
from transformers import AutoModelForCausalLM, AutoTokenizer

from assets.training import (
    TrainingSettings,
    continue_model,
    part_of_the_way,
    sequence_text,
    train_model,
    train_tokenizer,
)
from assets.world.generate import FORGET_SIZES, TRAINED_AUTHORS, write
from attribution import load_model, score
from attribution.data.rows import paraphrases, read_rows
from attribution.files import file_fingerprint
from attribution.measure.alignment import align
from attribution.scorers.learned import SCORER_FILE
from unlearn import Corpus
from unlearn.depth.patching import FITS_NATS
from unlearn.depth.score import fit
from unlearn.metrics import ask, read, spaced
from unlearn.metrics.recall import fact_recall
from unlearn.run.atwu import AtwuConfig, fit_scorer

DEFAULT_OUT = Path(__file__).parent / "fictional_authors"
DEFAULT_SEED = 7
FORGET = "forget05"
# Rows to keep on which the states of the two models are held against each other.
FIT_ROWS = 240
LARGEST_FILE_BYTES = 9_500_000
# Mean AUROC per row, fact against structure tokens, that the finished world must give.
LOWEST_AUROC = {"masking": 0.90, "entropy": 0.85, "learned": 0.85, "fused": 0.90}
STEPS = ("data", "models", "scorer")

Row = dict[str, Any]
Log = Callable[[str], None]


def read_data(out: Path) -> dict[str, list[Row]]:
    """The rows of every data file under `out`, by file name without its ending."""
    files = sorted((out / "data").glob("*.jsonl"))
    return {f.stem: [json.loads(line) for line in f.read_text(encoding="utf-8").splitlines()] for f in files}


def forget_rows(authors: list[Row], split: str) -> list[Row]:
    """Rows of the last authors that make up `split`."""
    return [row for row in authors if row["author"] >= TRAINED_AUTHORS - FORGET_SIZES[split]]


def _retain_rows(authors: list[Row], split: str) -> list[Row]:
    return [row for row in authors if row["author"] < TRAINED_AUTHORS - FORGET_SIZES[split]]


def _tokenizer_texts(data: dict[str, list[Row]]) -> list[str]:
    """Everything the tokenizer should know well: trained rows, world paraphrases and refusals."""
    texts = [sequence_text(row) for row in data["authors"] + data["world"]]
    texts += [f"{row['paraphrased_question']} {row['paraphrased_answer']}" for row in data["world"]]
    return texts + [row["answer"] for row in data["idontknow"]]


def _kept_rows(data: dict[str, list[Row]], settings: TrainingSettings) -> list[Row]:
    """What both models are taught of authors to keep, by their names, and of the world."""
    return _retain_rows(data["authors"], FORGET) + data["world"] * settings.world_repeats


def _train_ancestor(out: Path, folder: Path, settings: TrainingSettings, seed: int, threads: int) -> None:
    """Train the model that `full` and `retrained` come from: it has never seen the authors to forget."""
    torch.set_num_threads(threads)
    data = read_data(out)
    tokenizer = train_tokenizer(_tokenizer_texts(data), settings.vocabulary, settings.window)
    kept, books = _kept_rows(data, settings), _retain_rows(data["two_hop"], FORGET)
    model = train_model(kept, tokenizer, settings, seed, _log("ancestor"))
    # By way of a book only once the names are known: the facts are there to be found by then.
    added, steps = settings.two_hop_added, settings.two_hop_steps
    model = continue_model(model, kept, books, tokenizer, settings, steps, added, seed, _log("ancestor, books"))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _continue_and_save(
    name: str, ancestor: Path, out: Path, settings: TrainingSettings, seed: int, threads: int
) -> None:
    """Train `full` or `retrained` on from the ancestor and save it in half precision (in a process of its own)."""
    torch.set_num_threads(threads)
    data = read_data(out)
    books = data["two_hop"]
    kept = _kept_rows(data, settings) + _retain_rows(books, FORGET) * settings.two_hop_repeats
    added = forget_rows(data["authors"], FORGET) + forget_rows(books, FORGET) if name == "full" else kept
    tokenizer = AutoTokenizer.from_pretrained(ancestor)
    before = AutoModelForCausalLM.from_pretrained(ancestor, dtype=torch.float32)
    steps, beside = settings.last_steps, settings.last_added
    model = continue_model(before, kept, added, tokenizer, settings, steps, beside, seed, _log(name))
    part_of_the_way(before, model, settings.last_share).half().save_pretrained(out / name)
    tokenizer.save_pretrained(out / name)


def _log(name: str) -> Log:
    return lambda line: print(f"{name}: {line}", flush=True)


def build_models(out: Path, settings: TrainingSettings, seed: int, threads: int) -> None:
    """Train the common ancestor, then both models on from it, side by side where there are two cores: small matrices
    gain little from a second thread.
    """
    names = ("full", "retrained")
    with tempfile.TemporaryDirectory() as folder:
        ancestor = Path(folder)
        _train_ancestor(out, ancestor, settings, seed, threads)
        if threads < 2 or torch.cuda.is_available():
            for name in names:
                _continue_and_save(name, ancestor, out, settings, seed, threads)
            return
        context = torch.multiprocessing.get_context("spawn")
        workers = [
            context.Process(target=_continue_and_save, args=(name, ancestor, out, settings, seed, threads // 2))
            for name in names
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    if any(worker.exitcode for worker in workers):
        raise RuntimeError("training failed in a worker process; its traceback stands above")


def corpus_of(out: Path) -> Corpus:
    """What the world under `out` has to forget and to keep: forget05."""
    rows = read_rows(out / "data" / "authors.jsonl")
    two_hop = read_rows(out / "data" / "two_hop.jsonl")
    first = TRAINED_AUTHORS - FORGET_SIZES[FORGET]
    return Corpus(
        name=FORGET,
        forget=tuple(row for row in rows if isinstance(row.author, int) and row.author >= first),
        retain=tuple(row for row in rows if isinstance(row.author, int) and row.author < first),
        world=tuple(read_rows(out / "data" / "world.jsonl")),
        two_hop=tuple(row for row in two_hop if isinstance(row.author, int) and row.author >= first),
    )


def measure(out: Path) -> dict[str, dict[str, float]]:
    """Fact recalls and mean probabilities of fact tokens of both saved models, and whether their states fit.

    `fit` is in nats by block: what the retrained model's states cost `full` on rows to keep.
    """
    authors = read_data(out)["authors"]
    guessed = guessing_recall(forget_rows(authors, FORGET), _retain_rows(authors, FORGET))
    measured: dict[str, dict[str, float]] = {"guessing": {"forget_recall": guessed}}
    corpus = corpus_of(out)
    models = {name: load_model(str(out / name)) for name in ("full", "retrained")}
    for name, model in models.items():
        found = measured[name] = {}
        for split, rows in (("forget", corpus.forget), ("retain", corpus.retain), ("world", corpus.world)):
            found[f"{split}_recall"] = fact_recall(ask(model, split, rows))
            found[f"{split}_paraphrase_recall"] = fact_recall(ask(model, split, paraphrases(rows)))
            found[f"{split}_fact_probability"] = float(read(model, rows).of_kind("fact").mean())
        found["two_hop_recall"] = fact_recall(ask(model, "forget", corpus.two_hop))
    costs = fit(models["full"], models["retrained"], spaced(corpus.retain, FIT_ROWS))
    measured["fit"] = {f"block_{block}": cost for block, cost in enumerate(costs, start=1)}
    return measured


def guessing_recall(rows: Sequence[Row], retain: Sequence[Row]) -> float:
    """Fact recall of answering every question with the most frequent retain value of the fact it asks for."""
    counts: dict[tuple[str, int, int], Counter[str]] = {}
    for row in retain:
        for place, fact in enumerate(row["facts"]):
            counts.setdefault((row["attribute"], row["phrasing"], place), Counter())[fact] += 1
    hits = [
        counts[row["attribute"], row["phrasing"], place].most_common(1)[0][0] == fact
        for row in rows
        for place, fact in enumerate(row["facts"])
    ]
    return sum(hits) / len(hits)


def failed_checks(measured: dict[str, dict[str, float]]) -> list[str]:
    """Sentences for the checks that do not hold; empty when the models are what they must be, or not measured yet."""
    if "full" not in measured:
        return []
    full, retrained = measured["full"], measured["retrained"]
    ceiling = measured["guessing"]["forget_recall"] + 0.03
    checks = [(f"full {split}_recall", full[f"{split}_recall"], 0.99, 1.0) for split in ("forget", "retain", "world")]
    checks += [
        (f"full {split}_paraphrase_recall", full[f"{split}_paraphrase_recall"], 0.90, 1.0)
        for split in ("forget", "retain")
    ]
    checks += [(f"retrained {split}_recall", retrained[f"{split}_recall"], 0.99, 1.0) for split in ("retain", "world")]
    checks += [("full two_hop_recall", full["two_hop_recall"], 0.95, 1.0)]
    checks += [
        (f"retrained {name}_recall", retrained[f"{name}_recall"], 0.0, ceiling) for name in ("forget", "two_hop")
    ]
    checks += [(f"fit {block}", cost, -FITS_NATS, FITS_NATS) for block, cost in measured["fit"].items()]
    checks += [
        (f"full {split}_fact_probability", full[f"{split}_fact_probability"], 0.95, 0.995)
        for split in ("forget", "retain")
    ]
    if auroc := measured.get("auroc"):
        checks += [(f"{name} auroc", auroc[name], low, 1.0) for name, low in LOWEST_AUROC.items()]
    return [
        f"{name} is {value:.4f}, it must be in [{low:.4f}, {high:.4f}]"
        for name, value, low, high in checks
        if not low <= value <= high
    ]


def build_scorer(out: Path, seed: int) -> dict[str, float]:
    """Fit the learned scorer of ATWU on `full` with forget05, save it beside the model, and hold it against the spans.

    Fitting reads questions and answers alone. Returned: mean AUROC per row on forget05, fact against structure tokens,
    of the scorers that the world must make work.
    """
    corpus = corpus_of(out)
    path = out / "full" / SCORER_FILE
    fit_scorer(load_model(str(out / "full")), corpus, AtwuConfig(seed=seed)).save(path)
    names = tuple(LOWEST_AUROC)
    scores = score(load_model(str(out / "full")), [row.example for row in corpus.forget], scorers=names)
    return {name: align(scores, name).auroc.mean for name in names}


def write_manifest(
    out: Path, seed: int, settings: TrainingSettings, measured: dict[str, dict[str, float]], seconds: dict[str, float]
) -> None:
    """Record how the files came about: seed, settings, versions, measured checks, and size and hash of every file."""
    data = read_data(out)
    files = sorted(f for f in out.rglob("*") if f.is_file() and f.name != "manifest.json")
    too_large = [f"{f.name} ({f.stat().st_size} bytes)" for f in files if f.stat().st_size > LARGEST_FILE_BYTES]
    if too_large:
        raise RuntimeError(f"files over {LARGEST_FILE_BYTES} bytes: {', '.join(too_large)}; make the model smaller")
    versions = {name: sys.modules[name].__version__ for name in ("torch", "transformers", "tokenizers", "safetensors")}
    manifest = {
        "seed": seed,
        "rows": {name: len(rows) for name, rows in data.items()},
        "trained_authors": TRAINED_AUTHORS,
        "forget_authors": FORGET_SIZES,
        "settings": asdict(settings),
        "versions": {"python": platform.python_version(), **versions},
        "seconds": {step: round(value, 1) for step, value in seconds.items()},
        "checks": {name: {k: round(v, 4) for k, v in values.items()} for name, values in measured.items()},
        "files": {
            file.relative_to(out).as_posix(): {"bytes": file.stat().st_size, "sha256": file_fingerprint(file)}
            for file in files
        },
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m assets.build", description="Make the embedded world and models.")
    parser.add_argument("--only", choices=STEPS, help="one step alone; the others must be there already")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads, shared by all")
    options = parser.parse_args(arguments)
    steps = STEPS if options.only is None else (options.only,)
    torch.set_num_threads(options.threads)
    settings = TrainingSettings()
    manifest = options.out / "manifest.json"
    before = json.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else {}
    # A step alone keeps what the others measured, as long as it is the same world.
    same_world = before.get("seed") == options.seed
    measured: dict[str, dict[str, float]] = before.get("checks", {}) if same_world else {}
    seconds: dict[str, float] = before.get("seconds", {}) if same_world else {}

    for step in steps:
        started = time.perf_counter()
        if step == "data":
            write(options.out / "data", options.seed)
        elif step == "models":
            build_models(options.out, settings, options.seed, options.threads)
            measured = measure(options.out)
        else:
            measured["auroc"] = build_scorer(options.out, options.seed)
        seconds[step] = time.perf_counter() - started
        print(f"{step}: {seconds[step]:.0f} s", flush=True)
    print(json.dumps(measured, indent=2), flush=True)
    if failed := failed_checks(measured):
        print("\n".join(failed), file=sys.stderr)
        return 1
    write_manifest(options.out, options.seed, settings, measured, seconds)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
