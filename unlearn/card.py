"""The model card of what a run leaves behind, and its figures in the Hub's own forms.

`README.md` has the Hub's header with `model-index`; `.eval_results/*.yaml` has an entry for each figure. Neither names
a path of the machine, nor holds a text of the rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from huggingface_hub import EvalResult, EvalResultEntry, ModelCardData, eval_result_entries_to_yaml
from huggingface_hub.utils import yaml_dump

from attribution.settings import settings_of, written
from attribution.text.templates import template_words
from attribution.version import VERSION
from unlearn.data.corpus import Corpus
from unlearn.metrics import Evaluation, MetricInfo, figures_shown, metric_info
from unlearn.objectives import get_objective, get_retention
from unlearn.run.config import RunConfig
from unlearn.run.loop import Run

TASK = "text-generation"
DIGITS = 6


def shown_name(name: str) -> str:
    """A name that may be published: of a path on this machine only its end, also where a part follows a colon.

    >>> shown_name("owner/name"), shown_name("/data/ours/rows.jsonl"), shown_name("about:Ada Lovelace")
    ('owner/name', 'rows.jsonl', 'about:Ada Lovelace')
    """
    folder, colon, part = name.rpartition(":")
    if colon and _is_path(folder):
        return f"{Path(folder).name}:{part}"
    return Path(name).name if _is_path(name) else name


def _is_path(name: str) -> bool:
    path = Path(name).expanduser()
    return path.is_absolute() or name.startswith(("./", "../")) or path.exists() or name.count("/") > 1


def what_was_done(job: Run, form: str = "merged") -> dict[str, str]:
    """A run in words: what it was trained on, how it was asked, the objective, the training."""
    config, rule = job.config, job.config.rule
    chosen = get_objective(config.objective)
    kept = sum(sum(selection.kept) for selection in job.selections)
    total = sum(len(selection.weights) for selection in job.selections)
    which = (
        "every token of the answers, the end included"
        if rule.kind == "sequence"
        else f"{kept} of {total} answer tokens, by the scorer `{rule.scorer}` ({rule.kind} {rule.cut:g}; the subject's "
        f"name {'included' if rule.keep_given else 'left out'})"
    )
    adapters = f"; adapters, saved {form}" if config.lora else ""
    return {
        "Trained on": which,
        "Asked by": template_words(job.base.template),
        "Objective": f"{chosen.title}, {chosen.formula} ({chosen.paper}), and the retain term "
        f"{get_retention(config.resolved['retain']).title}",
        "Training": f"{len(job.steps)} of {config.steps} steps, {job.seconds:.0f} s{adapters}",
    }


def card(job: Run, form: str, evaluations: Mapping[str, Evaluation], command: str = "") -> str:
    """The model card, Markdown with the Hub's header.

    Args:
        form: `merged` or `adapter`.
        evaluations: `before`, `after` and others; the header has those of `after`.
        command: what one types to have the same run.
    """
    config, values, base = job.config, job.config.resolved, shown_name(job.base.name)
    lines = [
        "---",
        _header(job.corpus, base, form, evaluations.get("after")).to_yaml(),
        "---",
        "",
        f"# {Path(base).name}, unlearned",
        "",
        f"A copy of `{base}` that was trained to forget {len(job.corpus.forget)} rows of "
        f"`{shown_name(job.corpus.name)}` with Forget Lens {VERSION}.",
        "",
        *(f"- **{title}**: {words}" for title, words in what_was_done(job, form).items()),
        *(f"- **Note**: {note}" for note in job.notes),
        "",
    ]
    if command:
        lines += ["The same run:", "", "```bash", command, "```", ""]
    lines += ["| setting | value | |", "|---|---|---|"]
    for name, described in settings_of(RunConfig).items():
        value = values.get(name, getattr(config, name))
        said = described.facts.none if value is None else written(value) or "none"
        lines.append(f"| {described.facts.title} | {said} | {described.facts.help} |")
    lines.append("")
    if evaluations:
        first = next(iter(evaluations.values()))
        lines += [f"| | {' | '.join(evaluations)} | n |", f"|---|{'---|' * (len(evaluations) + 1)}"]
        for name in figures_shown(first.metrics):
            cells = " | ".join(f"{evaluation.metrics[name]:.3f}" for evaluation in evaluations.values())
            lines.append(f"| {name} | {cells} | {first.counts[name]} |")
        lines.append("")
    lines += [
        "Forgotten here means that the fact no longer appears in the greedy answer to the question and to a rephrasing "
        "of it. Sampling, other questions, a few steps of fine-tuning or access to the weights may bring it back: "
        "nothing here certifies erasure.",
        "",
    ]
    return "\n".join(lines)


def eval_results(corpus: Corpus, after: Evaluation, command: str = "") -> str:
    """`.eval_results/*.yaml`: an entry for each figure, its task named `{configuration}_{figure}`.

    Empty for rows that are not from the Hub: an entry names a data set there. The Hub puts figures on a leaderboard
    where the data set's owner has declared tasks of these names, and nowhere else.
    """
    if corpus.hub is None:
        return ""
    entries = [
        EvalResultEntry(
            dataset_id=corpus.hub.id,
            task_id=f"{corpus.hub.config or 'default'}_{name}",
            value=round(after.metrics[name], DIGITS),
            notes=f"{info.title}: {_better(info)}, n = {after.counts[name]}" + (f"; {command}" if command else ""),
        )
        for name, info in _shown(after).items()
    ]
    return yaml_dump(eval_result_entries_to_yaml(entries))


def _header(corpus: Corpus, base: str, form: str, after: Evaluation | None) -> ModelCardData:
    return ModelCardData(
        library_name="peft" if form == "adapter" else "transformers",
        pipeline_tag=TASK,
        base_model=base if "/" in base else None,
        datasets=[corpus.hub.id] if corpus.hub else None,
        tags=["unlearning", "forget-lens"],
        model_name=f"{Path(base).name}, unlearned",
        eval_results=_model_index(corpus, after) if after else None,
    )


def _model_index(corpus: Corpus, after: Evaluation) -> list[EvalResult]:
    hub, name = corpus.hub, shown_name(corpus.name)
    return [
        EvalResult(
            task_type=TASK,
            task_name=f"Unlearning {name}",
            dataset_type=hub.id if hub else name,
            dataset_name=name,
            dataset_config=hub.config if hub else None,
            dataset_split=hub.split if hub else None,
            metric_type=figure,
            metric_name=f"{info.title} ({_better(info)})",
            metric_value=round(after.metrics[figure], DIGITS),
            metric_args={"n": after.counts[figure]},
        )
        for figure, info in _shown(after).items()
    ]


def _shown(evaluation: Evaluation) -> dict[str, MetricInfo]:
    return {name: metric_info(name) for name in figures_shown(evaluation.metrics)}


def _better(info: MetricInfo) -> str:
    return f"{info.direction} is better" if info.better != "toward" else f"better {info.direction}"
