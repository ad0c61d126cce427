"""The registry, the rows of the embedded world, the shell, and the JSON that others read."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from attribution import Example, LanguageModel, LinearScorer, Span, load_model, score
from attribution.__main__ import main
from attribution.data.rows import embedded_rows, pick_examples, read_rows
from attribution.scorers import DEFAULT_SCORERS, SCORERS, normalise, scorer_info, with_needs
from attribution.scores import to_json
from tests.attribution.tiny import tiny_model

# The registry --------------------------------------------------------------------------------------------------------


def test_an_unknown_scorer_is_met_with_a_guess() -> None:
    with pytest.raises(ValueError, match="'entrophy' is unknown: did you mean 'entropy'.*Choose from masking"):
        scorer_info("entrophy")
    with pytest.raises(ValueError, match="'zzz' is unknown. Choose from"):
        scorer_info("zzz")


def test_needs_come_first_and_once() -> None:
    assert [info.name for info in with_needs(("fused", "masking"), "masking")] == ["masking", "entropy", "fused"]
    assert len({info.name for info in SCORERS}) == len(SCORERS)


# Rows and examples ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("Q?", "  "), "answer is empty"),
        (("Q?", "abc", (Span(1, 9),)), "ends after the answer"),
        ((None, "abc"), "must be text"),
    ],
)
def test_examples_that_cannot_be(arguments: tuple[object, ...], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Example(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(("start", "end", "kind"), [(3, 3, "fact"), (-1, 2, "fact"), (0, 2, "facts")])
def test_spans_that_cannot_be(start: int, end: int, kind: str) -> None:
    with pytest.raises(ValueError, match="span"):
        Span(start, end, kind)


def test_rows_are_picked_by_split_and_number() -> None:
    rows = embedded_rows("forget")
    assert pick_examples("forget:0") == [rows[0].example]
    assert pick_examples("forget:2-4") == [row.example for row in rows[2:5]]
    for text, told in [
        ("forget", "not understood"),
        ("forget:-1", "not understood"),
        ("forgot:0", "did you mean 'forget'"),
        (f"forget:{len(rows)}", f"rows 0 to {len(rows) - 1}"),
        ("forget:4-2", "does not exist"),
    ]:
        with pytest.raises(ValueError, match=told):
            pick_examples(text)


def test_facts_of_the_embedded_rows_are_in_their_answers() -> None:
    for row in embedded_rows("forget"):
        assert row.facts and all(fact in row.example.answer for fact in row.facts)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"question": "Q?"}', "Line 1 .* no text field 'answer'"),
        ('{"question": "Q?", "answer": "A"}\n{oops', "Line 2 .* is not JSON"),
        ("[1]", "no JSON object"),
        ("\n \n", "has no rows"),
        ('{"question": "Q?", "answer": "A", "spans": [{"start": 0, "end": 7}]}', "Line 1 .* ends after the answer"),
    ],
)
def test_a_faulty_line_is_named(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=told):
        read_rows(path)
    with pytest.raises(ValueError, match="cannot be read"):
        read_rows(tmp_path / "none.jsonl")


# Scores of the embedded model ----------------------------------------------------------------------------------------


def test_json_is_what_was_agreed(model: LanguageModel) -> None:
    examples = [row.example for row in embedded_rows("forget")[:3]]
    record = json.loads(to_json(score(model, examples)))
    assert set(record) == {"model", "examples"} and record["model"] == "embedded"
    for row, example in zip(record["examples"], examples, strict=True):
        assert {"id", "prompt", "answer", "subject", "tokens", "scores", "spans"} <= set(row)
        assert (row["id"], row["prompt"], row["answer"]) == (example.id, example.prompt, example.answer)
        assert row["subject"] in example.prompt
        assert "".join(token["text"] for token in row["tokens"]) == example.answer
        for token in row["tokens"]:
            assert set(token) == {"id", "text", "start", "end"}
            assert example.answer[token["start"] : token["end"]] == token["text"]
        assert set(row["scores"]) == set(DEFAULT_SCORERS)
        assert all(len(values) == len(row["tokens"]) for values in row["scores"].values())
        assert row["spans"] == [{"start": s.start, "end": s.end, "kind": s.kind} for s in example.spans]
        special = set(model.tokenizer.all_special_ids)
        assert not special & {token["id"] for token in row["tokens"]}


def test_the_random_control_finds_nothing_on_average(model: LanguageModel) -> None:
    examples = [row.example for row in embedded_rows("forget")]
    means = []
    for seed in range(3):
        figures = []
        for row in score(model, examples, ("random",), seed=seed):
            keep = [i for i, label in enumerate(row.truth) if label != "subject"]
            truth = [row.truth[i] == "fact" for i in keep]
            if any(truth) and not all(truth):
                figures.append(roc_auc_score(truth, [row.columns["random"][i] for i in keep]))
        means.append(float(np.mean(figures)))
    assert np.mean(means) == pytest.approx(0.5, abs=0.05)
    assert len(set(means)) == 3


def test_a_row_scores_the_same_in_any_company(model: LanguageModel) -> None:
    examples = [row.example for row in embedded_rows("forget")[:12]]
    together = score(model, examples)
    for k in (0, 5, 11):
        (alone,) = score(model, examples[k])
        for name in DEFAULT_SCORERS[:3]:
            assert alone.columns[name] == pytest.approx(together[k].columns[name], rel=1e-4, abs=1e-4)


def test_the_learned_scorer_never_sees_spans(model: LanguageModel) -> None:
    example = embedded_rows("forget")[0].example
    bare = Example(example.prompt, example.answer)
    names = ("masking", "entropy", "learned", "fused")
    assert score(model, example, names)[0].columns == score(model, bare, names)[0].columns


def test_a_scorer_for_another_model_is_refused(model: LanguageModel, tmp_path: Path) -> None:
    import torch

    scorer = LinearScorer(torch.ones(3), 0.5, "own", {"beta": "2"})
    scorer.save(tmp_path / "scorer.safetensors")
    loaded = LinearScorer.load(tmp_path / "scorer.safetensors")
    assert (loaded.bias, loaded.position, loaded.settings) == (0.5, "own", {"beta": "2"})
    assert loaded(torch.zeros(2, 3)).tolist() == pytest.approx([1 / (1 + math.exp(-0.5))] * 2)
    example = embedded_rows("forget")[0].example
    with pytest.raises(ValueError, match="fitted for another model"):
        score(model, example, ("learned",), linear_scorer=loaded)
    with pytest.raises(ValueError, match="unlearn fit"):
        score(tiny_model("llama"), Example("Q?", "An answer."), ("learned",))


def test_normalised_by_hand() -> None:
    assert normalise(np.array([3.0, 1.0, 1.0, 9.0]), "rank").tolist() == pytest.approx([2 / 3, 1 / 6, 1 / 6, 1])
    assert normalise(np.array([3.0, 1.0, 2.0]), "minmax").tolist() == pytest.approx([1, 0, 0.5])
    assert (
        normalise(np.array([2.0, 2.0]), "rank").tolist() == [0, 0] == normalise(np.array([2.0]), "minmax").tolist() * 2
    )


# The shell -----------------------------------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    out = capsys.readouterr()
    return code, out.out, out.err


def test_shell_formats(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "--example", "forget:0-1", "--format", "json")
    assert code == 0 and [row["id"] for row in json.loads(out)["examples"]] == [
        row.example.id for row in embedded_rows("forget")[:2]
    ]
    code, out, _ = run(capsys, "--example", "forget:0", "--scorers", "masking,entropy", "--format", "csv")
    table = list(csv.DictReader(io.StringIO(out)))
    assert code == 0 and {"text", "masking", "entropy"} <= set(table[0])
    assert "".join(row["text"] for row in table) == embedded_rows("forget")[0].example.answer
    code, out, _ = run(capsys, "--example", "forget:0")
    assert code == 0 and "subject" in out and "AUROC" in out and "\x1b" not in out
    path = tmp_path / "lanes.html"
    assert run(capsys, "--example", "forget:0", "--format", "html", "--out", str(path))[0] == 0
    assert path.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")
    code, out, _ = run(capsys, "--list")
    assert code == 0 and all(info.name in out for info in SCORERS)
    code, out, _ = run(
        capsys, "--prompt", "Where was Ada Quell born?", "--answer", "Ada Quell was born in Torvik.", "--format", "json"
    )
    assert code == 0 and json.loads(out)["examples"][0]["subject"] == "Ada Quell"
    arguments = ("--scorers", "masking,entropy", "--set", "mask_how=token", "--format", "json")
    code, out, _ = run(capsys, "--text", "Ada Quell was born in Torvik and wrote a book.", *arguments)
    (row,) = json.loads(out)["examples"]
    assert code == 0 and row["prompt"] == "" and 0 < len(row["scores"]["masking"]) == len(row["tokens"])


def test_a_switch_has_an_option_of_its_own_and_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    row = ("--example", "forget:0", "--scorers", "masking,entropy", "--format", "json")
    plain = run(capsys, *row)
    named = run(capsys, *row, "--temperature", "4", "--signed", "--mask-scope", "prompt")
    paired = run(capsys, *row, "--set", "temperature=4", "--set", "signed=true", "--set", "mask-scope=prompt")
    assert plain[0] == named[0] == 0 and plain != named == paired


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--example", "forgot:0"], "did you mean 'forget'"),
        (["--example", "forget:99999"], "does not exist"),
        (["--example", "forget:0", "--scorers", "maskin"], "did you mean 'masking'"),
        (["--example", "forget:0", "--scorers", ","], "No scorer"),
        (["--example", "forget:0", "--mask-scope", "eech"], "did you mean 'each'"),
        (["--example", "forget:0", "--temperature", "0"], "Temperature is 0.0: a number above 0 is needed"),
        (["--example", "forget:0", "--set", "window=0"], "Window is 0: a whole number of at least 1 is needed"),
        (["--example", "forget:0", "--set", "temperature=hot"], "Temperature is 'hot': a number above 0 is needed"),
        (["--example", "forget:0", "--set", "temperatur=2"], "did you mean 'temperature'"),
        (["--example", "forget:0", "--exmaple", "forget:0"], "did you mean '--example'"),
        (["--example", "forget:0", "--subject", "Nobody Here"], "'Nobody Here' stands neither"),
        (["--example", "forget:0", "--prompt", "Q?"], "not several"),
        (["--text", "A text.", "--prompt", "Q?"], "not both"),
        (["--example", "forget:0", "--template", "chat"], "has no chat template"),
        (["--example", "forget:0", "--template", "{prompt}"], "needs {prompt} and {answer}"),
        (["--example", "forget:0", "--model", "/no/such/folder"], "neither a folder here nor a Hub id"),
        (["--prompt", "", "--answer", "A."], "prompt is empty"),
        (["--prompt", "Q?", "--answer", " "], "answer is empty"),
        (["--prompt", "Q?"], "Nothing to score"),
        ([], "Nothing to score"),
        (["--prompt", "Q?", "--answer", "word " * 900], "takes 90. tokens|takes .* tokens"),
        (["--example", "forget:0", "--out", "/no/such/folder/x.txt"], "cannot be written"),
    ],
)
def test_shell_faults_are_one_sentence(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, *arguments)
    assert code == 2 and out == ""
    assert re.search(told, err) and "Traceback" not in err
    assert len(err.strip().splitlines()) == 1


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="config.json is missing"):
        load_model(str(tmp_path))
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match="could not be loaded"):
        load_model(str(tmp_path))
    for name in ("", "  "):
        with pytest.raises(ValueError, match="name is empty"):
            load_model(name)
