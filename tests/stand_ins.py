"""Small modules with the documented interfaces of packages that are not installed for the tests."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from accelerate.utils import LoggerType

from unlearn.run.trackers import TRACKERS

INIT = """
settings, logged, finished = {}, [], []
class config:
    update = staticmethod(lambda values, **_: settings.update(values))
class Run:
    def log(self, values, step=None, **_): logged.append((step, dict(values)))
    def finish(self): finished.append(True)
def init(project, **_): settings["project"] = project; return Run()
"""
WRITER = """
settings, logged, finished = {}, [], []
class SummaryWriter:
    def __init__(self, folder, **_): settings["project"] = folder.rpartition("/")[2]
    def add_hparams(self, values, metric_dict): settings.update(values)
    def add_scalar(self, name, value, global_step=None, **_): logged.append((global_step, {name: value}))
    def flush(self): pass
    def close(self): finished.append(True)
"""


MODULES = {
    "trackio": INIT,
    "wandb": INIT,
    "tensorboardX": WRITER,
}
"""Each module's text. `init` in the one kind, a writer of files in the other."""


def install_trackers(site: Path, patch: pytest.MonkeyPatch) -> None:
    """Put the trackers' modules into a folder, and that before all others, until the patch is undone."""
    site.mkdir()
    for name, text in MODULES.items():
        (site / f"{name}.py").write_text(text, encoding="utf-8")
        # Set first, so that what is imported then is taken away again; and where the real one is installed it waits.
        patch.setitem(sys.modules, name, None)
        del sys.modules[name]
    patch.syspath_prepend(str(site))
    patch.setitem(sys.modules, "torch.utils.tensorboard", None)
    # accelerate looks once, when it is imported.
    patch.setattr("accelerate.tracking.get_available_trackers", lambda: list(map(LoggerType, TRACKERS)))


# lm-evaluation-harness ------------------------------------------------------------------------------------------------


def install_harness(patch: pytest.MonkeyPatch) -> None:
    """Let the real harness be, where it is installed; else put what we use of it in its place, by its documentation."""
    if importlib.util.find_spec("lm_eval") is not None:
        return
    modules = {name: ModuleType(name) for name in ("lm_eval", "lm_eval.tasks", "lm_eval.models.huggingface")}
    modules["lm_eval"].simple_evaluate = _simple_evaluate  # type: ignore[attr-defined]
    modules["lm_eval.tasks"].TaskManager = _TaskManager  # type: ignore[attr-defined]
    modules["lm_eval.models.huggingface"].HFLM = SimpleNamespace  # type: ignore[attr-defined]
    for name, module in {**modules, "lm_eval.models": ModuleType("lm_eval.models")}.items():
        patch.setitem(sys.modules, name, module)


class _TaskManager:
    """Finds task files in a folder; without one there are none, since the harness's own are thousands."""

    def __init__(self, include_path: str | None = None, include_defaults: bool = True) -> None:
        files = sorted(Path(include_path).glob("*.yaml")) if include_path else []
        self.tasks = {task["task"]: task for path in files for task in [yaml.safe_load(path.read_text("utf-8"))]}
        self.all_tasks = [*self.tasks]


def _simple_evaluate(
    *, model: Any, tasks: list[str], task_manager: _TaskManager, bootstrap_iters: int, log_samples: bool
) -> dict[str, Any]:
    """Multiple choice, a context and continuations: the likeliest one, by the sum of log p."""
    results: dict[str, Any] = {}
    for name in tasks:
        task = task_manager.tasks[name]
        path = Path(task["dataset_kwargs"]["data_files"]["test"])
        if not path.exists():
            raise FileNotFoundError(f"Unable to find '{path}'")
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        right = 0
        for row in rows:
            context = model.tokenizer(row["question"]).input_ids
            sums = []
            for choice in row["choices"]:
                ids = [*context, *model.tokenizer(choice, add_special_tokens=False).input_ids]
                log_p = model.pretrained(torch.tensor([ids])).logits[0].log_softmax(-1)
                sums.append(sum(float(log_p[at - 1, ids[at]]) for at in range(len(context), len(ids))))
            right += sums.index(max(sums)) == row["gold"]
        results[name] = {"alias": name, "sample_len": len(rows), "acc,none": right / len(rows)}
        results[name]["acc_stderr,none"] = "N/A"
    return {"results": results, "higher_is_better": {name: {"acc": True} for name in tasks}}


def harness_task(folder: Path) -> None:
    """A task file `towns` of two questions in the layout of the harness, and its data beside it."""
    folder.mkdir()
    rows = [
        {"question": "Where was Ada born? In", "choices": [" Torvik.", " Rome.", " Oslo."], "gold": gold}
        for gold in (0, 0)
    ]
    (folder / "towns.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    task = {
        "task": "towns",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(folder / "towns.jsonl")}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "gold",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }
    (folder / "towns.yaml").write_text(yaml.safe_dump(task), encoding="utf-8")
