"""The shell: `python -m unlearn` runs one unlearning pass, and the commands `fit`, `arms`, `evaluate`, `stress`."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attribution.model.language_model import LanguageModel
from attribution.model.loading import load_model
from attribution.scorers.learned import SCORER_FILE
from unlearn.cli import arms as arms_command
from unlearn.cli import evaluate as evaluate_command
from unlearn.cli import stress as stress_command
from unlearn.cli.common import add_corpus_options, check_writable, read_corpus
from unlearn.cli.settings import add_run_options, config_from
from unlearn.data.corpus import Corpus
from unlearn.export import FORMS, check_form, save
from unlearn.metrics import SPLITS, Evaluation, evaluate
from unlearn.presets import listing
from unlearn.run.atwu import AtwuConfig, Fit
from unlearn.run.diagnostics import Diagnostics
from unlearn.run.estimate import estimate
from unlearn.run.loop import Run, run
from unlearn.run.processes import Processes

log = logging.getLogger("unlearn")
COMMANDS = {"arms": arms_command.run, "evaluate": evaluate_command.run, "stress": stress_command.run}


def run_parser() -> argparse.ArgumentParser:
    """The command line of `python -m unlearn`."""
    parse = argparse.ArgumentParser(
        prog="python -m unlearn",
        description="Make a copy of the model forget the selected tokens, and ask it again. Further commands, each "
        f"with --help: fit (the learned scorer), {', '.join(COMMANDS)}.",
    )
    parse.add_argument("--model", default="embedded", help="embedded, a Hugging Face folder or a Hub id")
    add_corpus_options(parse)
    add_run_options(parse)
    parse.add_argument(
        "--diagnostics", action="store_true", help="log gradients, update size and signal to noise of every step"
    )
    parse.add_argument("--json", type=Path, metavar="FILE", help="write config, steps, metrics and answers here")
    parse.add_argument(
        "--save", type=Path, metavar="DIR", help="write the model that has forgotten here, for transformers"
    )
    parse.add_argument(
        "--checkpoint", type=Path, metavar="DIR", help="keep the run here, and go on from what is there already"
    )
    parse.add_argument("--checkpoint-every", type=int, default=10, metavar="K", help="every K steps [10]")
    parse.add_argument("--save-as", default="merged", help=f"{' or '.join(FORMS)}, for a run with --lora [merged]")
    return parse


def fit_parser() -> argparse.ArgumentParser:
    """The command line of `python -m unlearn fit`."""
    defaults = AtwuConfig()
    parse = argparse.ArgumentParser(
        prog="python -m unlearn fit", description="Fit the learned scorer (ATWU) in alternation with the model."
    )
    parse.add_argument("--model", default="embedded", help="embedded, a Hugging Face folder or a Hub id")
    add_corpus_options(parse)
    parse.add_argument("--steps", type=int, default=defaults.steps)
    parse.add_argument("--lr", type=float, default=defaults.learning_rate, help="of the model")
    parse.add_argument("--seed", type=int, default=defaults.seed)
    parse.add_argument(
        "--save", type=Path, required=True, metavar="FOLDER", help=f"where {SCORER_FILE} goes: the model's own folder"
    )
    return parse


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the shell; returns the exit code. A fault of the input is one sentence on standard error, exit code 2."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    _quiet_the_libraries()
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given[:1] == ["fit"]:
            _fit(fit_parser().parse_args(given[1:]))
        elif given and given[0] in COMMANDS:
            COMMANDS[given[0]](given[1:])
        else:
            _run(run_parser().parse_args(given))
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _quiet_the_libraries() -> None:
    """Their bars and retries bury our one sentence."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    for noisy in ("transformers", "httpx", "huggingface_hub", "datasets", "absl"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def _fit(options: argparse.Namespace) -> None:
    config = AtwuConfig(steps=options.steps, learning_rate=options.lr, seed=options.seed)
    corpus = read_corpus(options)
    fit = Fit(load_model(options.model), corpus, config)
    for _ in _with_bar(fit, config.steps, "fitting"):
        pass
    options.save.mkdir(parents=True, exist_ok=True)
    fit.scorer.save(options.save / SCORER_FILE)
    log.info("Wrote %s.", options.save / SCORER_FILE)


