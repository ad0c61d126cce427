"""Subjects that nobody prepared: what a real model says of them, what of it is forgotten, and what it says then.

    make real
    python -m benchmarks about "Ada Lovelace" "Harry Potter" --out about.md

Every answer is in the log, the bad ones too; a subject that the model knows nothing of has a sentence instead.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path

from attribution import LanguageModel, load_model
from attribution.model.curated import SMALLEST
from unlearn import run
from unlearn.asking.about import corpus_about, interview
from unlearn.asking.known import known_part
from unlearn.metrics import Evaluation, Judge, evaluate
from unlearn.presets import REAL_PRESET, preset

log = logging.getLogger("benchmarks")


def main(given: Sequence[str] | None = None) -> None:
    """Forget one subject after another, each in the model as it was, and write the log."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(prog="python -m benchmarks about", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("subjects", nargs="+", metavar="SUBJECT")
    parser.add_argument("--model", default=SMALLEST, help="[%(default)s]")
    parser.add_argument("--seed", type=int, default=0, help="[%(default)s]")
    parser.add_argument("--out", type=Path, default=Path("about.md"))
    options = parser.parse_args(given)
    model = load_model(options.model)
    parts = []
    for subject in options.subjects:
        parts.append(log_of(model, subject, options.seed))
        options.out.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def log_of(model: LanguageModel, subject: str, seed: int) -> str:
    """A subject's heading, figures, and every question with the answers before and after."""
    found = interview(model, subject, log.info)
    left_out = [f"{one.question} ({one.struck})" for one in found.said if one.struck]
    head = f"## {subject}\n\nTaken for a {found.kind}; {len(found.kept)} of {len(found.said)} answers are trained."
    if left_out:
        head += f" Left out: {' '.join(left_out)}"
    try:
        corpus = known_part(model, corpus_about(model, found), log.info)
    except ValueError as error:
        return f"{head}\n\n{error}"
    config = dataclasses.replace(preset(REAL_PRESET).config, probe_every=0, seed=seed)
    job = run(model, corpus, config)
    for _ in job:
        pass
    judge = Judge(model, corpus.retain)
    was, now = (evaluate(one, corpus, judge=judge) for one in (model, job.model))
    return "\n\n".join((head, figures(was, now), answers(was, now)))


def figures(was: Evaluation, now: Evaluation) -> str:
    """Recall before and after, of what is forgotten and what is kept, and how much of the answers is language."""
    names = [name for name in now.metrics if name.endswith("_recall") or name == "speaks"]
    return "\n".join(
        (
            f"| | {' | '.join(names)} |",
            "|---" * (len(names) + 1) + "|",
            f"| n | {' | '.join(str(now.counts[name]) for name in names)} |",
            f"| before | {' | '.join(f'{was.metrics[name]:.2f}' for name in names)} |",
            f"| after | {' | '.join(f'{now.metrics[name]:.2f}' for name in names)} |",
        )
    )


def answers(was: Evaluation, now: Evaluation) -> str:
    """What was trained, in its own and in other words: each question with both answers; * where a fact is left."""
    lines = ["| question | before | after |", "|---|---|---|"]
    for before, after in zip(was.answers, now.answers, strict=True):
        if after.split in ("forget", "paraphrase"):
            left = " *" if after.recalled else ""
            lines.append(f"| {cell(after.question)} | {cell(before.answer)} | {cell(after.answer)}{left} |")
    return "\n".join(lines)


def cell(text: str) -> str:
    """A text in a table of Markdown."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    main()
