"""What a model does not know is left out of rows about the real world, after asking it once."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from attribution import LanguageModel
from tests.attribution.tiny import tiny_model
from unlearn import Corpus, load_corpus
from unlearn.__main__ import main
from unlearn.asking import known
from unlearn.asking.known import known_part, said_before
from unlearn.metrics import ask
from unlearn.presets import preset


class Scholar(LanguageModel):
    """Says what it was told of some questions, and counts how often it is asked."""

    said: dict[str, str]
    asked: int

    def generate(self, prompts, *_, **__):  # type: ignore[no-untyped-def]
        self.asked += len(prompts)
        return [self.said.get(prompt, "No idea.") for prompt in prompts]


@pytest.fixture()
def scholar() -> Scholar:
    tiny = tiny_model("llama")
    found = Scholar(tiny.model, tiny.tokenizer, name="scholar", template=tiny.template)
    found.said, found.asked = {}, 0
    return found


@pytest.fixture(scope="module")
def japan() -> Corpus:
    return load_corpus("real:Japan")


def test_known_rows_are_kept_and_asked_for_once(
    scholar: Scholar, japan: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "NEAR", 5)
    monkeypatch.setattr(known, "REST", 3)
    scholar.said = {row.example.prompt: row.example.answer for row in (*japan.retain, *japan.world)}
    of_forget = [row for row in japan.forget if row.facts == ("Tokyo",)]
    # Known in one wording, forgotten in all.
    scholar.said[of_forget[1].example.prompt] = "It is Tokyo, they say."
    found = known_part(scholar, japan, folder=tmp_path)
    assert (
        list(found.forget) == [of_forget[1], of_forget[0], of_forget[2]]
        and not found.paraphrase
        and not found.only_known
    )
    assert (found.neighbours, len(found.retain)) == (5, 8)
    near = {row.example.id for row in japan.retain[: japan.neighbours]}
    assert [row.example.id in near for row in found.retain] == [True] * 5 + [False] * 3
    assert "scholar answers 1 right. 3 ask for what it knows" in found.notes[-1]
    before = scholar.asked
    assert known_part(scholar, japan, folder=tmp_path) == found and scholar.asked == before
    assert known_part(scholar, found, folder=tmp_path) is found
    # The model before a run need not be asked again what it has answered.
    said = said_before(scholar, tmp_path)
    now = [[ask(scholar, "x", found.retain, known)[0].answer, scholar.asked - before] for known in (said, None)]
    assert now == [[found.retain[0].example.answer, 0], [found.retain[0].example.answer, 8]]
    # A file that a kill left torn is asked for again.
    (kept,) = tmp_path.iterdir()
    kept.write_text("{", encoding="utf-8")
    assert known_part(scholar, japan, folder=tmp_path) == found and scholar.asked > before + 8
    assert said_before(tiny_model("gpt2"), tmp_path) == {}


def test_a_model_that_knows_nothing_is_told(scholar: Scholar, japan: Corpus, tmp_path: Path) -> None:
    few = dataclasses.replace(japan, forget=japan.forget[:3])
    with pytest.raises(ValueError, match="scholar knows nothing of Japan: it answers none of 3 questions right"):
        known_part(scholar, few, folder=tmp_path)
    scholar.said = {row.example.prompt: row.example.answer for row in few.forget}
    short = dataclasses.replace(few, retain=few.retain[:3], neighbours=2)
    with pytest.raises(ValueError, match="that are to be kept"):
        known_part(scholar, short, folder=tmp_path / "later")


def test_the_shell_forgets_what_a_model_in_a_folder_knows_of_a_subject(
    japan: Corpus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From the command to the report, by the preset for real models; the answers alone are not the tiny model's own."""
    caplog.set_level("INFO", "unlearn")
    taught = {row.example.prompt: row.example.answer for row in (*japan.forget[:2], *japan.retain[:20])}

    def says(self: LanguageModel, prompts: list[str], *_: object, **__: object) -> list[str]:
        return [taught.get(prompt, "No idea.") for prompt in prompts]

    monkeypatch.setattr(LanguageModel, "generate", says)
    monkeypatch.setattr(known, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(known, "TRIES", 100)
    tiny = tiny_model("llama", max_position_embeddings=512)
    tiny.model.save_pretrained(tmp_path / "tiny", safe_serialization=True)
    tiny.tokenizer.save_pretrained(tmp_path / "tiny")
    words = ["--model", str(tmp_path / "tiny"), "--forget", "real:Japan", "--steps", "1"]
    assert main([*words, "--json", str(tmp_path / "run.json")]) == 0
    assert "ask for what it knows, in any wording" in caplog.text
    report = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert report["config"]["objective"] == preset("real").config.objective == "counterfactual"
    assert report["config"]["rule"]["scorer"] == "new-info"
    # All wordings of what it knows are trained, and only what it knows is kept.
    asked = {split: [a for a in report["answers"] if a["split"] == split] for split in ("forget", "retain")}
    assert len(asked["forget"]) > 2 and {answer["question"] for answer in asked["retain"]} <= taught.keys()
    assert report["metrics"]["before"]["retain_recall"] == 1
    # Asked in another way it knows nothing of Japan, and is not trained on what it does not know.
    taught.clear()
    assert main([*words, "--template", "{prompt} {answer}"]) != 0
    assert "knows nothing of Japan" in capsys.readouterr().err
