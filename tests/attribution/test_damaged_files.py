"""What a run over a data set left, damaged by somebody: named before any work is done, and the good rest kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attribution import LanguageModel
from attribution.data import dataset
from attribution.data.dataset import score_dataset
from attribution.data.rows import embedded_rows
from attribution.data.sources import open_source
from attribution.files import only_writer


class KilledError(RuntimeError):
    pass


@pytest.fixture
def begun(random_model: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was killed after two of its three shards."""
    lines = [{"question": r.example.prompt, "answer": r.example.answer} for r in embedded_rows("forget01")[:25]]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    real, done = dataset._score_shard, []

    def some(*inputs: Any) -> Any:
        if len(done) == 2:
            raise KilledError
        done.append(1)
        return real(*inputs)

    monkeypatch.setattr(dataset, "_score_shard", some)
    with pytest.raises(KilledError):
        run(random_model, tmp_path)
    monkeypatch.undo()
    return tmp_path


def run(model: LanguageModel, folder: Path) -> Any:
    source = open_source(str(folder / "rows.jsonl"))
    return score_dataset(model, source, folder / "out.jsonl", scorers=("random",), shard_rows=10)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def foreign(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\0 not ours")


def odd(path: Path) -> None:
    path.write_text("[" * 20_000)


def other_rows(path: Path) -> None:
    path.write_text('{"row": 0}\n' * 10)


@pytest.mark.parametrize("damage", [cut, emptied, foreign, odd, other_rows])
def test_a_damaged_shard_is_named_and_the_rest_is_kept(
    random_model: LanguageModel, begun: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None]
) -> None:
    shard = begun / "out.jsonl.parts" / "part-000001.jsonl"
    damage(shard)
    worked: list[int] = []
    real = dataset._score_shard
    monkeypatch.setattr(dataset, "_score_shard", lambda *inputs: (worked.append(1), real(*inputs))[1])
    with pytest.raises(ValueError, match=r"part-000001.jsonl' is damaged: delete it .* are kept"):
        run(random_model, begun)
    assert worked == [], "said before any work is done"
    shard.unlink()
    assert run(random_model, begun).scored == 25 and len(worked) == 2


@pytest.mark.parametrize("damage", [cut, emptied, foreign, odd, Path.unlink])
def test_a_damaged_manifest_is_named(random_model: LanguageModel, begun: Path, damage: Callable[[Path], None]) -> None:
    damage(begun / "out.jsonl.parts" / "manifest.json")
    with pytest.raises(ValueError, match=r"manifest.json' is missing or damaged"):
        run(random_model, begun)
    assert len(list((begun / "out.jsonl.parts").glob("part-*"))) == 2


def test_a_result_that_was_changed_is_not_taken_for_ours(random_model: LanguageModel, begun: Path) -> None:
    run(random_model, begun)
    assert run(random_model, begun).was_complete
    cut(begun / "out.jsonl")
    with pytest.raises(ValueError, match="has been changed since it was written"):
        run(random_model, begun)


def test_the_second_writer_is_told(random_model: LanguageModel, begun: Path) -> None:
    first = only_writer(begun / "out.jsonl.parts" / "writing", begun / "out.jsonl")
    with pytest.raises(ValueError, match="Another process is writing"):
        run(random_model, begun)
    first.close()
    assert run(random_model, begun).scored == 25
