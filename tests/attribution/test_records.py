"""Records from files that people really have: byte order marks, other line ends and encodings, odd cells."""

from __future__ import annotations

from pathlib import Path

import pytest

from attribution.data.records import Record, file_records, hub_records


def read(path: Path) -> list[tuple[str, Record]]:
    records = file_records(path)
    found = list(records.read())
    assert len(found) == records.count
    return found


def written(tmp_path: Path, name: str, content: bytes) -> Path:
    (tmp_path / name).write_bytes(content)
    return tmp_path / name


def test_marks_and_line_ends(tmp_path: Path) -> None:
    lines = written(tmp_path, "rows.jsonl", b'\xef\xbb\xbf{"a": 1}\r\n\r\n{"a": "x\\ny"}\r\n')
    assert read(lines) == [("Line 1", {"a": 1}), ("Line 3", {"a": "x\ny"})]
    cells = written(tmp_path, "rows.csv", b'\xef\xbb\xbfa,b\r\n1,"two\r\nlines"\r\n3,4')
    assert read(cells) == [("Line 2", {"a": "1", "b": "two\r\nlines"}), ("Line 4", {"a": "3", "b": "4"})]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_spreadsheets_write_other_delimiters(tmp_path: Path, delimiter: str) -> None:
    path = written(
        tmp_path,
        "rows.csv",
        delimiter.join(["question", "answer"]).encode() + b"\nWho?" + delimiter.encode() + b"Bo.\n",
    )
    assert read(path) == [("Line 2", {"question": "Who?", "answer": "Bo."})]


def test_a_cell_too_many_is_not_cut_off_in_silence(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", b"question,answer\nWho?,Bo.\nWhere?,In Oslo, by the sea.\n")
    with pytest.raises(ValueError, match="Line 3 of .*more cells than .*quotation marks"):
        file_records(path)


def test_a_huge_cell(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", b"text\nshort\n" + b"x" * 200_000 + b"\n")
    with pytest.raises(ValueError, match="Line 3 of .* more than 131,072 characters; cut it into rows"):
        file_records(path)


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
def test_the_line_that_is_in_another_encoding_is_named(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name, '{"a": "Zoë"}\n'.encode() + '{"a": "Zoë"}\n'.encode("latin-1"))
    with pytest.raises(ValueError, match=r"Line 2 of .* is not UTF-8 text \(byte 0xeb after '.*Zo'\)"):
        file_records(path)


def test_utf16_is_recognised(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is UTF-16"):
        file_records(written(tmp_path, "rows.csv", "question,answer\nWho?,Bo.\n".encode("utf-16")))


def test_the_first_rows_of_the_hub_are_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    rows = [{"text": str(i)} for i in range(5)]
    asked = []

    def load(name: str, subset: str | None, **options: object) -> object:
        asked.append(options)
        return datasets.Dataset.from_list(rows).to_iterable_dataset()

    monkeypatch.setattr(datasets, "load_dataset", load)
    found = hub_records("owner/name", "part", "train", first=2)
    assert [record["text"] for _, record in found.read()] == ["0", "1"]
    assert asked == [{"split": "train", "streaming": True}]


def test_a_gated_set_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def load(*_: object, **__: object) -> object:
        raise datasets.exceptions.DatasetNotFoundError("Dataset 'a/b' is a gated dataset on the Hub.")

    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(ValueError, match="ask on its page on the Hub and log in"):
        hub_records("a/b")
