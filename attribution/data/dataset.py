"""Score a whole data set into one file: shard by shard, resumable after any kill, by one process or several.

While it runs, finished shards lie as JSON Lines in `OUT.parts/`, each put there whole by an atomic rename, with a
manifest that says what run they belong to. A shard is scored in one call whatever the number of processes, so how the
work was cut, killed and resumed leaves no trace in the result. When all are there they are joined into OUT.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from attribution.data.parts import Parts
from attribution.data.rows import Row
from attribution.data.sources import Source
from attribution.files import fingerprint
from attribution.model.language_model import LanguageModel
from attribution.scorers import DEFAULT_SCORERS, with_needs
from attribution.scorers.learned import LinearScorer
from attribution.scores import ScoreOptions, TokenScores, score, score_options
from attribution.text.example import Example
from attribution.workers import Workers

SHARD_ROWS = 64
OUT_KINDS = (".jsonl", ".parquet")
VERSION = 1


@dataclass(frozen=True)
class Summary:
    """What `score_dataset` wrote: `rows` in the data, `scored` and `skipped` (row number -> why) of them.

    Where another part writes the result, `missing` rows were still to come.
    """

    out: Path
    rows: int
    scored: int
    skipped: dict[int, str]
    was_complete: bool = False
    missing: int | None = None


def score_dataset(
    model: LanguageModel,
    source: Source,
    out: Path,
    scorers: Sequence[str] = DEFAULT_SCORERS,
    shard_rows: int = SHARD_ROWS,
    workers: Workers | None = None,
    progress: Callable[[int], None] = lambda done: None,
    **options: Any,
) -> Summary:
    """Score every row of a data set and write `out`, a `.jsonl` or a `.parquet` file.

    Run again after a kill it takes up where it stopped; run again after the end it does nothing. A row that cannot be
    scored (too long, an empty answer) is left out of the file and told in the summary and in `OUT.manifest.json`.

    Args:
        source: from `attribution.data.sources.open_source`.
        shard_rows: rows scored and saved at once: what a kill can cost.
        workers: this process among several; each does its share of the shards. Of processes that come and go at their
            own times the one that ends last makes the result.
        progress: called with the number of rows done so far, by all processes.
        options: fields of `attribution.ScoreOptions`.

    Returns:
        the summary; complete in rank 0 alone.

    Raises:
        ValueError: an unknown kind of file, scorer or option; a scorer that needs all rows at once (the probe); an
            `out` that exists and is not this run's result; parts of another run in its place.
    """
    workers = workers or Workers()
    if out.suffix.lower() not in OUT_KINDS:
        raise ValueError(f"The file {str(out)!r} is of no kind that is written: name it {' or '.join(OUT_KINDS)}.")
    if shard_rows < 1:
        raise ValueError(f"shard_rows must be at least 1, not {shard_rows}.")
    settings = score_options(options)
    for info in with_needs(tuple(scorers), settings.of):
        if info.across_rows:
            raise ValueError(f"{info.name!r} scores rows by what it learns from the others, not one shard at a time.")
    config = _config(model, source, tuple(scorers), settings, shard_rows)
    parts = Parts(out, config, source.count, shard_rows)
    with closing(parts):
        if workers.leads:
            parts.open((workers.rank, workers.count) if workers.apart else None)
        workers.wait()
        if parts.complete:
            return Summary(out, source.count, *parts.result(), was_complete=True)
        progress(parts.done())
        for shard, rows in enumerate(_shards(source, shard_rows)):
            if shard % workers.count != workers.rank or parts.has(shard):
                continue
            parts.put(shard, _score_shard(model, rows, shard * shard_rows, scorers, options))
            progress(parts.done())
        workers.wait()
        if not workers.leads:
            return Summary(out, source.count, 0, {})
        if workers.apart and not parts.joins():
            if parts.complete:
                return Summary(out, source.count, *parts.result(), was_complete=True)
            return Summary(out, source.count, 0, {}, missing=source.count - parts.done())
        parts.join()
        return Summary(out, source.count, *parts.result())


# What a run is -------------------------------------------------------------------------------------------------------


def _config(
    model: LanguageModel, source: Source, scorers: tuple[str, ...], settings: ScoreOptions, shard_rows: int
) -> dict[str, Any]:
    """Everything that the numbers depend on, in plain JSON types."""
    options = {
        name: value if not isinstance(value, LinearScorer) else _scorer_fingerprint(value)
        for name, value in ((entry.name, getattr(settings, entry.name)) for entry in dataclasses.fields(settings))
    }
    return json.loads(
        json.dumps(
            {
                "version": VERSION,
                "data": {"name": source.name, "rows": source.count, **source.identity},
                "model": {"name": model.name, "dtype": str(model.model.dtype), "files": _model_files(model)},
                "template": model.template,
                "scorers": scorers,
                "options": options,
                "shard_rows": shard_rows,
            }
        )
    )


def _scorer_fingerprint(scorer: LinearScorer) -> str:
    return fingerprint([scorer.weight.tolist(), scorer.bias, scorer.position])


def _model_files(model: LanguageModel) -> Any:
    """Sizes and times of a folder's files, or the commit of a Hub model: hashing many gigabytes would take minutes."""
    if model.folder is None:
        return getattr(model.model.config, "_commit_hash", None)
    files = [path for path in sorted(model.folder.iterdir()) if path.suffix in (".json", ".safetensors")]
    return [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]


def _shards(source: Source, shard_rows: int) -> Iterator[list[Row | ValueError]]:
    rows = source.rows()
    while shard := list(islice(rows, shard_rows)):
        yield shard


def _score_shard(
    model: LanguageModel,
    rows: Sequence[Row | ValueError],
    first: int,
    scorers: Sequence[str],
    options: dict[str, Any],
) -> list[dict[str, Any]]:
    """A record for each row of a shard, in order: its scores, or why it has none."""
    faults: dict[int, str] = {}
    usable: dict[int, Example] = {}
    for i, row in enumerate(rows):
        try:
            if isinstance(row, ValueError):
                raise row
            model.encode(row.example)
            usable[i] = row.example
        except ValueError as error:
            faults[i] = str(error)
    scored: dict[int, TokenScores] = {}
    try:
        scored = dict(zip(usable, score(model, list(usable.values()), scorers, **options), strict=True))
    except ValueError:
        # One row spoils the call: find it, and keep the others. When all fail it is the call that is wrong.
        for i, example in usable.items():
            try:
                scored[i] = score(model, [example], scorers, **options)[0]
            except ValueError as error:
                faults[i] = str(error)
        if not scored:
            raise
    return [
        {"row": first + i, "model": model.name, **scored[i].to_dict()}
        if i in scored
        else {"row": first + i, "skipped": faults[i]}
        for i in range(len(rows))
    ]
