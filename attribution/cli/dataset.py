"""`python -m attribution score-dataset`: a whole data set into one file."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from attribution.cli.common import Set, Switches, scorers_of, switches_of
from attribution.cli.options import ModelName
from attribution.data.dataset import OUT_KINDS, SHARD_ROWS, Summary, Workers, score_dataset
from attribution.data.records import FILE_KINDS
from attribution.data.rows import SPLITS
from attribution.data.sources import open_source
from attribution.model.loading import load_model
from attribution.scorers import DEFAULT_SCORERS
from attribution.text.templates import Asking, template_words

# Processes wait for the slowest one at the end, which may take as long as the whole run.
LONGEST_WAIT = timedelta(days=30)
SKIPPED_SHOWN = 3


def dataset_command(
    *,
    data: Annotated[
        str,
        Argument(
            metavar="DATA",
            help=f"{', '.join(SPLITS)}; a file ({', '.join(FILE_KINDS)}); or a Hub data set, owner/name",
        ),
    ],
    out: Annotated[Path, Option(metavar="FILE", help=f"the file to write: {' or '.join(OUT_KINDS)}")],
    model: ModelName = "embedded",
    dtype: Literal["float32", "bfloat16", "float16"] = "float32",
    asking: Asking,
    scorers: Annotated[str, Option(metavar="NAMES", help="separated by commas")] = ",".join(DEFAULT_SCORERS),
    subset: Annotated[str | None, Option(help="configuration of a Hub data set, such as forget10")] = None,
    split: Annotated[str | None, Option(help="split of a Hub data set, such as train")] = None,
    question_field: Annotated[str | None, Option(help="what the data set calls the question")] = None,
    answer_field: Annotated[str | None, Option(help="what the data set calls the answer")] = None,
    text_field: Annotated[str | None, Option(help="what the data set calls plain text without a question")] = None,
    shard_rows: Annotated[int, Option(metavar="N", help="rows scored and saved at once")] = SHARD_ROWS,
    switches: Switches,
    pairs: Set = None,
) -> None:
    """Score every row of a data set into one file.

    Run it again after a kill and it goes on where it stopped. Under `accelerate launch` or `torchrun` its processes
    share the work and write the same file.
    """
    from tqdm import tqdm

    names = scorers_of(scorers)
    options = switches_of(switches, pairs)
    fields = {"question": question_field, "answer": answer_field, "text": text_field}
    source = open_source(data, subset, split, {ours: theirs for ours, theirs in fields.items() if theirs})
    workers, device = _workers()
    loaded = load_model(model, device=device, dtype=dtype, template=asking.template)
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
        summary = score_dataset(loaded, source, out, names, shard_rows, workers, progress, **options)
    finally:
        if bar is not None:
            bar.close()
    if not workers.rank:
        sys.stderr.write(f"{model} was asked by {template_words(loaded.template)}.\n")
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
