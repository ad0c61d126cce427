"""`python -m attribution score-dataset`: a whole data set into one file."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from attribution.cli.common import add_score_options, names_of, score_options_of
from attribution.data.dataset import OUT_KINDS, SHARD_ROWS, Summary, Workers, score_dataset
from attribution.data.rows import SPLITS
from attribution.data.sources import FILE_KINDS, open_source
from attribution.model.loading import load_model
from attribution.scorers import DEFAULT_SCORERS, scorer_info

# Processes wait for the slowest one at the end, which may take as long as the whole run.
LONGEST_WAIT = timedelta(days=30)
SKIPPED_SHOWN = 3


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m attribution score-dataset`."""
    parse = argparse.ArgumentParser(
        prog="python -m attribution score-dataset",
        description="Score every row of a data set into one file. Run it again after a kill and it goes on where it "
        "stopped. Under `accelerate launch` or `torchrun` its processes share the work and write the same file.",
    )
    parse.add_argument(
        "data", help=f"{', '.join(SPLITS)}; a file ({', '.join(FILE_KINDS)}); or a Hub data set, owner/name"
    )
    parse.add_argument("--out", type=Path, required=True, help=f"the file to write: {' or '.join(OUT_KINDS)}")
    parse.add_argument("--model", default="embedded", help="embedded, a Hugging Face folder or a Hub id")
    parse.add_argument("--dtype", default="float32", choices=("float32", "bfloat16", "float16"))
    parse.add_argument("--scorers", default=",".join(DEFAULT_SCORERS), help="names, separated by commas")
    add_score_options(parse)
    parse.add_argument("--subset", help="configuration of a Hub data set, such as forget10")
    parse.add_argument("--split", help="split of a Hub data set, such as train")
    parse.add_argument("--question-field", help="what the data set calls the question")
    parse.add_argument("--answer-field", help="what the data set calls the answer")
    parse.add_argument("--text-field", help="what the data set calls plain text without a question")
    parse.add_argument(
        "--shard-rows", type=int, default=SHARD_ROWS, help=f"rows scored and saved at once, {SHARD_ROWS} unless told"
    )
    return parse


def run(arguments: Sequence[str]) -> None:
    """Score the data set with a bar of progress on standard error. ValueError on a fault of the input."""
    from tqdm import tqdm

    options = parser().parse_args(arguments)
    names = names_of(options.scorers)
    for name in names:
        scorer_info(name)
    fields = {"question": options.question_field, "answer": options.answer_field, "text": options.text_field}
    source = open_source(
        options.data, options.subset, options.split, {ours: theirs for ours, theirs in fields.items() if theirs}
    )
    workers, device = _workers()
    model = load_model(options.model, device=device, dtype=options.dtype)
    bar: tqdm | None = None

    def progress(done: int) -> None:
        nonlocal bar
        if workers.rank:
            return
        if bar is None:
            of = f", process 1 of {workers.count}" if workers.count > 1 else ""
            bar = tqdm(total=source.count, initial=done, unit="row", desc=f"{source.name}{of}", file=sys.stderr)
        bar.update(done - bar.n)

    try:
        summary = score_dataset(
            model,
            source,
            options.out,
            names,
            options.shard_rows,
            workers,
            progress,
            **score_options_of(options),
        )
    finally:
        if bar is not None:
            bar.close()
    if not workers.rank:
        sys.stderr.write(_report(summary, workers.count))


def _workers() -> tuple[Workers, str | None]:
    """This process among those that `accelerate launch` or `torchrun` started, and its device."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        if "MASTER_ADDR" in os.environ and "RANK" not in os.environ:
            # What `accelerate launch --cpu --num_processes 2` does without MPI.
            sys.stderr.write(
                "The launcher asked for several processes and started one: on CPUs use `torchrun --nproc_per_node 2 -m "
                "attribution score-dataset ...`, or `accelerate launch --multi_gpu`, which needs no GPU here.\n"
            )
        return Workers(), None
    import torch
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available(), timeout=LONGEST_WAIT)
    return Workers(state.process_index, state.num_processes, state.wait_for_everyone), str(state.device)


def _report(summary: Summary, processes: int) -> str:
    if summary.was_complete:
        return f"{summary.out} is complete already: {summary.scored} rows.\n"
    lines = [f"{summary.out}: {summary.scored} of {summary.rows} rows, {processes} process{'es' * (processes > 1)}"]
    for row, why in list(summary.skipped.items())[:SKIPPED_SHOWN]:
        lines.append(f"row {row} left out: {why}")
    if len(summary.skipped) > SKIPPED_SHOWN:
        lines.append(f"{len(summary.skipped)} rows were left out in all; {summary.out}.manifest.json names each.")
    return "\n".join(lines) + "\n"
