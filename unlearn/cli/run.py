"""`python -m unlearn`: one unlearning run, and the questions before and after. `python -m unlearn fit`: the scorer."""

from __future__ import annotations

import dataclasses
import json
import logging
import shlex
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from attribution.cli.common import names_of
from attribution.cli.options import MODEL, Changes, ModelName, typed
from attribution.model.language_model import LanguageModel
from attribution.model.loading import load_model
from attribution.scorers import ScoreOptions
from attribution.scorers.learned import SCORER_FILE
from attribution.settings import settings_of
from attribution.text.templates import Asking, template_words
from unlearn.card import shown_name
from unlearn.cli.common import JsonFile, Rows, check_writable, known_to, log
from unlearn.data.corpus import Corpus
from unlearn.data.reference import known_reference
from unlearn.export import FORMS, check_form, run_log, save
from unlearn.metrics import Evaluation, Judge, Probe, evaluate, figures_shown, what_is_lost
from unlearn.open_unlearning import Settings, read_settings
from unlearn.presets import DEFAULT_PRESET, PRESETS, REAL_PRESET, listing, preset_for
from unlearn.replay import Recorder
from unlearn.run.atwu import AtwuConfig, Fit
from unlearn.run.collapse import REMEDY
from unlearn.run.config import TRAINING, RunConfig
from unlearn.run.diagnostics import Diagnostics
from unlearn.run.estimate import estimate
from unlearn.run.loop import Run, Step, run
from unlearn.run.prediction import Prediction, predict
from unlearn.run.processes import WAYS, Processes
from unlearn.run.trackers import TRACKERS, check_trackers, reporting
from unlearn.wishes import WISHES, run_config

SCORING = {"mask_scope": settings_of(ScoreOptions)["mask_scope"]}
OTHERS = ", ".join(name for name in PRESETS if name not in (DEFAULT_PRESET, REAL_PRESET))


def run_command(
    *,
    model: Annotated[str | None, MODEL] = None,
    asking: Asking,
    chosen: Annotated[dict[str, Any], Changes(Rows)],
    preset: Annotated[
        str | None,
        Option(
            metavar="NAME",
            help=f"a run with a name; every setting below changes it. {DEFAULT_PRESET} unless told, whose settings are "
            f"given in brackets, and {REAL_PRESET} for real: and about:; others: {OTHERS}",
            show_default=False,
        ),
    ] = None,
    from_hydra: Annotated[
        Path | None,
        Option(
            metavar="FILE",
            help="the run that open-unlearning's .hydra/config.yaml describes, its model and rows too, in a preset's "
            "place",
        ),
    ] = None,
    list_presets: Annotated[bool, Option("--list-presets", help="say what each preset does, and stop")] = False,
    show: Annotated[bool, Option("--show", help="say which rows there are to forget, and stop")] = False,
    wishes: Annotated[dict[str, Any], Changes(WISHES)],
    scoring: Annotated[dict[str, Any], Changes(SCORING)],
    processes: Annotated[
        int | None,
        Option(metavar="N", help="stop unless the launcher (torchrun, accelerate) started N", rich_help_panel=TRAINING),
    ] = None,
    parallel: Annotated[
        str,
        Option(
            metavar="NAME", help=f"how several processes hold the model: {' or '.join(WAYS)}", rich_help_panel=TRAINING
        ),
    ] = "ddp",
    foresee: Annotated[
        bool, Option("--predict", help="try a few steps, say what the run would cost, and stop")
    ] = False,
    diagnostics: Annotated[
        bool, Option("--diagnostics", help="log gradients, update size and signal to noise of every step")
    ] = False,
    report_to: Annotated[
        str | None,
        Option(
            metavar="NAMES",
            help=f"put every step and probe into trackers, where they are installed: {', '.join(TRACKERS)}",
        ),
    ] = None,
    report_dir: Annotated[Path, Option(metavar="DIR", help="for trackers that write files")] = Path("runs"),
    json_file: JsonFile = None,
    save_to: Annotated[
        Path | None,
        Option("--save", metavar="DIR", help="write the model that has forgotten here, for transformers"),
    ] = None,
    save_as: Annotated[str, Option(metavar="NAME", help=f"{' or '.join(FORMS)}, for a run with --lora")] = "merged",
    replay: Annotated[
        str | None,
        Option(
            metavar="forget:N",
            help="with --save: keep how this row's answer changes, to be played on the page; the file holds its texts, "
            "and `publish` sends it",
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None, Option(metavar="DIR", help="keep the run here, and go on from what is there already")
    ] = None,
    checkpoint_every: Annotated[int, Option(metavar="K", help="every K steps")] = 10,
) -> None:
    """Make a copy of the model forget the selected tokens, and ask it again."""
    if list_presets:
        sys.stdout.write(listing())
        return
    theirs = _theirs(from_hydra, preset) if from_hydra else None
    model = model or (theirs and theirs.model) or "embedded"
    rows = Rows(**({"forget": theirs.forget} if theirs and theirs.forget else {}) | chosen)
    preset = None if theirs else preset or preset_for(rows.forget)
    reported = names_of(report_to or "")
    check_trackers(reported)
    config = config_of(theirs.config if theirs else preset or "", wishes, bool(reported or replay))
    played = None if replay is None else _replayed(replay, save_to, checkpoint)
    check_form(save_as, config.lora)
    spread = Processes.started(parallel, processes)  # type: ignore[arg-type]
    if spread.rank:
        logging.getLogger().setLevel(logging.WARNING)
    check_writable(json_file)
    check_writable(save_to, folders=True)
    check_writable(checkpoint, folders=True)
    corpus = None if rows.asks else rows.read()
    original = load_model(model, device=spread.device, template=asking.template)
    if show and corpus is None:
        sys.stdout.write(rows.interview(original).listing())
        return
    corpus = known_to(original, corpus or rows.ask(original))
    if show:
        sys.stdout.write(_rows_shown(corpus))
        return
    job = run(original, corpus, config, spread, **scoring)
    _say_what_is_coming(job)
    if foresee:
        sys.stdout.write(_foreseen(predict(job)))
        return
    if diagnostics:
        if spread.count > 1:
            raise ValueError("--diagnostics reads whole gradients row by row: run it in one process.")
        job.observer = Diagnostics(job)
    if checkpoint:
        job.keep(checkpoint, checkpoint_every)
    recorder = None if played is None else Recorder(job, played)
    settings = run_log(job, {})["config"]
    with reporting(() if spread.rank else reported, report_dir, settings, job.before) as trackers:
        with _ended_by_ctrl_c(job):
            for step in _with_bar(job, config.steps, "unlearning", shown=not spread.rank):
                if trackers:
                    trackers.step(step, config.rate_at(step.number))
                if recorder:
                    recorder.look(step)
        spread.leave()
        if spread.rank:
            return
        evaluations = _evaluate(original, job, corpus)
        if trackers:
            trackers.measured(evaluations, len(job.steps))
    sys.stdout.write(_table(evaluations, job))
    if json_file:
        report = _report(preset, model, rows, job, evaluations)
        json_file.write_text(json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False), encoding="utf-8")
        log.info("Wrote %s.", json_file)
    if save_to:
        start = ["--from-hydra", from_hydra.name] if from_hydra else ["--preset", str(preset)]
        command = _command(model, asking, rows, start, wishes, scoring, spread, save_as)
        save(job, save_to, save_as, evaluations, command, recorder and recorder.replay())  # type: ignore[arg-type]
        log.info("Wrote %s.", save_to)


