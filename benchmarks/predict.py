"""Whether a trial of a few steps ranks what cuts cost: python -m benchmarks predict [--cuts N] [--json FILE]

Draws cuts (scorer, share, with or without the subject's name) for two objectives, makes a trial of each and then the
whole run on a few rows of the embedded world, and prints Spearman's rank correlation of what was predicted and what was
lost, with a 95% bootstrap interval over the cuts. About five seconds a cut on one core.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from attribution import LanguageModel, Rule, load_model
from unlearn import Corpus, RunConfig, load_corpus, run
from unlearn.metrics import Judge, spaced
from unlearn.metrics.answers import read
from unlearn.run.prediction import TRIAL_STEPS, predict

SCORERS = ("learned", "fused", "masking", "entropy", "oracle", "random")
OBJECTIVES = {
    "wga": RunConfig(beta=4.0, alpha=3.0),
    "counterfactual": RunConfig(objective="counterfactual"),
}
SETTINGS = {"steps": 24, "forget_batch": 6, "retain_batch": 6, "learning_rate": 8e-4, "probe_every": 0}
FORGET, RETAIN, KEPT, ASKED = 32, 300, 48, 12
# What was lost, and the figure of the trial that foretells it. Of words that would stand in a fact's place no figure of
# the trial ranked the cuts (docs/log.md).
FIGURES = {"retain": "retain", "structure": "structure", "subject": "subject", "sense": "structure"}
DRAWS = 4000


def main(arguments: list[str]) -> None:
    """Make the runs and print the table."""
    parse = argparse.ArgumentParser(prog="python -m benchmarks predict", description=(__doc__ or "").split("\n")[0])
    parse.add_argument("--cuts", type=int, default=60, help="how many [%(default)s]")
    parse.add_argument("--first", type=int, default=0, help="leave out the first so many [%(default)s]")
    parse.add_argument("--trial", type=int, default=TRIAL_STEPS, help="steps of a trial [%(default)s]")
    parse.add_argument("--json", type=Path, metavar="FILE", help="write every cut here")
    given = parse.parse_args(arguments)
    model, whole = load_model("embedded"), load_corpus("forget05")
    corpus = replace(whole, forget=tuple(spaced(whole.forget, FORGET)), retain=tuple(spaced(whole.retain, RETAIN)))
    draw, rows = random.Random(0), []
    for number in range(given.cuts):
        rule = Rule(draw.choice(SCORERS), "top", round(draw.uniform(0.08, 0.95), 2), draw.random() < 0.5)
        name = list(OBJECTIVES)[number % len(OBJECTIVES)]
        if number < given.first:
            continue
        config = replace(OBJECTIVES[name], rule=rule, **SETTINGS)  # type: ignore[arg-type]
        rows.append({"objective": name, **one(model, corpus, config, given.trial)})
        print(f"{number + 1} of {given.cuts}: {json.dumps(rows[-1])}", file=sys.stderr, flush=True)
        if given.json:
            given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    sys.stdout.write(table(rows, given.trial))


def one(model: LanguageModel, corpus: Corpus, config: RunConfig, steps: int) -> dict[str, Any]:
    """What was predicted of a run, and what it then cost."""
    job = run(model, corpus, config)
    trial = predict(job, steps)
    before = costs(model, model, corpus)
    for _ in job:
        pass
    after = costs(model, job.model, corpus)
    return {
        "scorer": config.rule.scorer,
        "share": config.rule.cut,
        "keep_given": config.rule.keep_given,
        "predicted": trial.figures,
        "lost": {name: before[name] - after[name] for name in before},
        "trial_seconds": trial.seconds,
        "seconds": job.seconds,
    }


def costs(original: LanguageModel, model: LanguageModel, corpus: Corpus) -> dict[str, float]:
    """Mean p of the facts to keep, of structure and subject, and the share of answers that is language."""
    forget, retain = read(model, corpus.forget), read(model, spaced(corpus.retain, KEPT))
    questions = [row.example.prompt for row in spaced(corpus.forget, ASKED)]
    speaks = Judge(original, corpus.retain).possible(questions, model.generate(questions, 64))
    return {
        "retain": float(retain.of_kind("fact").mean()),
        "structure": float(forget.of_kind(None).mean()),
        "subject": float(forget.of_kind("subject").mean()),
        "sense": sum(speaks) / len(speaks),
    }


def table(rows: list[dict[str, Any]], steps: int) -> str:
    """Rank correlations as Markdown: over all cuts, and of each objective's own."""
    seconds = np.mean([row["trial_seconds"] for row in rows]), np.mean([row["seconds"] for row in rows])
    lines = [
        f"{len(rows)} cuts; a trial of {steps} steps takes {seconds[0]:.1f} s, a run of {SETTINGS['steps']} steps "
        f"{seconds[1]:.1f} s.",
        "",
        "| cost | all cuts | " + " | ".join(OBJECTIVES) + " | lost, mean (smallest to largest) |",
        "|---|" + "---|" * (len(OBJECTIVES) + 2),
    ]
    for name in FIGURES:
        cells = [interval(rows, name)]
        cells += [interval([row for row in rows if row["objective"] == each], name) for each in OBJECTIVES]
        lost = [row["lost"][name] for row in rows]
        cells.append(f"{np.mean(lost):.3f} ({min(lost):.3f} to {max(lost):.3f})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def interval(rows: list[dict[str, Any]], name: str) -> str:
    """Spearman's coefficient of the predicted loss and the loss, with its 95% interval over cuts drawn anew."""
    predicted = np.array([-row["predicted"][FIGURES[name]] for row in rows])
    lost = np.array([row["lost"][name] for row in rows])
    if len(set(lost)) < 2:
        return "nothing was lost"
    draw = np.random.default_rng(0)
    drawn = []
    for _ in range(DRAWS):
        picked = draw.integers(len(rows), size=len(rows))
        if len(set(lost[picked])) > 1:
            drawn.append(spearmanr(predicted[picked], lost[picked]).statistic)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{spearmanr(predicted, lost).statistic:.2f} ({low:.2f} to {high:.2f})"
