"""The leave-one-out matrix, by hand and against the scorer that hides each token in turn."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from attribution import Example, LanguageModel, matrix, score
from attribution.__main__ import main
from tests.attribution.test_masking import HIDDEN_A, HIDDEN_B, PLAIN
from tests.attribution.tiny import tiny_model
from tests.attribution.toy import toy_model

EXAMPLE = Example("Where was Ada Quell born?", "Ada Quell was born in Torvik.")


def test_by_hand() -> None:
    found = matrix(toy_model(), Example("a b", "c d", subject="b"))
    assert [(word.text, word.start, word.end, word.subject) for word in found.hidden] == [
        ("a", 0, 1, False),
        ("b", 2, 3, True),
    ]
    for row, masked in zip(found.values, (HIDDEN_A, HIDDEN_B), strict=True):
        assert row == pytest.approx([before - after for before, after in zip(PLAIN, masked, strict=True)], abs=1e-5)
    assert np.log(found.probability) == pytest.approx(PLAIN, abs=1e-5)


@pytest.mark.parametrize("how", ["attention", "token", "drop"])
def test_the_scorer_each_is_the_sum_of_sizes_down_a_column(model: LanguageModel, how: str) -> None:
    found = matrix(model, EXAMPLE, units="tokens", mask_how=how)
    values = np.array(found.values)
    for reduce, expected in (("sum", np.abs(values).sum(0)), ("max", np.abs(values).max(0))):
        (scores,) = score(model, EXAMPLE, ("masking",), mask_scope="each", mask_how=how, mask_reduce=reduce)
        assert scores.columns["masking"] == pytest.approx(expected.tolist(), rel=1e-4, abs=1e-4)
    assert "".join(word.text for word in found.hidden) == EXAMPLE.prompt
    assert "".join(word.text for word in found.hidden if word.subject) == " Ada Quell"


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_a_word_is_hidden_whole(kind: str) -> None:
    model = tiny_model(kind)
    example = Example("Where was Ada Quell reborn?", EXAMPLE.answer)
    found = matrix(model, example)
    assert [word.text for word in found.hidden] == ["Where", "was", "Ada", "Quell", "reborn"]
    assert [word.text for word in found.hidden if word.subject] == ["Ada", "Quell"]
    assert any(len(word.ids) > 1 for word in found.hidden)
    for word, row in zip(found.hidden, found.values, strict=True):
        place = (word.start, word.end)
        (scores,) = score(model, example, ("masking",), mask_scope="custom", mask_custom=place, signed=True)
        assert row == pytest.approx(scores.columns["masking"], abs=1e-4), word.text


@pytest.mark.parametrize(
    ("example", "options", "told"),
    [
        (Example("", "plain text of some length"), {}, "Plain text has no prompt"),
        (Example("?!", "Ada."), {}, "no word to hide"),
        (EXAMPLE, {"units": "letters"}, "choose from words, tokens"),
        (EXAMPLE, {"mask_hw": "drop"}, "did you mean 'mask_how'"),
    ],
)
def test_what_has_no_matrix(model: LanguageModel, example: Example, options: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        matrix(model, example, **options)


def test_as_a_frame_and_by_the_shell(model: LanguageModel, capsys: pytest.CaptureFixture[str]) -> None:
    found = matrix(model, EXAMPLE)
    frame = found.frame()
    assert frame.shape == (5, len(found.tokens)) and list(frame.index)[2] == "Ada"
    assert frame.to_numpy() == pytest.approx(np.array(found.values))
    command = ["matrix", "--prompt", EXAMPLE.prompt, "--answer", EXAMPLE.answer]
    assert main([*command, "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row == json.loads(json.dumps(found.to_dict()))
    assert main([*command, "--format", "csv"]) == 0
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [float(line["value"]) for line in lines] == pytest.approx([v for row in found.values for v in row])
    assert main(command) == 0
    assert "Where" in capsys.readouterr().out.splitlines()[5]
