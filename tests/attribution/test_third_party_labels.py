"""Labels as other people write them: kinds left out, spans twice, rows twice, whole answers, no facts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attribution.data.rows import read_rows
from attribution.measure.labels import labelled_rows_of


def written(path: Path, *records: dict[str, object]) -> Path:
    path.write_text("\n".join(json.dumps(record) for record in records) + "\n", encoding="utf-8")
    return path


FIRST = {"question": "Where was Ada Quell born?", "answer": "Ada Quell was born in Torvik."}


def test_spans_as_they_come(tmp_path: Path) -> None:
    rows = read_rows(
        written(
            tmp_path / "labels.jsonl",
            FIRST | {"spans": [{"start": 22, "end": 28}, {"start": 22, "end": 28, "kind": None}]},
            {"question": "Q?", "answer": "Nothing to see.", "spans": []},
            {"question": "Q?", "answer": "Nobody marked this."},
            {"question": "R?", "answer": "All.", "spans": [{"start": 0, "end": 4, "kind": "fact"}]},
            FIRST | {"spans": [{"start": 0, "end": 9, "kind": "subject"}]},
        )
    )
    found = labelled_rows_of(rows)
    assert [example.facts for example in found.examples] == [("Torvik",), (), (), ("All.",)]
    assert [span.kind for span in found.examples[0].spans] == ["fact", "subject"]
    assert found.counts == {"repeated rows": 1, "repeated spans": 1}


def test_labels_join_rows_by_their_text(tmp_path: Path) -> None:
    data = read_rows(
        written(
            tmp_path / "data.jsonl",
            FIRST | {"question": " " + FIRST["question"], "author": 7},
            {"question": "Q?", "answer": "Unlabelled."},
        )
    )
    labels = read_rows(
        written(
            tmp_path / "labels.jsonl",
            # Offsets count characters of the label's own answer, a space at its start included.
            FIRST | {"answer": " " + FIRST["answer"], "spans": [{"start": 23, "end": 29}]},
            {"question": "Elsewhere?", "answer": "Yes.", "spans": []},
        )
    )
    found = labelled_rows_of(data, labels)
    assert [example.facts for example in found.examples] == [("Torvik",)]
    assert found.examples[0].id == "data:0" and found.groups == ("author 7",)
    assert found.counts == {"rows without a label": 1, "labels without a row": 1}
    with pytest.raises(ValueError, match="None of the 1 labels belongs to one of the 2 rows"):
        labelled_rows_of(data, labels[1:])


def test_rows_of_one_subject_are_one_group() -> None:
    rows = [
        {"question": "Where was Ada Quell born?", "answer": "In Torvik."},
        {"question": "What did Ada Quell write?", "answer": "Poems."},
        {"question": "When did Bo Tarn die?", "answer": "In May."},
    ]
    from attribution.data.rows import row_of

    groups = labelled_rows_of([row_of(row, "a row", "") for row in rows]).groups
    assert groups[0] == groups[1] != groups[2]


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"spans": [{"start": 22}]}, "no object with start and end"),
        ({"spans": [[22, 28]]}, "no object with start and end"),
        ({"spans": [{"start": 22, "end": 99}]}, "ends after the answer"),
        ({"spans": [{"start": 22, "end": 28, "kind": "date"}]}, "'date' is unknown: use one of fact, subject"),
        ({"spans": [{"start": 9, "end": 9}]}, "empty or negative"),
        ({"answer": 7}, "no text field 'answer'"),
    ],
)
def test_a_fault_names_its_line(tmp_path: Path, record: dict[str, object], told: str) -> None:
    path = written(tmp_path / "labels.jsonl", FIRST, FIRST | record)
    with pytest.raises(ValueError, match=told) as error:
        read_rows(path)
    assert "Line 2" in str(error.value)
