"""Whatever stands in a file comes back as a row, or a sentence or a note says which does not."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from attribution.data.records import file_records
from unlearn import Corpus, load_corpus
from unlearn.data.rows import PIECE
from unlearn.data.tables import file_table
from unlearn.data.wmdp import choices_of

KEPT = {"question": "Who keeps this?", "answer": "Nobody else."}
ROW = {"question": "Where?", "answer": "In Kestrel."}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("files")
    (made / "keep.jsonl").write_text(json.dumps(KEPT), encoding="utf-8")
    return made


def loaded(folder: Path, name: str, text: str, keep: Path | None = None) -> Corpus:
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return load_corpus(str(folder / name), str(keep or folder / "keep.jsonl"))


def lines(*records: dict[str, Any]) -> str:
    return "\n".join(map(json.dumps, records))


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("open.csv", 'question,answer\nWhere?,"In Kestrel\nWho?,Mara\n', "Line 2 .*quotation mark .* never closed"),
        ("late.csv", 'question,answer\nWho?,Mara\nWhere?,"In\nWho?,"Bo, Al"\n', "Line 3 .*quotation mark that closes"),
        ("two.csv", "question,answer,answer\nWhere?,In Kestrel,In Vale\n", "Two columns of .* are named 'answer'"),
        ("bare.csv", "question,answer,,\nWhere?,In Kestrel,1,2\n", "Line 2 .* two columns without a name"),
        ("stray.csv", 'question,answer\n,","\n,."\n', "Line 3 .* odd number of quotation marks"),
        ("short.csv", 'question,answer\nWhere?,In\nKestrel"\n', "Line 3 .* fewer cells .* a line break"),
        ("two.jsonl", '{"question": "a", "answer": "b", "answer": "c"}', "Line 1 .* two fields named 'answer'"),
        ("two.json", '[{"question": "a", "answer": "b", "answer": "c"}]', "two fields named 'answer'"),
        ("late.jsonl", lines(ROW, {**ROW, "answer": 1942}), "Line 2 .* no text field 'answer': it is 1942"),
        ("late.json", json.dumps([ROW, {**ROW, "question": ["x"]}]), "Item 2 .* no text field 'question'"),
        ("half.jsonl", lines(ROW, {**ROW, "answer": "a\ud800"}), "Line 2 .* half a character"),
        ("half2.jsonl", lines({**ROW, "perturbed_answer": ["a\ud800"]}), "Line 1 .* perturbed_answer .* half a char"),
        ("author.jsonl", lines({**ROW, "author": ["Mara"]}), r"Line 1 .* author is \['Mara'\], and a number or a name"),
        ("author2.jsonl", lines({**ROW, "author": True}), "Line 1 .* author is True"),
        ("id.jsonl", lines({**ROW, "id": {"n": 1}}), "Line 1 .* id is .*a number or a name"),
        ("wrong.jsonl", lines({**ROW, "perturbed_answer": [["a"]]}), r"Line 1 .* holds \['a'\], and .* is a text"),
        ("wrong.csv", 'question,answer,perturbed_answer\nWhere?,In Kestrel,{"a": 1}\n', "Line 2 .* a list of wrong"),
        ("para.jsonl", lines({**ROW, "paraphrased_answer": 5}), "Line 1 .* paraphrased_answer is 5"),
        ("spans.jsonl", lines({**ROW, "spans": [{"start": 1.5, "end": 2}]}), "Line 1 .* 1.5: a whole number"),
        ("spans2.jsonl", lines({**ROW, "spans": [None]}), "Line 1 .* The span None is no object"),
    ],
)
def test_a_file_that_would_lose_something_is_refused_with_its_place(
    folder: Path, name: str, text: str, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        loaded(folder, name, text)


def test_columns_of_one_name_in_parquet(folder: Path) -> None:
    table = pyarrow.table([["Where?"], ["In Kestrel"], ["In Vale"]], names=["question", "answer", "answer"])
    parquet.write_table(table, folder / "two.parquet")
    with pytest.raises(ValueError, match="Two columns of .*two.parquet' are named 'answer'"):
        file_records(folder / "two.parquet")


@pytest.mark.parametrize("answers", [["In Vale.", None], ["In Vale.", ""], [" ", "In Vale.", float("nan")]])
def test_blank_wrong_answers_are_left_out_and_counted(folder: Path, answers: list[Any]) -> None:
    corpus = loaded(folder, "blank.jsonl", lines({**ROW, "perturbed_answer": answers}))
    assert corpus.forget[0].perturbed == ("In Vale.",)
    assert any(f"{len(answers) - 1} wrong answers are empty or null" in note for note in corpus.notes)


def test_an_author_is_a_number_or_a_name(folder: Path) -> None:
    records = [
        {**ROW, "question": f"Where {k}?", "author": author} for k, author in enumerate((3, "Mara", 3.0, None, ""))
    ]
    assert [row.author for row in loaded(folder, "author.jsonl", lines(*records)).forget] == [3, "Mara", 3, None, None]


def test_a_row_to_keep_that_is_to_be_forgotten_but_for_white_space_is_not_kept(folder: Path) -> None:
    keep = folder / "both.jsonl"
    twice = [
        {"question": "Where?\u200b ", "answer": "In\u00a0 Kestrel."},
        {"question": "Ou\u0300?", "answer": "La\u0300."},
    ]
    keep.write_text(lines(*twice, KEPT), encoding="utf-8")
    corpus = loaded(folder, "rows.jsonl", lines(ROW, {"question": "O\u00f9?", "answer": "L\u00e0."}), keep)
    assert [row.example.prompt for row in corpus.retain] == [KEPT["question"]]
    assert any("2 rows to keep are also to be forgotten" in note for note in corpus.notes)


def test_a_row_that_stands_there_already_loses_nothing_unsaid(folder: Path) -> None:
    more = {**ROW, "perturbed_answer": ["In Vale."], "id": "second"}
    corpus = loaded(folder, "twice.jsonl", lines(ROW, more, {**ROW, "id": "third"}))
    assert any("2 of 3 rows stand there already and were taken once, 1 of them" in note for note in corpus.notes)


def test_spans_of_a_long_text_stay_where_they_are(folder: Path) -> None:
    text = "One sentence of words. " * (PIECE // 12)
    at = [0, PIECE - 10, len(text) - 40]
    spans = [{"start": start, "end": start + 20} for start in at]
    corpus = loaded(folder, "long.jsonl", lines({"text": text, "spans": spans}))
    found = "".join(fact for row in corpus.forget for fact in row.facts)
    expected = "".join(text[start : start + 20] for start in at)
    assert len(corpus.forget) > 1 and found.replace(" ", "") == expected.replace(" ", "")


def test_every_part_of_a_table_is_read_and_two_kinds_of_it_are_refused(tmp_path: Path) -> None:
    (tmp_path / "forget").mkdir()
    for part in range(2):
        one = tmp_path / "forget" / f"train-0000{part}-of-00002.jsonl"
        one.write_text(lines({**ROW, "question": f"Where {part}?"}), encoding="utf-8")
    (tmp_path / "retain.jsonl").write_text(lines(KEPT), encoding="utf-8")
    assert [row.example.prompt for row in load_corpus(str(tmp_path)).forget] == ["Where 0?", "Where 1?"]
    (tmp_path / "retain.csv").write_text("question,answer\nWho?,Bo\n", encoding="utf-8")
    with pytest.raises(ValueError, match="'retain.jsonl' and 'retain.csv', and only one"):
        load_corpus(str(tmp_path))


def test_a_field_that_is_missing_late_and_a_choice_that_is_none_are_named(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    first = {"question": "Which?", "choices": ["a", "b"], "answer": 0}
    path.write_text(lines(first, {"question": "Which?", "choices": ["a", "b"]}), encoding="utf-8")
    with pytest.raises(ValueError, match="Line 2 .* has no field 'answer'"):
        choices_of(file_table([path]), "biology")
    path.write_text(lines(first, {**first, "choices": ["a", None]}), encoding="utf-8")
    with pytest.raises(ValueError, match="Line 2 .* every choice must be a text, and one is None"):
        choices_of(file_table([path]), "biology")


# Whatever is written --------------------------------------------------------------------------------------------------

anything = (
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=3) | st.just([]) | st.just({})
)
words = st.sampled_from(
    ["Mara", '"', ",", ";", "\n", "\r", "\r\n", "\t", " ", "\u00a0", "\u2028", "\0", "é", "e\u0301", "1"]
)
text = st.lists(words, max_size=6).map("".join) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
record = st.fixed_dictionaries(
    {"question": text, "answer": text.map(lambda said: f"{said}.")},
    optional={"perturbed_answer": st.lists(text | st.none(), max_size=3), "author": st.integers(0, 3) | text},
)
late = st.dictionaries(st.sampled_from(["question", "answer", "perturbed_answer", "author", "spans", "id"]), anything)


def cell(value: Any) -> str:
    return "" if value is None else json.dumps(value) if isinstance(value, list | dict) else str(value)


def write(path: Path, records: list[dict[str, Any]]) -> None:
    names = list(dict.fromkeys(name for one in records for name in one))
    if path.suffix == ".csv":
        sheet = io.StringIO()
        writer = csv.DictWriter(sheet, names)
        writer.writeheader()
        for one in records:
            writer.writerow({name: cell(value) for name, value in one.items()})
        path.write_text(sheet.getvalue(), encoding="utf-8", newline="")
    elif path.suffix == ".parquet":
        parquet.write_table(
            pyarrow.Table.from_pylist([{name: one.get(name) for name in names} for one in records]), path
        )
    else:
        path.write_text(json.dumps(records) if path.suffix == ".json" else lines(*records), encoding="utf-8")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([".csv", ".json", ".jsonl", ".parquet"]),
    st.lists(record, min_size=1, max_size=5),
    st.none() | late,
    st.none() | st.integers(0, 50),
)
def test_no_row_is_lost_in_silence(
    folder: Path, kind: str, records: list[dict[str, Any]], fault: dict[str, Any] | None, mark: int | None
) -> None:
    if fault is not None:
        records = [*records[:-1], {**records[-1], **fault}]
    path = folder / f"any{kind}"
    try:
        write(path, records)
    except (pyarrow.ArrowException, OverflowError, UnicodeEncodeError, csv.Error):
        # No file of this kind holds such records.
        return
    content = path.read_text(encoding="utf-8") if kind == ".csv" else ""
    marks = [match.start() for match in re.finditer('"', content)]
    if mark is not None and marks:
        at = marks[mark % len(marks)]
        path.write_text(content[:at] + content[at + 1 :], encoding="utf-8", newline="")
    try:
        corpus = load_corpus(str(path), str(folder / "keep.jsonl"))
    except ValueError as error:
        # A sentence that says where; not what some library said.
        assert path.name in str(error) and re.search(r"(Line|Item|Row) \d|row \d|columns|fields|not JSON", str(error))
        return
    repeated = sum(int(said.group(1)) for note in corpus.notes if (said := re.search(r": (\d+) of \d+ rows", note)))
    assert len(corpus.forget) + repeated == len(records)
    if mark is not None and marks:
        return
    for name in ("question", "answer"):
        have = {row.example.prompt if name == "question" else row.example.answer for row in corpus.forget}
        assert have == {cell(one[name]) if kind == ".csv" else one[name] for one in records}
    blank = sum(int(said.group(1)) for note in corpus.notes if (said := re.search(r": (\d+) wrong answers", note)))
    if not repeated:
        wrong = [one.get("perturbed_answer") or [] for one in records]
        lists = sum(len(answers) for answers in wrong if isinstance(answers, list))
        assert sum(len(row.perturbed) for row in corpus.forget) + blank == lists
