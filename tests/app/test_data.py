"""Rows of a visitor's own: columns understood, every unusable row named, a hundred thousand found quickly."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.server.settings import Settings
from app.visit.own_rows import Browser, UsableRows, named_corpus, own_corpus, read_rows, read_sheet
from attribution import Example, LanguageModel
from attribution.data.rows import Row

LIMITS = Settings(max_upload_mb=1, max_rows=1_000, run_rows=50)


def lines(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def test_columns_are_guessed_and_can_be_named(tmp_path: Path) -> None:
    frame = pd.DataFrame({"Prompt": ["Who?", "Where?"], "Response": ["Ada.", "There."], "n": [1, 2]})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    frame.to_parquet(tmp_path / "rows.parquet")
    frame.to_json(tmp_path / "rows.jsonl", orient="records", lines=True)
    for kind in ("csv", "parquet", "jsonl"):
        sheet = read_sheet(tmp_path / f"rows.{kind}", LIMITS)
        assert sheet.columns == ("Prompt", "Response", "n")
        assert sheet.guess() == {"question": "Prompt", "answer": "Response", "text": ""}
        reading = read_rows(sheet, sheet.guess())
        assert [(row.example.prompt, row.example.answer) for row in reading.rows] == [
            ("Who?", "Ada."),
            ("Where?", "There."),
        ]
        texts = read_rows(sheet, {"text": "Response"})
        assert [row.example.prompt for row in texts.rows] == ["", ""]
        with pytest.raises(ValueError, match="no column 'x'"):
            read_rows(sheet, {"answer": "x"})
        with pytest.raises(ValueError, match="which column holds the answers"):
            read_rows(sheet, {})


def test_a_clear_word_about_every_row_that_cannot_be_used(tmp_path: Path) -> None:
    good = {"question": "Who?", "answer": "Ada."}
    path = lines(
        tmp_path / "rows.jsonl",
        good,
        good,
        {"question": "Who?", "answer": ""},
        {"question": "Who?", "answer": None},
        {"question": 5, "answer": "x"},
        {"question": "Who?", "answer": "  "},
        {"question": "Who?", "answer": "x" * 100_001},
        {"question": "Who?", "answer": "Bo.", "spans": [{"start": 0, "end": 99}]},
        {"question": "Who?", "answer": "half \ud83d"},
    )
    reading = read_rows(read_sheet(path, LIMITS), {"question": "question", "answer": "answer"})
    assert len(reading.rows) == 1 and reading.repeated == 1 and len(reading.refused) == 7
    said = "\n".join(reading.said())
    assert "1 rows can be used" in said and "1 stand there already" in said
    assert "2 left out (Line 3, Line 4): the column 'answer' is empty there." in said
    for where in (3, 4, 5, 6, 7, 8, 9):
        assert any(place == f"Line {where}" for place, _ in reading.refused)
    assert len(reading.rows) + reading.repeated + len(reading.refused) == 9, "no row is lost in silence"


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(("question", "answer", "text")), st.none() | st.text(max_size=9) | st.integers(), max_size=3
        ),
        max_size=8,
    )
)
def test_every_record_is_counted_once(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, object]]
) -> None:
    path = lines(tmp_path_factory.getbasetemp() / "counted.jsonl", *records)
    try:
        sheet = read_sheet(path, LIMITS)
        reading = read_rows(sheet, sheet.guess())
    except ValueError:
        return
    assert len(reading.rows) + reading.repeated + len(reading.refused) == len(records)


@pytest.mark.parametrize("name", ["rows.exe", "rows", "rows.pkl", "rows.jsonl.gz"])
def test_files_of_other_kinds(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ValueError, match="no kind that can be read"):
        read_sheet(tmp_path / name, LIMITS)


def test_limits_of_an_upload_and_no_word_of_where_it_lies(tmp_path: Path) -> None:
    big = tmp_path / "big.jsonl"
    big.write_bytes(b"x" * (1024**2 + 1))
    with pytest.raises(ValueError, match="larger than 1 MB"):
        read_sheet(big, LIMITS)
    many = lines(tmp_path / "many.jsonl", *({"question": "?", "answer": str(i)} for i in range(1_500)))
    sheet = read_sheet(many, LIMITS)
    assert len(sheet.records) == 1_000 and sheet.more == 500
    (tmp_path / "bad.jsonl").write_text("{")
    with pytest.raises(ValueError, match="Line 1 of 'bad.jsonl'") as caught:
        read_sheet(tmp_path / "bad.jsonl", LIMITS)
    assert str(tmp_path) not in str(caught.value)


def reading_of(*answers: str) -> UsableRows:
    return UsableRows(tuple(Row(Example("Who?", answer)) for answer in answers))


def test_own_rows_become_what_a_run_forgets_and_keeps() -> None:
    forget = reading_of(*(f"Ada {i}." for i in range(120)))
    corpus, notes = own_corpus("mine.csv", forget, None, LIMITS)
    assert corpus.name == "mine" and len(corpus.forget) == 50 and len(corpus.retain) == 50
    assert any("50 of the 120 forget rows" in note for note in notes)
    assert any("No file of rows to keep" in note for note in notes)
    kept, _ = own_corpus("mine.csv", reading_of("a", "b"), reading_of("b", "c"), LIMITS)
    assert [row.example.answer for row in kept.retain] == ["c"]
    with pytest.raises(ValueError, match="nothing would be left to keep"):
        own_corpus("mine.csv", reading_of("a"), reading_of("a"), LIMITS)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../rows.csv", "tofu:../../x", "tofu:/etc", "web:x", "", "tofu", "rwku:a/b", "tofu:x" * 50]
)
def test_a_sets_name_is_never_a_path(name: str, model: LanguageModel) -> None:
    with pytest.raises(ValueError, match="none that this page reads"):
        named_corpus(name, Settings(), model)


def test_sets_that_the_host_switched_off(tmp_path: Path, model: LanguageModel) -> None:
    assert len(named_corpus("forget01", Settings(data=()), model)[0].forget) > 0
    with pytest.raises(ValueError, match="none that this page reads"):
        named_corpus("tofu:forget10", Settings(data=("upload",)), model)
    with pytest.raises(ValueError, match="could not be loaded from the Hub"):
        named_corpus("tofu:forget10", Settings(), model)


def test_a_hundred_thousand_rows_are_searched_quickly() -> None:
    rows = [
        Row(Example(f"Where was author number {i} born?", f"In the town of Torvik-{i % 977}.")) for i in range(100_000)
    ]
    browser = Browser(rows)
    started = time.perf_counter()
    numbers, total = browser.find("TORVIK-5 author 99", most=20)
    seconds = time.perf_counter() - started
    assert total == sum("torvik-5" in t and "author" in t and "99" in t for t in browser._texts) and len(numbers) == 20
    assert browser.find("no such word") == ([], 0)
    assert browser.find("", first=99_995) == ([99_995, 99_996, 99_997, 99_998, 99_999], 100_000)
    # Some 30 ms on two cores; ten times that is still no wait.
    assert seconds < 0.5
