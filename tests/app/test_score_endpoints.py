"""`/score` with alternatives, and `/matrix`: what the library finds, as plain JSON."""

from __future__ import annotations

import copy
import json
from functools import partial
from types import SimpleNamespace
from unittest.mock import MagicMock

import gradio as gr
import pytest
import torch

from app.api.matrix import matrix_endpoint
from app.api.score import score_endpoint
from app.server.settings import Settings
from app.visit.session import KeptRun, Visit
from app.visit.studio import Studio
from attribution import Example, LanguageModel, alternatives, matrix
from unlearn import RunConfig

PROMPT, ANSWER = "Where was Quenby Ostrmere born?", "In Laskenmoor."


@pytest.fixture(scope="module")
def studio(model: LanguageModel) -> Studio:
    return Studio(Settings(max_characters=400), model)


def test_alternatives_come_along_where_they_are_asked_for(studio: Studio) -> None:
    other = LanguageModel(copy.deepcopy(studio.model.model), studio.model.tokenizer, "a run's")
    torch.nn.init.normal_(other.model.get_output_embeddings().weight, generator=torch.Generator().manual_seed(0))
    visit = Visit(studio)
    score = partial(score_endpoint(SimpleNamespace(studio=studio, of=lambda session: visit)), MagicMock())  # type: ignore[arg-type]
    asked = {"prompt": PROMPT, "answer": ANSWER, "scorers": "entropy"}
    found = {}
    with pytest.raises(gr.Error, match="There is no run"):
        score(**asked, alternatives=3, alternatives_of="run")
    visit.runs.append(kept_run(other))
    for name, model in {"original": studio.model, "run": other, **studio.unchanging()}.items():
        (row,) = score(**asked, alternatives=3, alternatives_of=name)["examples"]
        found[name] = row["alternatives"]
        assert found[name] == alternatives(model, Example(PROMPT, ANSWER), 3).to_dict()["tokens"], name
    assert len({json.dumps(each) for each in found.values()}) == 3
    assert "alternatives" not in score(**asked)["examples"][0]
    for wrong, said in ({"alternatives": -1}, "from 1 to 20"), ({"alternatives_of": "runn"}, "did you mean 'run'"):
        with pytest.raises(gr.Error, match=said):
            score(**asked, **{"alternatives": 3, **wrong})


def kept_run(model: LanguageModel) -> KeptRun:
    return KeptRun(1, "Run 1", 0, RunConfig(), model, (), (), (), 0.0, False)


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
