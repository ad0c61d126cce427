"""What a run leaves behind: a Hugging Face folder, merged or as an adapter, with a card and a log of the run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from attribution.model.adapter_files import name_base
from attribution.model.loading import keep_template
from attribution.text.templates import template_name
from attribution.version import stamp
from unlearn.card import card, eval_results, shown_name
from unlearn.metrics import Evaluation
from unlearn.replay import REPLAY_FILE, Replay
from unlearn.run.adapters import has_adapters, merged
from unlearn.run.loop import Run

Form = Literal["merged", "adapter"]
FORMS: tuple[Form, ...] = ("merged", "adapter")
LOG_FILE = "forget_lens_run.json"
"""What was done and measured, step by step, in a folder that `save` has written."""
EVAL_FILE = ".eval_results/forget_lens.yaml"
"""The figures as the Hub reads them, in such a folder."""


def check_form(form: str, lora: int | None) -> None:
    """ValueError when a run cannot be saved so: before it starts, not after."""
    if form not in FORMS:
        raise ValueError(f"A model is saved {' or as '.join(FORMS)}, not {form!r}.")
    if form == "adapter" and lora is None:
        raise ValueError("A run that trains every weight has no adapter to save: add --lora, or save it merged.")


def run_log(job: Run, evaluations: Mapping[str, Evaluation]) -> dict[str, Any]:
    """A run in plain JSON types: settings, steps, figures. It holds no text of the rows, and no answer."""
    return {
        "forget_lens": stamp(),
        "config": {
            "model": shown_name(job.base.name),
            "template": template_name(job.base.template),
            "forget": shown_name(job.corpus.name),
            **job.config.to_dict(),
            "train_from": job.block,
        },
        "processes": {"count": job.processes.count, "way": job.processes.way},
        "seconds": job.seconds,
        "stopped": job.stopped,
        "rolled_back_to": job.rolled_back_to,
        "notes": job.notes,
        "steps": [step.to_dict() for step in job.steps],
        "metrics": {name: evaluation.to_dict() for name, evaluation in evaluations.items()},
    }


def save(
    job: Run,
    folder: Path,
    form: Form = "merged",
    evaluations: Mapping[str, Evaluation] | None = None,
    command: str = "",
    replay: Replay | None = None,
) -> None:
    """Write the model (or its adapter) and tokenizer in safetensors, and all that `python -m unlearn publish` sends:
    `README.md`, the model card, `LOG_FILE`, for rows from the Hub `EVAL_FILE`, and `REPLAY_FILE` where one is given.

    Args:
        evaluations: `before`, `after` and others, for card and log.
        command: what one types to have the same run, for the card.
        replay: the run to be played again, which holds texts of a row.

    Raises:
        ValueError: an adapter is asked for and the run trained every weight.
    """
    check_form(form, 1 if has_adapters(job.model) else None)
    found = evaluations or {}
    model = job.model if form == "adapter" else merged(job.model)
    model.model.save_pretrained(folder, safe_serialization=True)
    model.tokenizer.save_pretrained(folder)
    if form == "adapter":
        # What `load_model` finds the base by, from any folder.
        name = job.base.name
        name_base(folder, str(Path(name).resolve()) if Path(name).is_dir() else name)
    keep_template(folder, job.base.template)
    after = found.get("after")
    texts = {
        "README.md": card(job, form, found, command),
        LOG_FILE: json.dumps(run_log(job, found), indent=1, allow_nan=False) + "\n",
        EVAL_FILE: eval_results(job.corpus, after, command) if after else "",
        REPLAY_FILE: replay.to_json() if replay else "",
    }
    for name, text in texts.items():
        path = folder / name
        # Of a run that was saved here before, nothing may stay that this one does not say.
        path.unlink(missing_ok=True)
        if text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
