"""`python -m unlearn evaluate` and `stress`, as a person and as a script would use them."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from unlearn import load_corpus
from unlearn.__main__ import main
from unlearn.cli.common import reference_for
from unlearn.metrics import METRICS


@pytest.fixture
def folder(tiny, tmp_path: Path) -> str:
    """The tiny model as a Hugging Face folder."""
    tiny.model.save_pretrained(tmp_path / "model")
    tiny.tokenizer.save_pretrained(tmp_path / "model")
    return str(tmp_path / "model")


def test_every_figure_is_printed_with_direction_range_and_n(capsys, folder, rows, tmp_path):
    out = tmp_path / "figures.json"
    command = ["evaluate", "--model", folder, "--reference", folder, "--original", folder, "--forget", rows]
    assert main([*command, "--json", str(out), "--explain"]) == 0
    printed = capsys.readouterr().out
    report = json.loads(out.read_text(encoding="utf-8"))
    figures = report["metrics"]["model"]
    names = [name for name in figures if name not in ("n", "against", "notes")]
    assert {"forget_recall", "forget_quality", "privleak_loss", "model_utility"} <= set(names)
    for name in names:
        (line,) = [line for line in printed.splitlines() if line.startswith(name + " ")]
        about = report["about"][name]
        assert about["better"] in line and f"{about['low']:g}" in line
        assert f"{figures['n'][name]:,}" in line
        assert about["sentence"] in printed
    assert figures["forget_quality"] == 1.0
    assert figures["against"]["forget_quality"] == 2
    assert set(report["metrics"]) == {"model", "reference", "original"}


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_rows_are_written_with_their_figures(folder, rows, tmp_path, kind):
    out = tmp_path / f"rows.{kind}"
    assert (
        main(["evaluate", "--model", folder, "--forget", rows, "--metrics", "memorisation", "--per-row", str(out)]) == 0
    )
    with out.open(encoding="utf-8") as file:
        found = list(csv.DictReader(file)) if kind == "csv" else [json.loads(line) for line in file]
    forget = [row for row in found if row["split"] == "forget"]
    assert [row["question"] for row in forget] == ["Where was Ada 0 born?", "Where was Ada 1 born?"]
    assert all(0 <= float(row["exact_memorisation"]) <= 1 for row in forget)
    assert "truth_ratio" not in forget[0]


def test_a_question_that_looks_like_a_formula_stays_text_in_a_spreadsheet(folder, rows, tmp_path):
    rows = shutil.copytree(rows, tmp_path / "rows")
    out, forget = tmp_path / "rows.csv", rows / "forget.jsonl"
    forget.write_text(json.dumps({"question": "=HYPERLINK(1)", "answer": "Ada was born in Torvik."}) + "\n")
    wishes = ["--forget", str(rows), "--metrics", "memorisation", "--per-row", str(out)]
    assert main(["evaluate", "--model", folder, *wishes]) == 0
    with out.open(encoding="utf-8", newline="") as file:
        assert "'=HYPERLINK(1)" in [row["question"] for row in csv.DictReader(file)]


def test_the_list_knows_every_figure(capsys):
    assert main(["evaluate", "--list"]) == 0
    printed = capsys.readouterr().out
    assert all(f"  {name}: " in printed for name in METRICS)
    assert "judge" in printed


def test_the_reference_is_the_one_asked_for_or_the_rows_own_or_none(tiny, folder, model):
    corpus = load_corpus("forget05")
    assert reference_for(tiny, corpus, None) is None
    assert reference_for(tiny, corpus, folder).name == folder
    assert reference_for(model, corpus, None).name == "embedded:retrained"
    assert reference_for(model, corpus, "none") is None


def test_stress_prints_before_and_after(capsys, folder, rows, tmp_path):
    out = tmp_path / "stress.json"
    command = ["stress", "--model", folder, "--reference", folder, "--forget", rows, "--samples", "2", "--steps", "1"]
    assert main([*command, "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    found = json.loads(out.read_text(encoding="utf-8"))["stress"]
    # Two-hop rows are the embedded world's alone; a curve has a point for each number of steps.
    kinds = ["paraphrase", "rephrasing", "sampling", "relearning", *["relearning-curve"] * 5, *["quantisation"] * 2]
    assert [one["kind"] for one in found["model"]] == kinds
    assert found["model"] == found["reference"]
    for one in found["model"]:
        assert one["title"] in printed
        assert {"before", "after", "n", "n_before", "measure"} <= set(one)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["evaluate", "--metrics", "membershp"], "did you mean 'membership'"),
        (["evaluate", "--forget", "forget5"], "did you mean 'forget05'"),
        (["evaluate", "--per-row", "rows.txt"], "--per-row writes .jsonl or .csv"),
        (["evaluate", "--json", "/no/such/folder/x.json"], "cannot be written"),
        (["evaluate", "--json", "."], "it is a folder"),
        (["evaluate", "--open-unlearning", __file__], "it is a file. Name a folder"),
        (["evaluate", "--lm-eval-path", "tasks"], "say by --lm-eval which"),
        (["evaluate", "--limit", "0"], "at least 1"),
        (["evaluate", "--retain-rows", "0"], "retain_rows must be at least 1"),
        (["evaluate", "--model", "/no/such/folder"], "'/no/such/folder'"),
        (["evaluate", "--forget", "tofu:forget10"], "could not be loaded from the Hub"),
        (["stress", "--model", "embedded", "--kinds", "sampln"], "did you mean 'sampling'"),
        (["stress", "--model", "embedded", "--samples", "0"], "Samples is 0: a whole number of at least 1"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(capsys, arguments, match):
    assert main(arguments) == 2
    error = capsys.readouterr().err.strip()
    assert match in error.splitlines()[-1]
    assert "Traceback" not in error
