"""Tasks of lm-evaluation-harness as figures beside the others, on a local task file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.stand_ins import harness_task, install_harness
from unlearn.__main__ import main
from unlearn.metrics import metric_info
from unlearn.metrics.harness import figures, task_manager


@pytest.fixture
def folder(tiny, tmp_path: Path) -> str:
    tiny.model.save_pretrained(tmp_path / "model")
    tiny.tokenizer.save_pretrained(tmp_path / "model")
    return str(tmp_path / "model")


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    install_harness(monkeypatch)
    task_manager.cache_clear()
    harness_task(tmp_path / "tasks")
    return str(tmp_path / "tasks")


def test_figures_stand_with_the_others_and_beside_the_reference(capsys, folder, rows, tasks, tmp_path):
    out = tmp_path / "figures.json"
    command = ["evaluate", "--model", folder, "--reference", folder, "--original", "none", "--forget", rows]
    wish = ["--metrics", "memorisation", "--lm-eval", "towns", "--lm-eval-path", tasks, "--json", str(out)]
    assert main([*command, *wish]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("lm_eval_towns_acc ")]
    report = json.loads(out.read_text(encoding="utf-8"))
    # The same question twice, so that a model that knows nothing is right in both or in none.
    value = report["metrics"]["model"]["lm_eval_towns_acc"]
    assert value in (0.0, 1.0)
    assert line.split()[1:] == [f"{value:.3f}", f"{value:.3f}", *"higher from 0 2 questions".split()]
    assert report["metrics"]["reference"]["lm_eval_towns_acc"] == value
    assert report["about"]["lm_eval_towns_acc"]["better"] == "higher"


def test_what_cannot_be_measured_is_one_sentence(capsys, folder, rows, tasks, tmp_path):
    command = ["evaluate", "--model", folder, "--forget", rows, "--metrics", "memorisation", "--lm-eval-path", tasks]
    assert main([*command, "--lm-eval", "towns,townes"]) == 2
    assert "no task 'townes': did you mean 'towns'?" in capsys.readouterr().err
    assert main([*command[:-1], str(tmp_path / "none"), "--lm-eval", "towns"]) == 2
    assert "is no folder" in capsys.readouterr().err
    (tmp_path / "tasks" / "towns.jsonl").unlink()
    assert main([*command, "--lm-eval", "towns"]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("lm-evaluation-harness could not measure towns (") and "leave the task out" in error


def test_without_it_a_sentence_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "lm_eval.tasks", None)
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    task_manager.cache_clear()
    assert main(["evaluate", "--lm-eval", "mmlu"]) == 2
    assert capsys.readouterr().err.strip() == (
        "Tasks of lm-evaluation-harness (--lm-eval) take it: pip install 'lm_eval[hf]', then start this again."
    )


def test_groups_are_told_by_themselves_and_tags_by_their_members():
    found = {
        "results": {
            "sums": {"alias": "sums", "acc,none": 0.5, "acc_stderr,none": 0.1, "sample_len": 4},
            "more": {"exact_match,strict": 0.25, "exact_match,loose": 0.75, "sample_len": 8},
            "page": {"word_perplexity,none": 12.5, "sample_len": 2, "bits,none": "N/A"},
            "all": {"acc,none": 0.4, "sample_len": 12},
        },
        "higher_is_better": {"page": {"word_perplexity": False}},
    }
    assert figures(found, ("all",)) == [("lm_eval_all_acc", 0.4, 12)]
    assert [name for name, _, _ in figures(found, ("a tag",))] == [
        "lm_eval_sums_acc",
        "lm_eval_more_exact_match_strict",
        "lm_eval_more_exact_match_loose",
        "lm_eval_lower_page_word_perplexity",
        "lm_eval_all_acc",
    ]
    assert metric_info("lm_eval_lower_page_word_perplexity").better == "lower"
    assert metric_info("lm_eval_all_acc").direction == "higher"
