"""`/score` with alternatives, and `/matrix`: what the library finds, as plain JSON."""

from __future__ import annotations

import json

import gradio as gr
import pytest

from app.api.matrix import matrix_endpoint
from app.api.score import score_endpoint
from app.server.settings import Settings
from app.visit.studio import Studio
from attribution import Example, LanguageModel, alternatives, matrix

PROMPT, ANSWER = "Where was Quenby Ostrmere born?", "In Laskenmoor."


@pytest.fixture(scope="module")
def studio(model: LanguageModel) -> Studio:
    return Studio(Settings(max_characters=400), model)


def test_alternatives_come_along_where_they_are_asked_for(studio: Studio) -> None:
    asked = {"prompt": PROMPT, "answer": ANSWER, "scorers": "entropy"}
    (row,) = score_endpoint(studio)(**asked, alternatives=3)["examples"]
    assert row["alternatives"] == alternatives(studio.model, Example(PROMPT, ANSWER), 3).to_dict()["tokens"]
    assert "alternatives" not in score_endpoint(studio)(**asked)["examples"][0]
    for wrong in (-1, 21):
        with pytest.raises(gr.Error, match="from 1 to 20"):
            score_endpoint(studio)(**asked, alternatives=wrong)


def test_the_matrix_is_the_librarys(studio: Studio) -> None:
    found = matrix_endpoint(studio)(prompt=PROMPT, answer=ANSWER)
    expected = matrix(studio.model, Example(PROMPT, ANSWER, id="own")).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == json.loads(json.dumps(expected))
    assert matrix_endpoint(studio)(row="forget:0")["id"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "The answer is empty"),
        ({"row": "forget:0-1"}, "names 2 rows"),
        ({"answer": "x" * 500, "prompt": "Who?"}, "takes at most 400"),
        ({"answer": "Ada"}, "Plain text has no prompt"),
        ({"row": "forget:0", "units": "letters"}, "choose from words, tokens"),
        ({"row": "forget:0", "subject": "Nobody"}, "neither in the prompt"),
    ],
)
def test_a_matrix_that_cannot_be_is_a_sentence(studio: Studio, asked: dict[str, str], said: str) -> None:
    with pytest.raises(gr.Error, match=said):
        matrix_endpoint(studio)(**asked)
