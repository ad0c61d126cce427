"""A run on the Hub: what is sent, to the byte, what stays, and that it loads again. No network is asked."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import torch
import yaml
from huggingface_hub import HfApi, ModelCard, errors, parse_eval_result_entries
from huggingface_hub.utils import filter_repo_objects

from app.server.settings import Settings
from app.visit.models import FOLDER, Shelf, Wish
from attribution import Rule, load_model
from unlearn import RunConfig, run
from unlearn.__main__ import main
from unlearn.card import eval_results, shown_name
from unlearn.data.corpus import HubSet
from unlearn.export import save
from unlearn.metrics import Evaluation
from unlearn.publish import parcel, publish
from unlearn.replay import REPLAY_FILE, Recorder, read_replay

FIGURES = Evaluation(
    {"forget_recall": 0.12345678, "retain_recall": 1.0, "structure": 0.5},
    {"forget_recall": 6, "retain_recall": 10, "structure": 6},
    (),
)
HEADER = """---
datasets:
- locuslab/TOFU
library_name: transformers
pipeline_tag: text-generation
tags:
- unlearning
- forget-lens
model-index:
- name: tiny, unlearned
  results:
  - task:
      type: text-generation
      name: Unlearning tofu:forget10
    dataset:
      name: tofu:forget10
      type: locuslab/TOFU
      config: forget10
      split: train
    metrics:
    - type: forget_recall
      value: 0.123457
      name: Facts to forget (lower is better)
      args:
        n: 6
    - type: retain_recall
      value: 1.0
      name: Facts to keep (higher is better)
      args:
        n: 10
    - type: structure
      value: 0.5
      name: Structure (higher is better)
      args:
        n: 6
---

# tiny, unlearned
"""
ENTRIES = """- dataset:
    id: locuslab/TOFU
    task_id: forget10_forget_recall
  notes: 'Facts to forget: lower is better, n = 6; python -m unlearn'
  value: 0.123457
"""
SENT = [
    *(".eval_results/forget_lens.yaml", "README.md", "config.json", "forget_lens.json", "forget_lens_replay.json"),
    *("forget_lens_run.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
]


@pytest.fixture
def saved(tiny, small_corpus, tmp_path) -> Path:
    """A run on rows that came from the Hub, beside files that are nobody's business."""
    corpus = replace(small_corpus, name="tofu:forget10", hub=HubSet("locuslab/TOFU", "forget10", "train"))
    job = run(
        tiny,
        corpus,
        RunConfig(rule=Rule("entropy", "top", 0.3), steps=1, forget_batch=4, retain_batch=4, probe_every=0),
    )
    recorder = Recorder(job, 1)
    for step in job:
        recorder.look(step)
    folder, figures = tmp_path / "forgotten", {"before": FIGURES, "after": FIGURES}
    save(job, folder, evaluations=figures, command="python -m unlearn", replay=recorder.replay())
    (folder / "rows.jsonl").write_text("a secret", encoding="utf-8")
    (folder / ".env").write_text("HF_TOKEN=hf_secret", encoding="utf-8")
    (folder / "model-parts").mkdir()
    (folder / "model-parts" / "x.safetensors").write_bytes(b"secret")
    (folder / "vocab.json").symlink_to(folder / "rows.jsonl")
    return folder


class Hub:
    """The Hub's client as it is documented, with a folder behind it."""

    def __init__(self, folder: Path, private: bool | None = None) -> None:
        self.folder, self.private, self.made = folder, private, ""

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> str:
        self.private = private if self.private is None else self.private
        self.made = f"https://huggingface.co/{repo_id}"
        return self.made

    def model_info(self, repo_id: str) -> SimpleNamespace:
        return SimpleNamespace(private=self.private)

    def upload_folder(self, *, repo_id: str, folder_path: Path, allow_patterns: list[str], commit_message: str) -> None:
        names = [path.relative_to(folder_path).as_posix() for path in folder_path.rglob("*") if path.is_file()]
        for name in filter_repo_objects(names, allow_patterns=allow_patterns):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder_path / name, self.folder / name)


