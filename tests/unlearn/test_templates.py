"""How a model is asked: one switch for every command, said in what is printed, kept in what is written."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from attribution import LanguageModel, load_model
from attribution.__main__ import main as attribution
from attribution.text.templates import DEFAULT_TEMPLATE, ChatTemplate
from unlearn.__main__ import main as unlearn

CHAT = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
WORDS = "Q {prompt} A {answer}"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a random model says does not matter here, and takes long."""
    monkeypatch.setattr(LanguageModel, "generate", lambda self, prompts, *_, **__: ["No."] * len(prompts))


@pytest.fixture
def folder(tiny: LanguageModel, tmp_path: Path) -> str:
    """The tiny model with a chat template, as a Hugging Face folder."""
    tokenizer = copy.deepcopy(tiny.tokenizer)
    tokenizer.chat_template = CHAT
    tiny.model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    return str(tmp_path / "model")


def test_auto_is_the_chat_template_where_there_is_one(folder: str) -> None:
    assert isinstance(load_model(folder).template, ChatTemplate)
    assert load_model(folder).format_prompt("Who?") == "user: Who?\nassistant: "
    assert load_model(folder, template="plain").template == DEFAULT_TEMPLATE == load_model().template
    assert load_model(folder, template=WORDS).format_prompt("Who?") == "Q Who? A"


def test_a_run_says_keeps_and_reads_again_how_it_asked(folder: str, rows: str, tmp_path: Path, capsys) -> None:
    saved, out = tmp_path / "saved", tmp_path / "run.json"
    run = ["--model", folder, "--forget", rows, "--preset", "sequence-ga", "--steps", "1"]
    assert unlearn([*run, "--template", WORDS, "--save", str(saved), "--json", str(out)]) == 0
    assert f"asked by the template '{WORDS}'" in capsys.readouterr().out
    assert json.loads(out.read_text())["config"]["template"] == WORDS
    assert f"**Asked by**: the template '{WORDS}'" in (saved / "README.md").read_text()
    # The tokenizer still has its chat template; the weights were trained on other words.
    assert load_model(str(saved)).template == WORDS
    assert isinstance(load_model(str(saved), template="chat").template, ChatTemplate)
    (saved / "forget_lens.json").write_text('{"template": 3}')
    with pytest.raises(ValueError, match="names no template .* such as plain"):
        load_model(str(saved))


@pytest.mark.parametrize("command", ["evaluate", "stress"])
def test_every_command_asks_as_it_is_told(command: str, folder: str, rows: str, tmp_path: Path, capsys) -> None:
    more = {
        "evaluate": ["--metrics", "recall"],
        "stress": ["--kinds", "paraphrase"],
    }[command]
    out = str(tmp_path / "out")
    assert unlearn([command, "--model", folder, "--forget", rows, "--json", out, *more]) == 0
    assert "asked by the tokenizer's chat template" in capsys.readouterr().out
    assert json.loads(Path(out).read_text())["template"] == "chat"


@pytest.mark.parametrize("command", ["", "fit --save x", "evaluate", "stress", "arms --out x"])
def test_a_template_without_its_parts_is_a_sentence(command: str, rows: str, capsys) -> None:
    name, *more = command.split(" ") if command else ("",)
    assert unlearn([*filter(None, [name]), "--model", "embedded", "--forget", rows, *more, "--template", "plian"]) == 2
    assert "'plian' needs {prompt} and {answer}, once each; or name auto, plain, chat." in capsys.readouterr().err


def test_half_a_character_and_a_name_too_long_for_the_system_are_sentences(capsys) -> None:
    row = ["--prompt", "Who?", "--answer", "Bo.", "--scorers", "entropy"]
    assert attribution([*row, "--template", "\ud83d{prompt}{answer}"]) == 2
    assert "The template holds half a character" in capsys.readouterr().err
    assert attribution([*row, "--model", "x" * 5000]) == 2
    assert "cannot be used here" in capsys.readouterr().err


def test_scores_of_two_templates_are_not_mixed(folder: str, rows: str, tmp_path: Path, capsys) -> None:
    score = ["score-dataset", str(next(Path(rows).glob("forget*"))), "--model", folder, "--scorers", "entropy"]
    score += ["--out", str(tmp_path / "scores.jsonl")]
    assert attribution(score) == 0
    assert "asked by the tokenizer's chat template" in capsys.readouterr().err
    assert "user: " in json.loads((tmp_path / "scores.jsonl").read_text().splitlines()[0])["encoded"]["text"]
    assert attribution([*score, "--template", "plain"]) == 2
    assert "template" in capsys.readouterr().err
