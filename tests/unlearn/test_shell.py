"""`python -m unlearn` as a person and as a script would use it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from unlearn.__main__ import main


@pytest.fixture(scope="module")
def short_run(rows, tmp_path_factory) -> tuple[dict, str]:
    """A run of two steps on a few rows, reported and saved."""
    folder = tmp_path_factory.mktemp("run")
    arguments = ["--forget", rows, "--steps", "2", "--top", "0.4", "--lr", "0.00031", "--no-gradient-checkpointing"]
    arguments += ["--json", str(folder / "run.json"), "--save", str(folder / "model")]
    assert main(arguments) == 0
    return json.loads((folder / "run.json").read_text(encoding="utf-8")), str(folder / "model")


def test_the_report_has_the_promised_shape(short_run):
    report, _ = short_run
    assert {"config", "seconds", "steps", "metrics", "answers"} <= set(report)
    assert [step["step"] for step in report["steps"]] == [1, 2]
    assert {"forget_loss", "retain_loss"} <= set(report["steps"][0])
    for name in ("before", "after"):
        for figure in ("forget_recall", "paraphrase_recall", "retain_recall", "world_recall", "structure", "subject"):
            assert 0 <= report["metrics"][name][figure] <= 1, (name, figure)
    assert {answer["split"] for answer in report["answers"]} == {"forget", "paraphrase", "retain", "world"}
    assert {"split", "prompt", "truth", "facts", "before", "after"} <= set(report["answers"][0])


def test_recalls_can_be_recounted_from_the_answers(short_run):
    report, _ = short_run
    for split in ("forget", "paraphrase", "retain", "world"):
        for name in ("before", "after"):
            hits = [
                fact in answer[name]
                for answer in report["answers"]
                if answer["split"] == split
                for fact in answer["facts"]
            ]
            assert report["metrics"][name][f"{split}_recall"] == pytest.approx(sum(hits) / len(hits))


def test_the_saved_model_gives_the_reported_answers_in_plain_transformers(short_run):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    report, folder = short_run
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    for answer in report["answers"][::2]:
        inputs = tokenizer(answer["prompt"], return_tensors="pt")
        out = model.generate(**inputs, max_new_tokens=96, do_sample=False)
        said = tokenizer.decode(out[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True).strip()
        assert said == answer["after"]


def test_the_cards_command_is_the_run(short_run, rows, monkeypatch):
    """It names no path of the machine; where its rows lie it sets up the same run."""
    report, folder = short_run
    text = (Path(folder) / "README.md").read_text(encoding="utf-8")
    assert str(Path(rows).parent) not in text
    words = shlex.split(text.partition("```bash\n")[2].partition("\n```")[0])
    assert words[:3] == ["python", "-m", "unlearn"] and words[-2:] == ["--save", "forgotten"]
    words[words.index("--forget") + 1] = rows
    made = []

    def stopped(original, corpus, config, *_, **__):
        made.append(config)
        raise ValueError("enough")

    monkeypatch.setattr("unlearn.cli.run.run", stopped)
    assert main(words[3:-2]) == 2
    assert made[0].to_dict() | {"train_from": 1} == {name: report["config"][name] for name in made[0].to_dict()}


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["--scorer", "entrop"], "did you mean 'entropy'"),
        (["--objective", "wag"], "did you mean 'wga'"),
        (["--forget", "forget5"], "did you mean 'forget05'"),
        (["--top", "0"], "--top: Top share is 0.0"),
        (["--top", "nan"], "--top: Top share is nan"),
        (["--lr", "-1"], "--lr: Learning rate is -1.0"),
        (["--steps", "0"], "--steps: Steps is 0: a whole number of at least 1 is needed"),
        (["--strategy", "soft", "--tau", "0"], "--tau: Softness is 0.0: a number above 0"),
        (["--strategy", "soft", "--threshold", "1"], "A threshold belongs to the strategy hard"),
        (["--model", "/no/such/folder"], "'/no/such/folder'"),
        (["--json", "/no/such/folder/run.json"], "cannot be written"),
        (["--threshold", "2", "--forget", "{rows}"], "selects no token"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(capsys, rows, arguments, match):
    assert main(["--steps", "1", *(argument.format(rows=rows) for argument in arguments)]) == 2
    error = capsys.readouterr().err.strip()
    assert match in error
    assert "Traceback" not in error


def test_what_a_run_will_cost_is_said_before_it(capsys, rows):
    assert main(["--forget", rows, "--predict"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "tried" in said[0] and [line.split()[0] for line in said[2:]] == ["retain", "structure", "subject"]


def test_a_folder_that_is_no_model(capsys, tmp_path):
    assert main(["--model", str(tmp_path)]) == 2
    assert "holds no model" in capsys.readouterr().err


def test_fit_writes_a_scorer_that_loads(rows, tmp_path):
    from attribution.scorers.learned import LinearScorer

    assert main(["fit", "--forget", rows, "--steps", "2", "--save", str(tmp_path / "scorer")]) == 0
    assert LinearScorer.load(tmp_path / "scorer" / "scorer.safetensors").position == "predicting"