def test_a_dry_run_says_to_the_byte_what_is_sent(saved, tmp_path, capsys, monkeypatch):
    # Read as a pattern, the second stands for the first.
    (saved / "model-a.safetensors").symlink_to(saved / "rows.jsonl")
    shutil.copy(saved / "model.safetensors", saved / "model-[a].safetensors")
    os.mkfifo(saved / "merges.txt")
    hub = Hub(tmp_path / "hub")
    publish(parcel(saved), "ada/forgets", api=hub)
    sent = sorted(path.relative_to(hub.folder).as_posix() for path in hub.folder.rglob("*") if path.is_file())
    assert sent == sorted([*SENT, "model-[a].safetensors"]) and hub.private
    monkeypatch.setattr("unlearn.publish.HfApi", None)
    assert main(["publish", str(saved), "ada/forgets", "--dry-run"]) == 0
    said = capsys.readouterr().out
    contents = {name: (hub.folder / name).read_bytes() for name in sent}
    lines = [f"{hashlib.sha256(data).hexdigest()}  {len(data):>14,}  {name}" for name, data in contents.items()]
    texts = "With texts of a row: forget_lens_replay.json"
    left = "Left here: .env, merges.txt, model-a.safetensors, model-parts/x.safetensors, rows.jsonl, vocab.json"
    card = contents["README.md"].decode()
    head = "To ada/forgets, private; nothing has been sent."
    assert said == "\n".join([head, "", *lines, "", texts, "", left, "", card])
    assert read_replay(hub.folder) == read_replay(saved) is not None


def test_card_and_results_are_the_hubs_own_forms(saved):
    card = (saved / "README.md").read_text(encoding="utf-8")
    assert card.startswith(HEADER)
    assert "```bash\npython -m unlearn\n```" in card
    read = ModelCard(card).data.eval_results
    assert [(one.metric_type, one.metric_value, one.dataset_type) for one in read] == [
        (name, round(value, 6), "locuslab/TOFU") for name, value in FIGURES.metrics.items()
    ]
    text = (saved / ".eval_results" / "forget_lens.yaml").read_text(encoding="utf-8")
    assert text.startswith(ENTRIES)
    entries = parse_eval_result_entries(yaml.safe_load(text))
    assert [(one.task_id, one.value) for one in entries] == [
        (f"forget10_{name}", round(value, 6)) for name, value in FIGURES.metrics.items()
    ]


def test_rows_that_are_not_from_the_hub_have_no_entry_there(small_corpus):
    assert eval_results(small_corpus, FIGURES) == ""


def test_no_text_of_a_row_and_no_path_is_sent_but_in_a_replay(saved, small_corpus):
    texts = [(saved / name).read_text(encoding="utf-8") for name in SENT if name.endswith((".md", ".yaml", "run.json"))]
    assert len(texts) == 3
    for row in small_corpus.forget:
        assert not any(row.example.answer in text or row.example.prompt in text for text in texts)
    texts.append((saved / REPLAY_FILE).read_text(encoding="utf-8"))
    assert not any(str(saved.parent) in text for text in texts)
    log = json.loads((saved / "forget_lens_run.json").read_text(encoding="utf-8"))
    assert [step["step"] for step in log["steps"]] == [1] and log["metrics"]["after"]["n"]["forget_recall"] == 6


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("owner/name", "owner/name"),
        ("embedded", "embedded"),
        ("/data/private/rows.jsonl", "rows.jsonl"),
        ("../private/tofu:forget10", "tofu:forget10"),
        ("a/b/c", "c"),
        ("about:Ada Lovelace", "about:Ada Lovelace"),
    ],
)
def test_a_path_is_told_by_its_end_alone(name, said):
    assert shown_name(name) == said


def test_the_hubs_client_takes_these_calls():
    for name in ("create_repo", "model_info", "upload_folder"):
        theirs, mine = (inspect.signature(getattr(owner, name)).parameters for owner in (HfApi, Hub))
        assert set(mine) <= set(theirs), name


def test_an_adapter_is_published_and_loads_beside_its_base(model, small_corpus, tmp_path):
    config = RunConfig(rule=Rule("entropy", "top", 0.3), steps=1, forget_batch=4, retain_batch=4, probe_every=0, lora=2)
    job = run(model, small_corpus, config)
    for _ in job:
        pass
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / REPLAY_FILE).write_text("of a run before", encoding="utf-8")
    save(job, tmp_path / "adapter", "adapter")
    assert not (tmp_path / "adapter" / REPLAY_FILE).exists(), "it is of a run that is no more"
    hub = Hub(tmp_path / "hub")
    publish(parcel(tmp_path / "adapter"), "ada/forgets", api=hub)
    assert (hub.folder / "adapter_model.safetensors").is_file() and not list(hub.folder.glob("model*"))
    assert "library_name: peft" in (hub.folder / "README.md").read_text(encoding="utf-8")
    ids = torch.arange(5, 25)[None]
    torch.testing.assert_close(
        load_model(str(hub.folder)).model(ids).logits, job.model.model(ids).logits, atol=1e-4, rtol=1e-4
    )