def _replayed(replay: str, save_to: Path | None, checkpoint: Path | None) -> int:
    """The number of the row to forget whose answers are kept."""
    split, _, number = replay.partition(":")
    if split != "forget" or not number.isdecimal():
        raise ValueError(f"The row {replay[:40]!r} is none to replay: write a row to forget, such as forget:0.")
    if not save_to:
        raise ValueError("--replay is kept beside the model: name its folder with --save.")
    if checkpoint:
        raise ValueError("--replay watches a run from its first step: leave --checkpoint out.")
    return int(number)


def _rows_shown(corpus: Corpus) -> str:
    """Question and answer of every row to forget, by the number that --by-hand knows it by."""
    rows = enumerate(row.example for row in corpus.forget)
    return "".join(f"{number}: {example.prompt}\n    {example.answer}\n" for number, example in rows)


def _theirs(path: Path, preset: str | None) -> Settings:
    """What open-unlearning's settings ask for; what has no counterpart here is said."""
    if preset:
        raise ValueError("--from-hydra and --preset are two runs to start from: leave one of them out.")
    found = read_settings(path)
    log.info("The model and the rows that %s names: %s, %s.", path.name, found.model or "none", found.forget or "none")
    for note in found.notes:
        log.info(note)
    return found


def config_of(name: str | RunConfig, wishes: dict[str, Any], watched: bool = False) -> RunConfig:
    """The run that the command line asks for; `watched` where somebody looks at it on its way. ValueError names what
    cannot be."""
    # The shell asks before and after, not on the way, unless the run itself looks at the probe.
    probed = watched or wishes.get("until_recall") is not None or wishes.get("roll_back")
    config = run_config(name, wishes)
    return config if probed else dataclasses.replace(config, probe_every=0)


def fit_command(
    *,
    model: ModelName = "embedded",
    asking: Asking,
    rows: Rows,
    config: AtwuConfig,
    save_to: Annotated[
        Path, Option("--save", metavar="FOLDER", help=f"where {SCORER_FILE} goes: the model's own folder")
    ],
) -> None:
    """Fit the learned scorer (ATWU) in alternation with the model."""
    fit = Fit(load_model(model, template=asking.template), rows.read(), config)
    for _ in _with_bar(fit, config.steps, "fitting"):
        pass
    save_to.mkdir(parents=True, exist_ok=True)
    fit.scorer.save(save_to / SCORER_FILE)
    log.info("Wrote %s.", save_to / SCORER_FILE)


