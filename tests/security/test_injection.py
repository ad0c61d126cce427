"""Texts of strangers in HTML and in CSV: shown, never run."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.look import markup
from app.look.answers import table_html
from app.look.markup import progress_html
from app.rooms.unlearn.words import tokens_html
from app.visit.comparison import side_by_side
from app.visit.export import answers_csv, scores_csv, scores_json
from attribution import Example, score, select
from attribution.data.cells import safe_cell
from attribution.selection import Rule
from attribution.version import VERSION
from unlearn import Evaluation
from unlearn.metrics import Answer

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg/onload=alert(1)>",
    "' onmouseover='alert(1)",
    "</p></td><iframe srcdoc='<script>1</script>'>",
    "<!--", "]]>", "&lt;script&gt;", "javascript:alert(1)", "\u2028<script>", "<scr\0ipt>",
)  # fmt: skip
OURS = {"div", "p", "span", "b", "i", "ins", "del", "mark", "tr", "td", "th", "table", "thead", "tbody"}
texts = (
    st.text(max_size=80)
    | st.sampled_from(HOSTILE)
    | st.tuples(st.text(max_size=9), st.sampled_from(HOSTILE)).map("".join)
)


class Tags(HTMLParser):
    """Collects the tags and attributes that a browser would make of a text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes |= {name for name, _ in attrs}


def harmless(html: str) -> None:
    """Only tags of ours, and no attribute that runs."""
    parser = Tags()
    parser.feed(html)
    assert parser.found <= OURS, parser.found - OURS
    assert not any(name.startswith("on") or name in ("src", "href", "srcdoc") for name in parser.attributes)


@settings(max_examples=300, deadline=None)
@given(texts, texts)
def test_text_stays_text_in_html(before: str, after: str) -> None:
    for html in (
        markup.alert(before),
        markup.differences(before, after),
        markup.with_facts(before, (after, before[:3])),
        progress_html(1, 2, before),
        table_html(side_by_side(_asked(before, after), _asked(after, before), None)),
    ):
        harmless(html)


def _asked(question: str, answer: str) -> Evaluation:
    return Evaluation({}, {}, (Answer("forget", question, question, answer, (answer,), answer),))


def test_hostile_tokens_stay_text(model) -> None:
    (scores,) = score(model, [Example(HOSTILE[1], "".join(HOSTILE[:6]))], ("entropy",))
    harmless(tokens_html(HOSTILE[0], scores.encoded, select(scores, Rule("entropy"))))
    # The lanes' data stand in a script of the document: nothing in them may end it.
    assert "<img src=x" not in scores.to_html() and "<script>alert(1)" not in scores.to_html()


FORMULAS = ("=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n@x", "＝1", "=cmd|' /C calc'!A0", "%0A-1")


@settings(max_examples=200, deadline=None)
@given(texts | st.sampled_from(FORMULAS) | st.text("=+-@\t\r\n '\"ab", max_size=6))
@example('=HYPERLINK("http://x";"y")')
def test_no_cell_begins_a_formula(text: str) -> None:
    first = str(safe_cell(text))[:1]
    assert first not in set("=+-@\t\r\n|%＝＋－＠")
    assert str(safe_cell(text)).removeprefix("'") == text.removeprefix("'") or safe_cell(text) == text
    (asked,) = _asked(text, text).answers
    rows = list(csv.reader(io.StringIO(answers_csv(1, [(asked, asked, None)]).text, newline="")))
    assert len(rows) == 2 and rows[1][1].replace("\r\n", "\n") == str(safe_cell(text)).replace("\r\n", "\n")


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_marked_and_numbers_left_alone(text: str) -> None:
    assert safe_cell(text) == f"'{text}"
    assert safe_cell(-0.5) == -0.5 and safe_cell("Torvik - a town") == "Torvik - a town"


def test_scores_of_hostile_tokens_in_csv_and_json(model) -> None:
    (scores,) = score(model, [Example("?", "=1+1 @x -y <b>")], ("entropy",))
    cut = select(scores, Rule("entropy"))
    cells = list(csv.DictReader(io.StringIO(scores_csv(scores, cut).text)))
    assert len(cells) == len(scores)
    column = next(name for name in ("text", "token") if name in cells[0])
    assert all(cell[column].lstrip()[:1] not in set("=+-@") for cell in cells if cell[column].strip())
    assert all(float(cell["entropy"]) is not None for cell in cells)
    said = json.loads(scores_json(scores, cut).text)
    assert said["forget_lens"]["version"] == VERSION and len(said["forget_lens"]["commit"]) >= 7
    assert VERSION in scores_csv(scores, cut).name
    assert [cell["in_cut"] == "True" for cell in cells] == list(cut.kept) == [w > 0 for w in said["cut"]["weights"]]
