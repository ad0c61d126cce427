"""What a run leaves behind: a Hugging Face folder, merged or as an adapter, with a card that says what was done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from attribution.model.loading import keep_template
from attribution.settings import settings_of, written
from attribution.text.templates import template_words
from unlearn.metrics import MAIN_FIGURES, Evaluation
from unlearn.objectives import get_objective, get_retention
from unlearn.run.adapters import has_adapters, merged
from unlearn.run.config import RunConfig
from unlearn.run.loop import Run

Form = Literal["merged", "adapter"]
FORMS: tuple[Form, ...] = ("merged", "adapter")


def check_form(form: str, lora: int | None) -> None:
    """ValueError when a run cannot be saved so: before it starts, not after."""
    if form not in FORMS:
        raise ValueError(f"A model is saved {' or as '.join(FORMS)}, not {form!r}.")
    if form == "adapter" and lora is None:
        raise ValueError("A run that trains every weight has no adapter to save: add --lora, or save it merged.")


def save(job: Run, folder: Path, form: Form = "merged", evaluations: Mapping[str, Evaluation] | None = None) -> None:
    """Write the model (or its adapter) and tokenizer in safetensors, and `README.md`, the model card.

    Args:
        evaluations: `before`, `after` and others, for the card's table.

    Raises:
        ValueError: an adapter is asked for and the run trained every weight.
    """
    check_form(form, 1 if has_adapters(job.model) else None)
    model = job.model if form == "adapter" else merged(job.model)
    model.model.save_pretrained(folder, safe_serialization=True)
    model.tokenizer.save_pretrained(folder)
    keep_template(folder, job.base.template)
    (folder / "README.md").write_text(card(job, form, evaluations or {}), encoding="utf-8")


def card(job: Run, form: Form, evaluations: Mapping[str, Evaluation]) -> str:
    """The model card, Markdown with the Hub's header."""
    config, rule, base = job.config, job.config.rule, job.base.name
    chosen = get_objective(config.objective)
    values = config.resolved
    kept = sum(sum(selection.kept) for selection in job.selections)
    total = sum(len(selection.weights) for selection in job.selections)
    which = (
        "every token of the answers, the end included"
        if rule.kind == "sequence"
        else f"{kept} of {total} answer tokens, by the scorer `{rule.scorer}` ({rule.kind} {rule.cut:g}; the subject's "
        f"name {'included' if rule.keep_given else 'left out'})"
    )
    header = ["---", "library_name: transformers", "tags:", "- unlearning", "- forget-lens"]
    if "/" in base and not Path(base).exists():
        header.append(f"base_model: {base}")
    header.append("---")
    lines = [
        *header,
        "",
        f"# {Path(base).name}, unlearned",
        "",
        f"A copy of `{Path(base).name}` that was trained to forget {len(job.corpus.forget)} rows of "
        f"`{Path(job.corpus.name).name}` with Forget Lens.",
        "",
        f"- **Trained on**: {which}",
        f"- **Asked by**: {template_words(job.base.template)}",
        f"- **Objective**: {chosen.title}, {chosen.formula} ({chosen.paper}), and the retain term "
        f"{get_retention(values['retain']).title}",
        f"- **Training**: {len(job.steps)} of {config.steps} steps, {job.seconds:.0f} s"
        + (f"; adapters, saved {form}" if config.lora else ""),
        *(f"- **Note**: {note}" for note in job.notes),
        "",
    ]
    lines += ["| setting | value | |", "|---|---|---|"]
    for name, described in settings_of(RunConfig).items():
        value = values.get(name, getattr(config, name))
        said = described.facts.none if value is None else written(value) or "none"
        lines.append(f"| {described.facts.title} | {said} | {described.facts.help} |")
    lines.append("")
    if evaluations:
        first = next(iter(evaluations.values()))
        names = [name for name in MAIN_FIGURES if name in first.metrics]
        lines += [f"| | {' | '.join(evaluations)} | n |", f"|---|{'---|' * (len(evaluations) + 1)}"]
        for name in names:
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
