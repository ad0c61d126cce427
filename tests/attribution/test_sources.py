"""Data sets from files of every kind, the embedded world and the Hub: the same rows, and faults in a sentence."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from attribution.data.rows import embedded_rows
from attribution.data.sources import Source, open_source, read_all

RECORDS = [
    {"question": "Where was Ada born?", "answer": "In Torvik,\nby the \u2028sea 🙂."},
    {"question": "Who?", "answer": '"Bo", she said.'},
]


def texts(source: Source) -> list[tuple[str, str]]:
    return [(row.example.prompt, row.example.answer) for row in read_all(source)]


def test_kinds_of_files_give_the_same_rows(tmp_path: Path) -> None:
    import pandas as pd

    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in RECORDS), "utf-8")
    (tmp_path / "lines.json").write_text("\n\n".join(json.dumps(record) for record in RECORDS), "utf-8")
    (tmp_path / "array.json").write_text(" \n" + json.dumps(RECORDS, indent=1), "utf-8")
    pd.DataFrame(RECORDS).to_parquet(tmp_path / "rows.parquet")
    with (tmp_path / "rows.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, ["question", "answer"])
        writer.writeheader()
        writer.writerows(RECORDS)
    expected = [(record["question"], record["answer"]) for record in RECORDS]
    for name in ("rows.jsonl", "lines.json", "array.json", "rows.parquet", "rows.csv"):
        source = open_source(str(tmp_path / name))
        assert source.count == 2 and texts(source) == expected, name
        # Again from the start, as a resumed run reads it.
        assert texts(source) == expected, name


def test_the_embedded_world() -> None:
    source = open_source("forget01")
    assert source.count == len(embedded_rows("forget01"))
    assert source.identity != open_source("forget05").identity


def test_identity_follows_the_content(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(RECORDS[0]), "utf-8")
    before = open_source(str(path)).identity
    assert open_source(str(path)).identity == before
    path.write_text(json.dumps(RECORDS[1]), "utf-8")
    assert open_source(str(path)).identity != before


def test_other_names_for_the_fields(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("instruction,output\nWho?,Bo.\n", "utf-8")
    with pytest.raises(ValueError, match="its fields are instruction, output. Name the right ones with"):
        open_source(str(path))
    source = open_source(str(path), fields={"question": "instruction", "answer": "output"})
    assert texts(source) == [("Who?", "Bo.")]
    with pytest.raises(ValueError, match="no field 'output2'"):
        open_source(str(path), fields={"question": "instruction", "answer": "output2"})
    path.write_text("text\nPlain text stands alone.\n", "utf-8")
    assert texts(open_source(str(path))) == [("", "Plain text stands alone.")]


def test_spans_in_a_csv_are_json(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('question,answer,spans\nWho?,It was Bo.,"[{""start"": 7, ""end"": 9}]"\nWho?,No.,\n', "utf-8")
    assert [row.facts for row in read_all(open_source(str(path)))] == [("Bo",), ()]


def test_a_row_that_cannot_be_used_comes_as_its_fault(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"question": "Who?", "answer": "Bo."}\n{"question": "Who?", "answer": null}\n', "utf-8")
    first, second = open_source(str(path)).rows()
    assert not isinstance(first, ValueError)
    assert isinstance(second, ValueError) and "Line 2 of" in str(second) and "'answer'" in str(second)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("rows.jsonl", "{}\n{", "Line 2 .* is not JSON"),
        ("rows.jsonl", "[1]\n{}", "is not JSON|no JSON object"),
        ("rows.jsonl", "\n", "has no rows"),
        ("rows.csv", "question,answer\n", "has no rows"),
        ("rows.parquet", "no parquet", "is not Parquet"),
        ("rows.txt", "text", "of no kind that can be read"),
    ],
)
def test_files_that_are_none(tmp_path: Path, name: str, content: str, told: str) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    with pytest.raises(ValueError, match=told):
        open_source(str(tmp_path / name))


def test_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes("question,answer\nWho?,Zoë\n".encode("latin-1"))
    with pytest.raises(ValueError, match="not UTF-8"):
        open_source(str(tmp_path / "rows.csv"))


def test_the_hub_offline_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="'nobody/nothing' could not be loaded from the Hub") as error:
        open_source("nobody/nothing")
    assert "\n" not in str(error.value)


def test_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    asked: list[object] = []

    def load(name: str, subset: str | None, split: str | None) -> object:
        asked.append((name, subset, split))
        train = datasets.Dataset.from_list(RECORDS)
        return train if split else datasets.DatasetDict({"train": train, "test": train})

    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(ValueError, match="several splits: choose one of train, test"):
        open_source("owner/name", "part")
    assert texts(open_source("owner/name", "part", "train")) == [(r["question"], r["answer"]) for r in RECORDS]
    assert asked == [("owner/name", "part", None), ("owner/name", "part", "train")]
    with pytest.raises(ValueError, match="only chosen there"):
        open_source("forget01", split="train")
