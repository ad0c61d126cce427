"""Three architectures, two kinds of text: scorers and arms on small models trained from scratch. Takes hours.

    python -m benchmarks results --tofu FOLDER --out DIR           everything
    python -m benchmarks results --models qwen3 --scale small      one model, reduced: minutes

What is done is kept: a second start goes on where the first one stopped. Every model has a folder with its weights, the
fitted scorer, `scorers.json` and `arms/`; `results.md` puts all of them in one page.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assets.training import TrainingSettings
from attribution.measure.scorer_evaluation import evaluate
from attribution.model.loading import load_model
from attribution.scorers.learned import SCORER_FILE
from benchmarks.results_models import ARCHITECTURES, Scale, embedded_corpus, tofu_corpus, train
from unlearn.arms import Bench, compare, parse_arms
from unlearn.arms.figure import html_page
from unlearn.arms.table import markdown_table
from unlearn.cli.arms import make, parse_seeds
from unlearn.run.atwu import AtwuConfig, fit_scorer

log = logging.getLogger("benchmarks")
AGAINST = "ours"
ARMS = ("fused", "sequence", "sequence-matched", "random", "permuted", "etw", "tokenunlearn-wga-hard")
SCALES = {
    "full": Scale(),
    "small": Scale(
        TrainingSettings(epochs=40, batch=16, warmup_steps=50), retain_authors=10, rows=100, forget_rows=195
    ),
    "tiny": Scale(
        TrainingSettings(hidden=32, feed_forward=64, layers=2, heads=2, epochs=1, warmup_steps=2),
        retain_authors=1,
        rows=6,
        forget_rows=6,
    ),
}
# Fact recall, which starts at 1; and ROUGE-L recall on TOFU, which starts near 1 and never falls to 0.
TARGETS = {False: 0.1, True: 0.5}


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m benchmarks results`."""
    parse = argparse.ArgumentParser(prog="python -m benchmarks results", description=(__doc__ or "").split("\n")[0])
    parse.add_argument("--models", default="llama,qwen3,gpt2", help="on the embedded world [%(default)s]")
    parse.add_argument("--tofu", type=Path, metavar="FOLDER", help="TOFU's files: a Llama is trained on them too")
    parse.add_argument("--arms", default=",".join(ARMS), help="see python -m unlearn arms --help [%(default)s]")
    parse.add_argument("--seeds", default="0-4", help="of the arms [%(default)s]")
    parse.add_argument("--points", type=int, default=6, help="how often each run is measured [%(default)s]")
    parse.add_argument("--scale", choices=SCALES, default="full", help="how much is trained [%(default)s]")
    parse.add_argument("--seed", type=int, default=7, help="of the models [%(default)s]")
    parse.add_argument("--out", type=Path, default=Path("results"), metavar="DIR")
    return parse


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what is missing, and write `results.md`."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options = parser().parse_args(arguments)
    names = [name.strip() for name in options.models.split(",") if name.strip()]
    unknown = [name for name in names if name not in ARCHITECTURES]
    if unknown:
        raise SystemExit(f"The model {unknown[0]!r} is unknown: choose from {', '.join(ARCHITECTURES)}.")
    names = [*names, *(["tofu"] if options.tofu else [])]
    pages = [experiment(name, options) for name in names]
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.md").write_text("\n".join(pages), encoding="utf-8")
    sys.stdout.write("\n".join(pages))


def experiment(name: str, options: argparse.Namespace) -> str:
    """Train, fit, score and unlearn one model, as far as its folder lacks it; returns its part of the page."""
    scale, tofu = SCALES[options.scale], name == "tofu"
    folder = options.out / options.scale / name
    corpus = tofu_corpus(options.tofu, scale) if tofu else embedded_corpus(scale)
    weights = folder / "model"
    if not (weights / "model.safetensors").exists():
        folder.mkdir(parents=True, exist_ok=True)
        log.info("%s: training on %d rows.", name, len(corpus.forget) + len(corpus.retain))
        make_model = ARCHITECTURES["llama" if tofu else name]
        train(corpus, tofu, make_model, scale, options.seed, weights, lambda line: log.info("%s: %s", name, line))
    model = load_model(str(weights))
    if not (weights / SCORER_FILE).exists():
        log.info("%s: fitting the scorer.", name)
        fit_scorer(model, corpus, AtwuConfig()).save(weights / SCORER_FILE)
    scorers = _scorers(folder / "scorers.json", model, corpus)
    arms = parse_arms([arm.strip() for arm in options.arms.split(",")], AGAINST)
    bench = Bench(model, corpus, points=options.points)
    trials = make(bench, arms, parse_seeds(options.seeds), folder / "arms" / "trials")
    first = trials[0]
    before = first.figures(first.points[0])
    knew = next(value for figure, value in before.items() if figure.startswith("forget_"))
    compared = "It recalls nothing of what it should forget: arms cannot be compared.\n"
    if knew > 0:
        # A model that learned little is read at half of what it knew.
        comparison = compare(trials, arms[0].name, (min(TARGETS[tofu], knew / 2),))
        (folder / "arms" / "arms.json").write_text(json.dumps(comparison.to_dict(), indent=1), encoding="utf-8")
        (folder / "arms" / "arms.html").write_text(html_page(comparison, trials), encoding="utf-8")
        compared = markdown_table(comparison)
    parameters = sum(p.numel() for p in model.model.parameters()) / 1e6
    known = ", ".join(f"{figure.replace('_', ' ')} {value:.3f}" for figure, value in before.items())
    title = "Llama on TOFU" if tofu else f"{type(model.model).__name__} on the embedded world"
    return (
        f"### {title}\n\n{parameters:.1f} M parameters, {scale.said}; {len(corpus.forget)} rows to forget, "
        f"{len(corpus.retain)} to keep. Before: {known}.\n\n{scorers}\n{compared}"
    )


def _scorers(path: Path, model: Any, corpus: Any) -> str:
    """AUROC of every scorer where facts are marked, and in any case how alike the scorers are, as one table."""
    if not path.exists():
        log.info("Scoring %d rows.", len(corpus.forget))
        groups = [row.author for row in corpus.forget]
        marked = None if None in groups else groups
        found = evaluate(model, [row.example for row in corpus.forget], groups=marked)
        path.write_text(json.dumps(found.to_dict(), indent=1), encoding="utf-8")
    report = json.loads(path.read_text(encoding="utf-8"))
    if not report["scorers"]:
        pairs = [pair for pair in report["pairs"] if pair["spearman"] is not None]
        lines = [f"| {one['first']} | {one['second']} | {one['spearman']:.2f} |" for one in pairs]
        return "\n".join(
            ["No facts are marked. Rank correlation:", "", "| | | Spearman |", "|---|---|---|", *lines, ""]
        )
    cells = [(one["name"], one["subject_left_out"]["auroc"]["mean"]) for one in report["scorers"]]
    head = "| " + " | ".join(name for name, _ in cells) + " |\n|" + "---|" * len(cells)
    return f"AUROC per answer, subject left out:\n\n{head}\n| " + " | ".join(f"{v:.3f}" for _, v in cells) + " |\n"


if __name__ == "__main__":
    main()