def test_what_is_published_loads_in_the_library_and_on_the_page(saved, model, tmp_path):
    hub = Hub(tmp_path / "hub" / "forgets")
    publish(parcel(saved), "ada/forgets", api=hub)
    ids = torch.arange(5, 25)[None]
    loaded = load_model(str(hub.folder))
    assert torch.equal(loaded.model(ids).logits, load_model(str(saved)).model(ids).logits)
    shelf = Shelf(Settings(model_folder=str(hub.folder.parent)), model)
    on_page = shelf.get(Wish(FOLDER + "forgets"))
    assert torch.equal(on_page.model(ids).logits, loaded.model(ids).logits)
    assert read_replay(on_page.folder) == read_replay(saved) is not None


def test_a_repository_that_everybody_sees_is_not_taken_by_accident(saved, tmp_path):
    hub = Hub(tmp_path / "hub", private=False)
    with pytest.raises(ValueError, match="everybody can see it: say --public"):
        publish(parcel(saved), "ada/forgets", api=hub)
    assert not hub.folder.exists()
    assert publish(parcel(saved), "ada/forgets", True, hub) == "https://huggingface.co/ada/forgets"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (errors.OfflineModeIsEnabled("offline"), "cannot be reached from here .* --dry-run"),
        (errors.LocalTokenNotFoundError("hf_secret"), "hf auth login"),
        *((status, said) for status, said in [(401, "hf auth login"), (403, "may not write"), (500, "answered 500")]),
    ],
)
def test_what_the_hub_refuses_is_one_sentence_without_a_token(saved, tmp_path, monkeypatch, error, said):
    if isinstance(error, int):
        answer = httpx.Response(error, request=httpx.Request("POST", "https://huggingface.co"))
        error = errors.HfHubHTTPError("Bearer hf_secret", response=answer)

    def refuse(*_, **__):
        raise error

    hub = Hub(tmp_path / "hub")
    monkeypatch.setattr(hub, "create_repo", refuse)
    with pytest.raises(ValueError, match=said) as found:
        publish(parcel(saved), "ada/forgets", api=hub)
    assert "hf_secret" not in str(found.value)


def test_what_no_run_has_left_is_refused(saved, tmp_path, capsys):
    for name, said in (
        ("forget_lens_run.json", "has no forget_lens_run.json"),
        ("model.safetensors", "has no weights in safetensors"),
    ):
        whole = (saved / name).read_bytes()
        (saved / name).unlink()
        with pytest.raises(ValueError, match=said):
            parcel(saved)
        (saved / name).write_bytes(whole)
    card = (saved / "README.md").read_bytes()
    (saved / "README.md").write_text("tiny, unlearned", encoding="utf-16")
    with pytest.raises(ValueError, match="README.md' is no UTF-8 text"):
        parcel(saved)
    (saved / "README.md").write_bytes(card)
    (saved / name).write_bytes(whole[:-1])
    with pytest.raises(ValueError, match=r"model.safetensors' is damaged .* save the run again"):
        parcel(saved)
    (saved / name).write_bytes(whole)
    (saved / REPLAY_FILE).write_text("a secret", encoding="utf-8")
    with pytest.raises(ValueError, match="is no replay"):
        parcel(saved)
    (saved / REPLAY_FILE).unlink()
    for base in (str(tmp_path), "base", ["embedded"]):
        told = json.dumps({"base_model_name_or_path": base})
        (saved / "adapter_config.json").write_text(told, encoding="utf-8")
        with pytest.raises(ValueError, match="in a folder of this machine"):
            parcel(saved)
    assert main(["publish", str(tmp_path / "none"), "ada/forgets"]) == 2
    assert "There is no folder" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["forgets", "ada/..", "ada/forgets.git", "ada/forgets-", "ada/forgets\n", "a/b/c"])
def test_a_name_that_the_hub_has_not_is_refused_before_anything_else(tmp_path, capsys, name):
    assert main(["publish", str(tmp_path), name, "--dry-run"]) == 2
    assert "write OWNER/NAME" in capsys.readouterr().err