def _run(options: argparse.Namespace) -> None:
    if options.list_presets:
        sys.stdout.write(listing())
        return
    config = config_from(options)
    check_form(options.save_as, config.lora)
    processes = Processes.started(options.parallel, options.processes)
    if processes.rank:
        logging.getLogger().setLevel(logging.WARNING)
    check_writable(options.json)
    check_writable(options.save, folders=True)
    check_writable(options.checkpoint, folders=True)
    corpus = read_corpus(options)
    model = load_model(options.model, device=processes.device)
    job = run(model, corpus, config, processes, mask_scope=options.mask_scope)
    expected = estimate(job)
    log.info(
        "About %.0f s of training, and %.0f MB beside the model%s.",
        expected.seconds,
        expected.megabytes,
        "" if expected.of_activations else " and what a forward keeps",
    )
    if processes.count > 1:
        log.info("%d processes share every step (%s).", processes.count, processes.way)
    if options.diagnostics:
        if processes.count > 1:
            raise ValueError("--diagnostics reads whole gradients row by row: run it in one process.")
        job.observer = Diagnostics(job)
    if options.checkpoint:
        job.keep(options.checkpoint, options.checkpoint_every)
    selected = sum(sum(selection.kept) for selection in job.selections)
    total = sum(len(selection.weights) for selection in job.selections)
    log.info("Selected %d of %d answer tokens in %d rows.", selected, total, len(corpus.forget))
    try:
        for _ in _with_bar(job, config.steps, "unlearning"):
            pass
    except KeyboardInterrupt:
        job.stop()
        log.info("Stopped after step %d; what there is goes on to be measured.", len(job.steps))
    processes.leave()
    if processes.rank:
        return
    evaluations = _evaluate(model, job, corpus)
    report = _report(options, job, evaluations)
    sys.stdout.write(_table(evaluations, job))
    if options.json:
        options.json.write_text(json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False), encoding="utf-8")
        log.info("Wrote %s.", options.json)
    if options.save:
        save(job, options.save, options.save_as, evaluations)
        log.info("Wrote %s.", options.save)


def _evaluate(model: LanguageModel, job: Run, corpus: Corpus) -> dict[str, Evaluation]:
    models = {"before": model, "after": job.model}
    if corpus.reference and model.name == "embedded":
        models["reference"] = load_model(corpus.reference)
    evaluations = {}
    for name, candidate in models.items():
        log.info("Asking the model: %s.", name)
        evaluations[name] = evaluate(candidate, corpus)
    return evaluations


def _report(options: argparse.Namespace, job: Run, evaluations: dict[str, Evaluation]) -> dict[str, Any]:
    said = {name: [answer.answer for answer in evaluation.answers] for name, evaluation in evaluations.items()}
    return {
        "config": {"model": options.model, "forget": options.forget, "preset": options.preset, **job.config.to_dict()},
        "processes": {"count": job.processes.count, "way": job.processes.way},
        "seconds": job.seconds,
        "stopped": job.stopped,
        "rolled_back_to": job.rolled_back_to,
        "notes": job.notes,
        "steps": [step.to_dict() for step in job.steps],
        "metrics": {name: evaluation.to_dict() for name, evaluation in evaluations.items()},
        "answers": [
            {
                "split": answer.split,
                "question": answer.question,
                "prompt": answer.prompt,
                "truth": answer.truth,
                "facts": list(answer.facts),
                **{name: answers[i] for name, answers in said.items()},
            }
            for i, answer in enumerate(evaluations["before"].answers)
        ],
    }


def _table(evaluations: dict[str, Evaluation], job: Run) -> str:
    lines = [f"{len(job.steps)} steps, {job.seconds:.1f} s of training", ""]
    lines.append(f"{'':<24}" + "".join(f"{name:>11}" for name in evaluations) + "       n")
    measured = evaluations["before"].metrics
    # Rows without marked facts have no recall: how probable their answers are says what it would.
    of_splits = (name if (name := f"{split}_recall") in measured else f"{split}_probability" for split in SPLITS)
    for name in (*of_splits, "structure", "subject"):
        if name in measured:
            figures = "".join(f"{evaluation.metrics[name]:>11.3f}" for evaluation in evaluations.values())
            lines.append(f"{name:<24}{figures}{evaluations['before'].counts[name]:>8}")
    lines += ["", "forget and paraphrase figures should fall to the reference; the others should stay as they were."]
    return "\n".join(lines) + "\n"


def _with_bar(steps: Any, total: int, title: str) -> Any:
    """A progress bar on a terminal; nothing where there is none."""
    from tqdm.auto import tqdm

    others = int(os.environ.get("RANK", "0")) > 0
    return tqdm(steps, total=total, desc=title, unit="step", disable=others or not sys.stderr.isatty())


if __name__ == "__main__":
    sys.exit(main())
