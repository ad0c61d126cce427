"""A data set into one file: nothing lost, nothing twice, whatever was killed when."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from attribution import LanguageModel, TokenScores, score
from attribution.__main__ import main
from attribution.data import dataset as dataset_module
from attribution.data.dataset import Summary, score_dataset
from attribution.data.parts import Parts
from attribution.data.rows import embedded_rows
from attribution.data.sources import open_source
from attribution.workers import Workers

SCORERS = ("entropy", "importance", "random")


def scored(model: LanguageModel, data: str, out: Path, **changes: Any) -> Summary:
    return score_dataset(model, open_source(data), out, **{"scorers": SCORERS, "shard_rows": 10, **changes})


@pytest.fixture
def rows_file(tmp_path: Path) -> str:
    """25 rows, three of which cannot be scored."""
    lines = [{"question": r.example.prompt, "answer": r.example.answer} for r in embedded_rows("forget01")[:22]]
    empty, long = {"question": "Who?", "answer": " "}, {"question": "Who?", "answer": "word " * 3000}
    lines = [*lines[:4], empty, *lines[4:12], long, {"answer": "No question."}, *lines[12:]]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return str(path)


def test_each_row_once_in_order(random_model: LanguageModel, rows_file: str, tmp_path: Path) -> None:
    out = tmp_path / "scores.jsonl"
    heard: list[int] = []
    summary = scored(random_model, rows_file, out, progress=heard.append)
    assert (summary.rows, summary.scored, summary.was_complete) == (25, 22, False)
    assert heard == [0, 10, 20, 25]
    records = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [record["row"] for record in records] == [row for row in range(25) if row not in (4, 13, 14)]
    assert summary.skipped.keys() == {4, 13, 14}
    assert "empty" in summary.skipped[4]
    assert "at most 128" in summary.skipped[13]
    assert "'question'" in summary.skipped[14]
    # The file's rows are what `score` gives, and read back as such.
    row = TokenScores.from_dict(records[5])
    again = score(random_model, row.example, SCORERS)[0]
    assert row.encoded == again.encoded and row.columns["random"] == again.columns["random"]
    assert row.columns["entropy"] == pytest.approx(again.columns["entropy"], abs=1e-5)
    # Only the result and its manifest stay.
    assert {path.name for path in tmp_path.iterdir()} == {"rows.jsonl", "scores.jsonl", "scores.jsonl.manifest.json"}
    manifest = json.loads((tmp_path / "scores.jsonl.manifest.json").read_text(encoding="utf-8"))
    assert manifest["config"]["scorers"] == list(SCORERS) and manifest["result"]["scored"] == 22


def test_parquet_holds_the_same(random_model: LanguageModel, rows_file: str, tmp_path: Path) -> None:
    from pyarrow import parquet

    scored(random_model, rows_file, tmp_path / "scores.jsonl")
    scored(random_model, rows_file, tmp_path / "scores.parquet")
    table = parquet.read_table(tmp_path / "scores.parquet").to_pylist()
    records = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(table) == len(records) == 22
    for line, record in zip(table, records, strict=True):
        assert line["row"] == record["row"] and line["answer"] == "".join(line["tokens"]) == record["answer"]
        assert line["entropy"] == record["scores"]["entropy"] and line["p"] == record["p"]
        assert line["token_ids"] == [token["id"] for token in record["tokens"]]


class Killed(BaseException):
    """Stands for kill -9: nothing after it runs."""


@pytest.mark.parametrize("moment", ["before a shard", "inside a shard", "inside the join", "before the manifest"])
def test_a_killed_run_goes_on(
    moment: str, random_model: LanguageModel, rows_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = tmp_path / "whole" / "scores.jsonl"
    expected.parent.mkdir()
    scored(random_model, rows_file, expected)
    out = tmp_path / "scores.jsonl"
    calls = 0

    def kill(*args: object, **kwargs: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if moment == "before a shard":
            put = Parts.put

            def put_two(self: Parts, shard: int, records: Sequence[dict[str, Any]]) -> None:
                put(self, shard, records) if shard < 2 else kill()

            patch.setattr(Parts, "put", put_two)
        elif moment == "inside a shard":
            patch.setattr("attribution.files.os.fsync", kill)
        elif moment == "inside the join":
            patch.setattr(Parts, "_records", kill)
        else:
            replace = __import__("os").replace

            def replace_and_die(source: Path, target: Path) -> None:
                replace(source, target)
                if target == out:
                    kill()

            patch.setattr("attribution.files.os.replace", replace_and_die)
        with pytest.raises(Killed):
            scored(random_model, rows_file, out)
    assert out.exists() == (moment == "before the manifest")

    def counted(*args: Any, **kwargs: Any) -> list[TokenScores]:
        nonlocal calls
        calls += 1
        return score(*args, **kwargs)

    monkeypatch.setattr(dataset_module, "score", counted)
    summary = scored(random_model, rows_file, out)
    assert out.read_bytes() == expected.read_bytes() and summary.scored == 22
    # Of three shards, only those that were not saved are scored again.
    assert calls == {"before a shard": 1, "inside a shard": 3}.get(moment, 0)
    assert scored(random_model, rows_file, out).was_complete and not (tmp_path / "scores.jsonl.parts").exists()


def test_several_workers_write_the_same_file(random_model: LanguageModel, rows_file: str, tmp_path: Path) -> None:
    alone, shared = tmp_path / "alone.jsonl", tmp_path / "shared.jsonl"
    barrier = threading.Barrier(2)

    def work(rank: int) -> Summary:
        return scored(random_model, rows_file, shared, shard_rows=2, workers=Workers(rank, 2, barrier.wait))

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(work, (0, 1))
    scored(random_model, rows_file, alone, shard_rows=2)
    assert shared.read_bytes() == alone.read_bytes()
    assert (first.scored, second.scored) == (22, 0)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_parts_that_know_of_each_other_by_files_alone_write_the_same_file(
    order: Sequence[int], random_model: LanguageModel, rows_file: str, tmp_path: Path
) -> None:
    alone, shared = tmp_path / "alone.jsonl", tmp_path / "shared.jsonl"
    scored(random_model, rows_file, alone, shard_rows=2)

    def work(part: int) -> Summary:
        return scored(random_model, rows_file, shared, shard_rows=2, workers=Workers(part, 3, apart=True))

    # Of thirteen shards part 0 has five, the others four; the last one has a row.
    summaries = [work(part) for part in order]
    assert [summary.missing for summary in summaries] == {0: [16, 8, None], 2: [17, 8, None]}[order[0]]
    assert summaries[-1].scored == 22 and not summaries[-1].was_complete
    assert shared.read_bytes() == alone.read_bytes()
    assert work(0).was_complete and not shared.with_name("shared.jsonl.parts").exists()


def test_parts_at_once_and_one_that_was_killed(random_model: LanguageModel, rows_file: str, tmp_path: Path) -> None:
    alone, shared = tmp_path / "alone.jsonl", tmp_path / "shared.jsonl"
    scored(random_model, rows_file, alone, shard_rows=2)

    def work(part: int) -> Summary:
        return scored(random_model, rows_file, shared, shard_rows=2, workers=Workers(part, 4, apart=True))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Parts, "join", lambda self: (_ for _ in ()).throw(Killed()))
        with ThreadPoolExecutor(4) as pool:
            ends = [pool.submit(work, part).exception() for part in range(4)]
    assert [end for end in ends if end] and all(isinstance(end, Killed) for end in ends if end)
    assert not shared.exists()
    # Whichever part is started again has nothing left to score, and makes the result.
    assert work(1).scored == 22 and shared.read_bytes() == alone.read_bytes()


def test_a_part_is_not_done_twice_at_once(random_model: LanguageModel, rows_file: str, tmp_path: Path) -> None:
    parts = Parts(tmp_path / "scores.jsonl", {}, 4, 2)
    parts.open((0, 2))
    other = Parts(tmp_path / "scores.jsonl", {}, 4, 2)
    other.open((1, 2))
    for part in ((0, 2), None):
        with pytest.raises(ValueError, match="Another process is writing"):
            Parts(tmp_path / "scores.jsonl", {}, 4, 2).open(part)
    parts.close(), other.close()


@pytest.mark.parametrize("part", ["1", "2/2", "-1/2", "a/b", "0/0"])
def test_a_part_that_is_none(part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score-dataset", "forget01", "--out", str(tmp_path / "scores.jsonl"), "--part", part]) == 2
    assert "write K/N with K from 0 to N - 1" in capsys.readouterr().err


def test_other_settings_do_not_mix(random_model: LanguageModel, rows_file: str, tmp_path: Path) -> None:
    out = tmp_path / "scores.jsonl"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Parts, "join", lambda self: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            scored(random_model, rows_file, out)
    with pytest.raises(ValueError, match="parts of a run with other scorers: finish that run"):
        scored(random_model, rows_file, out, scorers=("entropy",))
    with pytest.raises(ValueError, match="other options"):
        scored(random_model, rows_file, out, seed=1)
    with pytest.raises(ValueError, match="other data"):
        scored(random_model, "forget01", out)
    scored(random_model, rows_file, out)
    with pytest.raises(ValueError, match="exists and is not the result of this run"):
        scored(random_model, rows_file, out, scorers=("entropy",))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"scorers": ("probe",)}, "what it learns from the others"),
        ({"scorers": ("learned",)}, "no fitted scorer"),
        ({"shard_rows": 0}, "at least 1"),
        ({"temperatur": 2}, "did you mean 'temperature'"),
    ],
)
def test_faults(
    changes: dict[str, object], told: str, random_model: LanguageModel, rows_file: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=told):
        scored(random_model, rows_file, tmp_path / "scores.jsonl", **changes)
    with pytest.raises(ValueError, match="of no kind that is written"):
        scored(random_model, rows_file, tmp_path / "scores.txt")


def test_one_bad_row_costs_itself_alone(random_model: LanguageModel, tmp_path: Path) -> None:
    """A fault that only scoring finds: the oracle needs spans, and one row has none."""
    path = tmp_path / "rows.jsonl"
    spans = [{"start": 0, "end": 2}]
    lines = [{"question": "Who?", "answer": "Bo did it.", "spans": marks} for marks in (spans, [], spans)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    summary = scored(random_model, str(path), tmp_path / "scores.jsonl", scorers=("oracle",))
    assert summary.scored == 2 and "has no marked facts" in summary.skipped[1]


def test_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], rows_file: str) -> None:
    out = tmp_path / "scores.parquet"
    arguments = ["score-dataset", rows_file, "--out", str(out), "--scorers", "entropy,random"]
    assert main(arguments) == 0
    printed = capsys.readouterr().err
    assert "22 of 25 rows, 1 process\n" in printed and "row 4 left out: " in printed and "row/s" in printed
    assert main(arguments) == 0
    assert "is complete already: 22 rows" in capsys.readouterr().err
    assert main(["score-dataset", "nowhere.csv", "--out", str(out)]) == 2
    assert "no file here" in capsys.readouterr().err
