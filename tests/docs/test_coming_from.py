"""Every line of `docs/coming-from.md` is typed here, on small files made in the formats it names."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import save_file

from attribution import LanguageModel, load_model
from attribution.__main__ import main as attribution_main
from attribution.model.adapter_files import name_base
from tests.stand_ins import harness_task, install_harness, install_trackers
from tests.unlearn.conftest import random_model
from unlearn.__main__ import main
from unlearn.metrics.harness import task_manager
from unlearn.run.adapters import trainable_copy

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "coming-from.md").read_text(encoding="utf-8")
TYPED = re.findall(r"^\|.*\| `python -m (?:unlearn )?(.*)` \|$", PAGE, re.MULTILINE)


def log(ratios: list[float]) -> Callable[[Path], object]:
    """An evaluation log with these truth ratios."""
    rows = {str(row): {"score": ratio} for row, ratio in enumerate(ratios)}
    entry = {"agg_value": sum(min(ratio, 1 / ratio) for ratio in ratios) / len(ratios), "value_by_index": rows}
    return lambda path: path.write_text(json.dumps({"forget_truth_ratio": entry}), encoding="utf-8")


HYDRA = """
trainer:
  handler: GradDiff
  args: {learning_rate: 1e-5, per_device_train_batch_size: 2, num_train_epochs: 5, weight_decay: 0.01}
  method_args: {gamma: 1.0, alpha: 2.0, retain_loss_type: NLL}
forget_split: forget01
"""


def file(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(text, encoding="utf-8")


def rows(folder: Path) -> None:
    """One row to forget, to keep and never seen, with wrong answers."""
    folder.mkdir(exist_ok=True)
    for kind, name in (("forget", "Ada"), ("retain", "Bo"), ("holdout", "Cy")):
        wrong = [f"{name} was born in {town}." for town in ("Rome", "Oslo")]
        row = {
            "question": f"Where was {name} born?",
            "answer": f"{name} was born in Torvik.",
            "perturbed_answer": wrong,
        }
        (folder / f"{kind}.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")


def saved(folder: Path) -> None:
    """What a run leaves behind, as far as it is looked at before it is sent."""
    folder.mkdir(exist_ok=True)
    for name in ("README.md", "config.json", "forget_lens.json", "forget_lens_run.json"):
        (folder / name).write_text("{}", encoding="utf-8")
    save_file({}, folder / "model.safetensors")


def adapter(folder: Path) -> None:
    """An adapter of the tiny model."""
    made = trainable_copy(load_model(str(folder.parent / "RETRAINED")), lora=2)
    made.model.save_pretrained(folder)
    name_base(folder, str(folder.parent / "RETRAINED"))


MADE: dict[str, Callable[[Path], object]] = {
    "A_EVAL.json": log([0.2, 0.4, 1.5]),
    "B_EVAL.json": log([0.8, 1.2, 2.5]),
    ".hydra/config.yaml": file(HYDRA),
    "DATA.jsonl": file(json.dumps({"question": "Where was Ada born?", "answer": "Ada was born in Torvik."})),
    "ADAPTER": adapter,
    "ROWS": rows,
    "forgotten": saved,
    "TASKS": harness_task,
}
"""What the lines name, and how it is made."""

SAID = {
    "compare A_EVAL.json B_EVAL.json": "D = 0.6667, p = 0.6, n = 3 and 3",
    "--from-hydra .hydra/config.yaml": "2 steps",
    "evaluate --model RETRAINED --open-unlearning retain": "forget_truth_ratio",
    "attribution score-dataset DATA.jsonl --out scores.jsonl --part 0/16": "scores.jsonl: 1 of 1 rows",
    "evaluate --model ADAPTER --forget ROWS": "forget_probability",
    "--forget ROWS --steps 2 --report-to trackio": "2 steps",
    "evaluate --model MODEL --lm-eval towns --lm-eval-path TASKS": "lm_eval_towns_acc",
    "--forget ROWS --steps 2 --save forgotten --replay forget:0": "2 steps",
    "publish forgotten OWNER/NAME --dry-run": "To OWNER/NAME, private; nothing has been sent.",
}
"""What each line says."""

SMALL = {
    "--from-hydra .hydra/config.yaml": "--model RETRAINED --forget rows --steps 2",
    "evaluate --model RETRAINED --open-unlearning retain": "--forget rows",
    "--forget ROWS --steps 2 --save forgotten --replay forget:0": "--model RETRAINED --scorer entropy",
    "evaluate --model MODEL --lm-eval towns --lm-eval-path TASKS": "--forget rows --metrics memorisation",
}
"""What keeps a line small here: a model and rows in the place of those that it would ask the Hub for."""

WRITTEN = {
    "evaluate --model RETRAINED --open-unlearning retain": ["retain/TOFU_EVAL.json", "retain/TOFU_SUMMARY.json"],
    "--forget ROWS --steps 2 --save forgotten --replay forget:0": ["forgotten/forget_lens_replay.json"],
}
"""What a line leaves behind."""


@pytest.fixture(scope="module")
def folder(model: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model as a Hugging Face folder, and rows beside it."""
    folder = tmp_path_factory.mktemp("coming-from")
    tiny = random_model(model)
    for name in ("RETRAINED", "MODEL"):
        tiny.model.save_pretrained(folder / name)
        tiny.tokenizer.save_pretrained(folder / name)
    rows(folder / "rows")
    return folder


@pytest.mark.parametrize("line", TYPED)
def test_what_is_typed_does_what_is_said(
    line: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    install_trackers(tmp_path / "site", monkeypatch)
    install_harness(monkeypatch)
    task_manager.cache_clear()
    for name, make in MADE.items():
        if name in line:
            (folder / name).parent.mkdir(exist_ok=True)
            make(folder / name)
    program, words = main, shlex.split(f"{line} {SMALL.get(line, '')}")
    if words[0] == "attribution":
        program, words = attribution_main, words[1:]
    assert program(words) == 0
    assert SAID[line] in "".join(capsys.readouterr())
    for name in WRITTEN.get(line, ()):
        assert (folder / name).is_file()


def test_the_python_of_the_page_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 2
    monkeypatch.chdir(folder)
    exec("\n".join(blocks), {"__name__": "page"})
    assert (folder / "adapter" / "adapter_model.safetensors").is_file()


def test_every_line_of_the_table_is_typed() -> None:
    table = [row for row in PAGE.splitlines() if row.startswith("| ") and not row.startswith("| you have")]
    assert len(table) == len(TYPED) == len(SAID) > 0
