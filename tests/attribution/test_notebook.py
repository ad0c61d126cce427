"""What a notebook needs of `TokenScores`: lanes, HTML, a frame, JSON and back."""

from __future__ import annotations

import html
import json

import pytest

from attribution import Example, LanguageModel, Span, TokenScores, score
from attribution.scores import from_json, to_json

HOSTILE = "Ada <img src=x onerror=alert(1)> was </script><script>alert(2)</script> born in 🙂 Torvik."


@pytest.fixture(scope="module")
def hostile(random_model: LanguageModel) -> TokenScores:
    example = Example("Where was <b>Ada</b> born?", HOSTILE, (Span(0, 3, "subject"),), "row <1>")
    return score(random_model, example, ("masking", "entropy", "fused", "novel-word"))[0]


def test_round_trip(random_model: LanguageModel, hostile: TokenScores) -> None:
    assert TokenScores.from_json(hostile.to_json()) == hostile
    plain = score(random_model, Example("", "Plain text " * 20), ("entropy",))[0]
    assert from_json(to_json([hostile, plain])) == [hostile, plain]
    assert TokenScores.from_dict(json.loads(json.dumps(hostile.to_dict())), hostile.model) == hostile


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model": "m", "examples": [{}]}', '{"model": "m", "examples": 3}'])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no token scores|no row of token scores|holds no"):
        TokenScores.from_json(text)


def test_several_rows_are_not_one(hostile: TokenScores) -> None:
    with pytest.raises(ValueError, match="holds 2 rows"):
        TokenScores.from_json(to_json([hostile, hostile]))


def test_html_is_self_contained_and_escaped(hostile: TokenScores) -> None:
    page = hostile.to_html("Rows <i>")
    # A tag that starts inside the data would be markup: every "<" there is written as an escape.
    data = page.split('id="fl-data">')[1].split("</script>")[0]
    assert "<" not in data and json.loads(data)[0]["tokens"]
    assert "<img" not in page and "Rows &lt;i&gt;" in page
    assert 'src="http' not in page and 'href="http' not in page and "@import" not in page


def test_a_notebook_shows_the_lanes_in_a_frame_of_their_own(hostile: TokenScores) -> None:
    shown = hostile._repr_html_()
    assert shown.startswith('<iframe srcdoc="') and 'sandbox="allow-scripts"' in shown
    inside = shown.removeprefix('<iframe srcdoc="').split('"', 1)[0]
    # Nothing of the row can leave the attribute, and what is inside is the whole document.
    assert "<" not in inside and html.unescape(inside) == hostile.to_html()


def test_frame(hostile: TokenScores) -> None:
    frame = hostile.frame()
    assert "".join(frame["text"]) == HOSTILE and set(frame["truth"]) == {"subject", None}
    assert list(frame.columns[-4:]) == ["masking", "entropy", "fused", "novel-word"]