def _say_what_is_coming(job: Run) -> None:
    expected = estimate(job)
    log.info(
        "About %.0f s of training, and %.0f MB beside the model%s.",
        expected.seconds,
        expected.megabytes,
        "" if expected.of_activations else " and what a forward keeps",
    )
    if job.processes.count > 1:
        log.info("%d processes share every step (%s).", job.processes.count, job.processes.way)
    selected = sum(sum(selection.kept) for selection in job.selections)
    total = sum(len(selection.weights) for selection in job.selections)
    log.info("Selected %d of %d answer tokens in %d rows.", selected, total, len(job.corpus.forget))


def _foreseen(found: Prediction) -> str:
    lines = [
        f"{found.steps} steps tried in {found.seconds:.1f} s and taken back; change of mean log p, nats",
        "",
    ]
    return "\n".join([*lines, *(f"{name:<24}{value:>+11.4f}" for name, value in found.figures.items())]) + "\n"


def _evaluate(model: LanguageModel, job: Run, corpus: Corpus) -> dict[str, Evaluation]:
    models = {"before": model, "after": job.model}
    reference = known_reference(model, corpus)
    if reference is not None:
        models["reference"] = reference
    evaluations, judge = {}, Judge(model, corpus.retain)
    for name, candidate in models.items():
        log.info("Asking the model: %s.", name)
        evaluations[name] = evaluate(candidate, corpus, judge=judge)
    return evaluations


def _command(
    model: str,
    asking: Asking,
    rows: Rows,
    start: Sequence[str],
    wishes: Mapping[str, Any],
    scoring: Mapping[str, Any],
    spread: Processes,
    save_as: str,
) -> str:
    """What one types to have this run again and keep it; of paths on this machine only the ends are told."""
    given = {
        name: shown_name(value) if isinstance(value, str) else value for name, value in dataclasses.asdict(rows).items()
    }
    words = ["python", "-m", "unlearn", "--model", shown_name(model)]
    if asking != Asking():
        words += typed(settings_of(Asking), dataclasses.asdict(asking))
    words += [*typed(settings_of(Rows), given), *start, *typed(WISHES, wishes), *typed(SCORING, scoring)]
    if spread.count > 1:
        words += ["--processes", str(spread.count), "--parallel", spread.way]
    if save_as != FORMS[0]:
        words += ["--save-as", save_as]
    return shlex.join([*words, "--save", "forgotten"])


def _report(preset: str | None, model: str, rows: Rows, job: Run, evaluations: dict[str, Evaluation]) -> dict[str, Any]:
    """The run's log with names as they were typed, and every answer."""
    said = {name: [answer.answer for answer in evaluation.answers] for name, evaluation in evaluations.items()}
    found = run_log(job, evaluations)
    return {
        **found,
        "config": {**found["config"], "model": model, "forget": rows.forget, "preset": preset},
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
    asked = template_words(job.base.template)
    lines = [f"{len(job.steps)} steps, {job.seconds:.1f} s of training; asked by {asked}", ""]
    lines.append(f"{'':<24}" + "".join(f"{name:>11}" for name in evaluations) + "       n")
    for name in figures_shown(evaluations["before"].metrics):
        figures = "".join(f"{evaluation.metrics[name]:>11.3f}" for evaluation in evaluations.values())
        lines.append(f"{name:<24}{figures}{evaluations['before'].counts[name]:>8}")
    lines += ["", "forget and paraphrase figures should fall to the reference; the others should stay as they were."]
    lost = what_is_lost(*(Probe.of(evaluations[name].metrics) for name in ("before", "after")))
    if lost and job.before is None:
        # A run that probes has said it itself.
        lines += ["", f"{lost} {REMEDY}"]
    return "\n".join(lines) + "\n"


def _with_bar(steps: Iterable[Step], total: int, title: str, shown: bool = True) -> Iterator[Step]:
    """A progress bar on a terminal; nothing where there is none."""
    from tqdm.auto import tqdm

    return tqdm(steps, total=total, desc=title, unit="step", disable=not (shown and sys.stderr.isatty()))


@contextmanager
def _ended_by_ctrl_c(job: Run) -> Iterator[None]:
    """The first Ctrl-C ends the run after the step that is running, so that its weights are whole and kept; a second
    one ends everything at once."""
    before = signal.getsignal(signal.SIGINT)

    def end(*_: Any) -> None:
        job.stop()
        signal.signal(signal.SIGINT, before)
        log.info("Stopping after this step; what there is goes on to be measured.")

    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
