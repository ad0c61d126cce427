"""`python -m attribution score-dataset`: a whole data set into one file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from attribution.cli.common import Set, Switches, scorers_of, switches_of
from attribution.cli.options import ModelName
from attribution.data.dataset import OUT_KINDS, SHARD_ROWS, Summary, score_dataset
from attribution.data.records import FILE_KINDS
from attribution.data.rows import SPLITS
from attribution.data.sources import open_source
from attribution.model.loading import load_model
from attribution.scorers import DEFAULT_SCORERS
from attribution.text.templates import Asking, template_words
from attribution.workers import Part, Workers

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
    device_map: Annotated[
        Literal["auto"] | None, Option(help="spread a model over all GPUs of this process, where one does not hold it")
    ] = None,
    asking: Asking,
    scorers: Annotated[str, Option(metavar="NAMES", help="separated by commas")] = ",".join(DEFAULT_SCORERS),
    subset: Annotated[str | None, Option(help="configuration of a Hub data set, such as forget10")] = None,
    split: Annotated[str | None, Option(help="split of a Hub data set, such as train")] = None,
    question_field: Annotated[str | None, Option(help="what the data set calls the question")] = None,
    answer_field: Annotated[str | None, Option(help="what the data set calls the answer")] = None,
    text_field: Annotated[str | None, Option(help="what the data set calls plain text without a question")] = None,
    shard_rows: Annotated[int, Option(metavar="N", help="rows scored and saved at once")] = SHARD_ROWS,
    part: Part = None,
    switches: Switches,
    pairs: Set = None,
) -> None:
    """Score every row of a data set into one file.

    Run it again after a kill and it goes on where it stopped. Under `accelerate launch` or `torchrun`, on one machine
    or many, and in the parts of a Slurm array its processes share the work and write the same file.
    """
    from tqdm import tqdm

    names = scorers_of(scorers)
    options = switches_of(switches, pairs)
    fields = {"question": question_field, "answer": answer_field, "text": text_field}
    source = open_source(data, subset, split, {ours: theirs for ours, theirs in fields.items() if theirs})
    workers = Workers.started(part)
    if device_map and workers.device:
        raise ValueError("Processes of a launcher share a machine's GPUs, one each: start parts with --part instead.")
    loaded = load_model(model, device=workers.device, dtype=dtype, template=asking.template, device_map=device_map)
    bar: tqdm | None = None

    def progress(done: int) -> None:
        nonlocal bar
        if not workers.leads:
            return
        if bar is None:
            of = f", process {workers.rank + 1} of {workers.count}" if workers.count > 1 else ""
            bar = tqdm(total=source.count, initial=done, unit="row", desc=f"{source.name}{of}", file=sys.stderr)
        bar.update(done - bar.n)

    try:
        summary = score_dataset(loaded, source, out, names, shard_rows, workers, progress, **options)
    finally:
        if bar is not None:
            bar.close()
    if workers.leads:
        sys.stderr.write(f"{model} was asked by {template_words(loaded.template)}.\n")
        sys.stderr.write(_report(summary, workers.count))


def _report(summary: Summary, processes: int) -> str:
    if summary.missing is not None:
        return f"This part is done; {summary.missing} of {summary.rows} rows are still to come from others.\n"
    if summary.was_complete:
        return f"{summary.out} is complete already: {summary.scored} rows.\n"
    lines = [f"{summary.out}: {summary.scored} of {summary.rows} rows, {processes} process{'es' * (processes > 1)}"]
    for row, why in list(summary.skipped.items())[:SKIPPED_SHOWN]:
        lines.append(f"row {row} left out: {why}")
    if len(summary.skipped) > SKIPPED_SHOWN:
        lines.append(f"{len(summary.skipped)} rows were left out in all; {summary.out}.manifest.json names each.")
    return "\n".join(lines) + "\n"
