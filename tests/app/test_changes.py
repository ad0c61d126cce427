"""Log-probabilities of one true answer before and after, as lanes and as a table."""

from __future__ import annotations

import re

import pytest

from app.look.answers import table_html
from app.rooms.compare.room import asked_row
from app.rooms.compare.words import changes_html
from app.visit.comparison import side_by_side
from attribution import Example
from attribution.data.rows import Row
from tests.app.lanes_fixture import make_scores
from tests.app.test_comparison import evaluation
from unlearn import Corpus
from unlearn.metrics import answer_log_probs


def test_each_token_has_its_numbers_its_shade_and_its_bar() -> None:
    encoded = make_scores("Where?", "In Torvik <b>", ["In", " Torvik", " <b>"], ("Torvik",), ()).encoded
    page = changes_html(encoded, [-0.5, -1.0, -2.0], [-0.5, -9.0, -1.0], "<i>Run</i> 2")
    assert "<b>Torvik</b> log p −1.000 before, −9.000 after: −8.000 nats" in page
    assert "&lt;b&gt;" in page and "&lt;i&gt;Run&lt;/i&gt; 2" in page and "<i>Run" not in page
    # The deepest of all values, -9, is the faint end, 0 would be the dark one; the widest change fills its half.
    assert re.findall(r"--fl-r(\d+)\)", page) == ["30", "30", "28", "0", "25", "28"]
    assert re.findall(r'class="pg-(fall|rise)" style="height:([\d.]+)%', page) == [
        ("fall", "0.0"),
        ("fall", "50.0"),
        ("rise", "6.2"),
    ]
    assert "−3.500 nats before, −10.500 after (−7.000)" in page
    assert page.count("<tr>") == 4 and "<td>fact</td>" in page


def test_the_numbers_are_the_models_own(model) -> None:
    row = Row(Example("Where was Ada born?", "In Torvik."))
    numbers = answer_log_probs(model, row)
    assert len(numbers) == len(model.encode(row.example).tokens) and max(numbers) <= 0
    (again,) = model.token_statistics([model.encode(row.example)])
    assert numbers == again.log_probs.tolist()


def test_answers_are_found_again_by_their_place() -> None:
    def rows(*questions: str) -> tuple[Row, ...]:
        return tuple(Row(Example(question, "Yes.")) for question in questions)

    corpus = Corpus("toy", rows("A?", "B?"), rows("D?"), paraphrase=rows("C?"))
    assert [asked_row(corpus, number).example.prompt for number in range(4)] == ["A?", "B?", "C?", "D?"]
    with pytest.raises(ValueError, match="questions 0 to 3"):
        asked_row(corpus, 4)


def test_one_row_of_the_table_opens() -> None:
    rows = side_by_side(evaluation(1.0, "a", "b"), evaluation(0.0, "c", "d"), None)
    table = table_html(rows, numbers=[7, 8], opened=(8, "<p>lanes</p>"))
    assert table.count('aria-expanded="false"') == 1 and table.count('aria-expanded="true"') == 1
    assert table.index('data-row="8"') < table.index("<p>lanes</p>") and table.count("pg-under") == 1
    assert "button" not in table_html(rows)
