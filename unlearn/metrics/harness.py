"""Tasks of lm-evaluation-harness (`lm_eval`), where it is installed, as figures beside the others.

Its own reader of models, prompts and scores are used as they are, without a chat template, so that figures agree with
those of its own command line.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from attribution.suggestions import did_you_mean
from unlearn.metrics.base import metric
from unlearn.metrics.examination import Examination

INSTALL = "Tasks of lm-evaluation-harness (--lm-eval) take it: pip install 'lm_eval[hf]', then start this again."
# What its tasks fail with where data cannot be had, files are wrong, or code of a task may not be run.
FAULTS = (OSError, ValueError, LookupError, TypeError, AttributeError, ImportError, NotImplementedError)

_harness = partial(
    metric,
    title="Harness, {task}",
    group="lm-eval",
    unit="the task's own",
    of="questions",
    high=float("inf"),
    formula="as the task's own file says",
    paper="lm-evaluation-harness",
    evidence="code",
)


@_harness(
    "lm_eval_lower_{task}",
    better="lower",
    sentence="A figure of lm-evaluation-harness of which it says that lower is better, such as perplexity.",
)
@_harness(
    "lm_eval_{task}",
    better="higher",
    sentence="How well the model does on a task of lm-evaluation-harness, by the task's own score.",
)
def measure(examination: Examination) -> None:
    """Every figure of the tasks and groups that were asked for."""
    names = task_names(examination.protocol.lm_eval)
    if not names:
        examination.note("Tasks of lm-evaluation-harness are named by --lm-eval, such as mmlu: none was.")
        return
    manager = task_manager(names, examination.protocol.lm_eval_path)
    examination.say(f"lm-evaluation-harness: {', '.join(names)}")
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM

    model = examination.model
    # It gives a tokenizer without a padding token one.
    reader = HFLM(pretrained=model.model, tokenizer=copy.deepcopy(model.tokenizer), batch_size=8)
    try:
        found = simple_evaluate(
            model=reader, tasks=list(names), task_manager=manager, bootstrap_iters=0, log_samples=False
        )
    except FAULTS as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(
            f"lm-evaluation-harness could not measure {', '.join(names)} ({said[0][:200]}): mend that, or leave the "
            "task out."
        ) from error
    for name, value, n in figures(found or {}, names):
        examination.figure(name, value, n)


def task_names(text: str) -> tuple[str, ...]:
    """The tasks of a list with commas, each once."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


@lru_cache(maxsize=1)
def task_manager(names: tuple[str, ...], folder: str) -> Any:
    """What finds the tasks; those that come with the harness are listed only where the folder lacks one, for there are
    thousands.

    Args:
        folder: of task files of one's own, whose code is run; empty for none.

    Raises:
        ValueError: the harness is not installed, there is no such folder, or no such task.
    """
    try:
        from lm_eval.tasks import TaskManager
    except ImportError as error:
        raise ValueError(INSTALL) from error
    if folder and not Path(folder).is_dir():
        raise ValueError(f"--lm-eval-path {folder!r} is no folder: name the one that holds the task files.")
    manager = TaskManager(include_path=folder, include_defaults=False) if folder else None
    if manager is None or set(names) - set(manager.all_tasks):
        manager = TaskManager(include_path=folder or None)
    for name in names:
        if name not in manager.all_tasks:
            raise ValueError(
                f"lm-evaluation-harness has no task {name!r}{did_you_mean(name, manager.all_tasks)} "
                "`lm_eval ls tasks` lists them; --lm-eval-path adds a folder of yours."
            )
    return manager


def figures(found: Mapping[str, Any], names: tuple[str, ...]) -> list[tuple[str, float, int]]:
    """(name, value, n) of what was asked for, from the harness's results.

    Of a group its own figures are told, and not its members'; a tag, which has none, is told by its members'.

    >>> found = {"results": {"sums": {"acc,none": 0.5, "acc_stderr,none": "N/A", "sample_len": 4}}}
    >>> figures(found, ("sums",))
    [('lm_eval_sums_acc', 0.5, 4)]
    """
    results = found.get("results", {})
    chosen = [name for name in results if name in names]
    if set(names) - set(chosen):
        chosen = list(results)
    told = []
    for task in chosen:
        better = found.get("higher_is_better", {}).get(task, {})
        for key, value in results[task].items():
            kind, comma, way = key.partition(",")
            if not comma or kind.endswith("_stderr") or isinstance(value, bool) or not isinstance(value, int | float):
                continue
            name = f"{task}_{kind}" + (f"_{way}" if way not in ("", "none") else "")
            lower = "lower_" if better.get(kind) is False else ""
            told.append((f"lm_eval_{lower}{name}", float(value), int(results[task].get("sample_len", 0))))
    return told
