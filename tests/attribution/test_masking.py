"""Masking worked out by hand on the toy of `tests/attribution/toy.py`, and its switches against plain loops."""

from __future__ import annotations

from math import e, log
from typing import Any

import pytest
import torch

from attribution import ChangeMatrix, Example, LanguageModel, TokenScores, score
from attribution.scorers.token_unlearn import baseline_id, custom_positions
from tests.attribution.tiny import tiny_model, tokenizer_named
from tests.attribution.toy import toy_model

ROW = Example("a b", "c d")
# Logits over <s> a b c d </s>. Of c, at the state of b: its own b, two votes of a for c, one of b for d; and so on.
PLAIN = (2 - log(3 + 2 * e + e**2), 2 - log(4 + e**3 + e**2))  # 0 0 1 2 1 0 and 0 0 0 3 2 0
HIDDEN_A = (0 - log(4 + 2 * e), 2 - log(4 + e + e**2))  # 0 0 1 0 1 0 and 0 0 0 1 2 0
# Hidden by attention, b has no vote, but the state that predicts c is its own: it knows that it is a b.
HIDDEN_B = (2 - log(4 + e + e**2), 1 - log(4 + e**3 + e))  # 0 0 1 2 0 0 and 0 0 0 3 1 0
# An a in the place of b: two more votes for c.
A_FOR_B = (4 - log(4 + e + e**4), 1 - log(4 + e**5 + e))  # 0 1 0 4 0 0 and 0 0 0 5 1 0
# Without b it is the state of a that predicts c.
DROPPED_B = (2 - log(4 + e + e**2), 1 - log(4 + e**3 + e))  # 0 1 0 2 0 0 and 0 0 0 3 1 0
HIDDEN_BOTH = (0 - log(5 + e), 1 - log(4 + 2 * e))  # 0 0 1 0 0 0 and 0 0 0 1 1 0


@pytest.fixture(scope="module")
def toy() -> LanguageModel:
    return toy_model()


@pytest.fixture(scope="module")
def random_model() -> LanguageModel:
    return tiny_model("llama")


def masking(model: LanguageModel, example: Example = ROW, **options: Any) -> TokenScores:
    (scores,) = score(model, example, ("masking",), **options)
    return scores


def changes(masked: tuple[float, float]) -> list[float]:
    return [before - after for before, after in zip(PLAIN, masked, strict=True)]


def test_the_plain_forward_by_hand(toy: LanguageModel) -> None:
    (scores,) = score(toy, ROW, ("entropy", "importance"))
    assert [token.text for token in scores.tokens] == ["c", " d"]
    assert [log(p) for p in scores.probability] == pytest.approx(PLAIN, abs=1e-5)
    # H = log Z - mean logit: of c, Z = 3 + 2 e + e^2 and the mean logit (2 e + 2 e^2) / Z.
    first, second = 3 + 2 * e + e**2, 4 + e**3 + e**2
    expected = (log(first) - (2 * e + 2 * e**2) / first, log(second) - (3 * e**3 + 2 * e**2) / second)
    assert scores.columns["entropy"] == pytest.approx(expected, abs=1e-5)
    (warm,) = score(toy, ROW, ("entropy",), temperature=2.0)
    halved = 3 + 2 * e**0.5 + e
    assert warm.columns["entropy"][0] == pytest.approx(log(halved) - (e**0.5 + e) / halved, abs=1e-5)


@pytest.mark.parametrize(
    ("options", "masked"),
    [
        ({"mask_scope": "custom", "mask_custom": "a"}, HIDDEN_A),
        ({"mask_scope": "custom", "mask_custom": (2, 3)}, HIDDEN_B),
        ({"mask_scope": "custom", "mask_custom": ("prompt", 2, 3)}, HIDDEN_B),
        ({"mask_scope": "custom", "mask_custom": ["a", (2, 3)]}, HIDDEN_BOTH),
        ({"mask_scope": "custom", "mask_custom": "b", "mask_how": "token", "mask_token": "a"}, A_FOR_B),
        ({"mask_scope": "custom", "mask_custom": "b", "mask_how": "token", "mask_token": 1}, A_FOR_B),
        ({"mask_scope": "custom", "mask_custom": "b", "mask_how": "drop"}, DROPPED_B),
        ({"mask_scope": "prompt"}, HIDDEN_BOTH),
    ],
)
def test_hiding_by_hand(toy: LanguageModel, options: dict[str, Any], masked: tuple[float, float]) -> None:
    signed = masking(toy, signed=True, **options).columns["masking"]
    assert signed == pytest.approx(changes(masked), abs=1e-5)
    assert masking(toy, **options).columns["masking"] == pytest.approx([abs(x) for x in changes(masked)], abs=1e-5)


def test_the_subject_by_hand(toy: LanguageModel) -> None:
    scores = masking(toy, Example("a b", "c d", subject="b"), signed=True)
    assert scores.columns["masking"] == pytest.approx(changes(HIDDEN_B), abs=1e-5)
    assert scores.subject.text == "b" and not scores.notes


def test_each_in_turn_by_hand(toy: LanguageModel) -> None:
    a, b = changes(HIDDEN_A), changes(HIDDEN_B)
    scores = masking(toy, mask_scope="each", signed=True, matrix=True)
    assert scores.columns["masking"] == pytest.approx([x + y for x, y in zip(a, b, strict=True)], abs=1e-5)
    assert scores.matrix is not None
    assert [(token.text, token.start, token.end, token.part) for token in scores.matrix.hidden] == [
        ("a", 0, 1, "prompt"),
        ("b", 2, 3, "prompt"),
    ]
    assert scores.matrix.values[0] == pytest.approx(a, abs=1e-5)
    assert scores.matrix.values[1] == pytest.approx(b, abs=1e-5)
    sizes = masking(toy, mask_scope="each", matrix=True)
    assert sizes.matrix is not None and sizes.matrix.values[1] == pytest.approx([abs(x) for x in b], abs=1e-5)
    assert sizes.columns["masking"] == pytest.approx([abs(x) + abs(y) for x, y in zip(a, b, strict=True)], abs=1e-5)
    largest = masking(toy, mask_scope="each", mask_reduce="max", signed=True).columns["masking"]
    assert largest == pytest.approx([max(x, y, key=abs) for x, y in zip(a, b, strict=True)], abs=1e-5)


def test_the_prefix_adds_the_answer_before(toy: LanguageModel) -> None:
    """c is hidden too: it changes d alone, and takes its vote for d away; its own state still knows it is a c."""
    scores = masking(toy, mask_scope="each", context="prefix", signed=True, matrix=True)
    assert scores.matrix is not None
    assert [(token.text, token.part) for token in scores.matrix.hidden][-1] == ("c", "answer")
    without_c = 1 - log(4 + e**3 + e)  # 0 0 0 3 1 0
    assert scores.matrix.values[2] == pytest.approx([0.0, PLAIN[1] - without_c], abs=1e-5)
    assert scores.matrix.values[2][0] == 0
    near = masking(toy, mask_scope="each", context="prefix", window=1, signed=True, matrix=True)
    assert near.matrix is not None
    assert near.matrix.values[0] == (0, 0) and near.matrix.values[1][1] == 0
    assert near.matrix.values[1][0] == pytest.approx(changes(HIDDEN_B)[0], abs=1e-5)


def test_positions_stay_unless_dropped() -> None:
    """The end token's logit is the position: hiding a leaves b at 2, dropping it moves b to 1."""
    model = toy_model(counts_positions=True)
    hide = {"mask_scope": "custom", "mask_custom": "a", "signed": True}
    before = 2 - log(2 + 2 * e + 2 * e**2)  # 0 0 1 2 1 2
    hidden = 0 - log(3 + 2 * e + e**2)  # 0 0 1 0 1 2
    dropped = 0 - log(3 + 3 * e)  # 0 0 1 0 1 1
    assert masking(model, **hide).columns["masking"][0] == pytest.approx(before - hidden, abs=1e-5)
    assert masking(model, mask_how="drop", **hide).columns["masking"][0] == pytest.approx(before - dropped, abs=1e-5)


def test_a_row_without_subject_falls_back_and_says_so(toy: LanguageModel) -> None:
    scores = masking(toy)
    assert scores.subject.text is None and "No subject was found" in scores.notes[0]
    assert scores.columns == masking(toy, mask_scope="each").columns


@pytest.mark.parametrize("how", ["token", "drop"])
@pytest.mark.parametrize("scope", ["subject", "each", "prompt"])
def test_every_way_equals_a_plain_loop(random_model: LanguageModel, how: str, scope: str) -> None:
    """One whole forward of the model per hidden set; labels are the original tokens."""
    example = Example("Where was Ada Quell born?", "It was Torvik where Ada Quell was born.")
    scores = masking(random_model, example, mask_scope=scope, mask_how=how, mask_token="eos", signed=True)
    row = scores.encoded
    if scope == "subject":
        spans = [("prompt", *span) for span in scores.subject.prompt_spans]
        spans += [("answer", *span) for span in scores.subject.answer_spans]
        sets = [custom_positions(row, spans)]
        assert any(position in row.answer_positions for position in sets[0])
    else:
        sets = [row.prompt_positions] if scope == "prompt" else [(position,) for position in row.prompt_positions]
    expected = torch.zeros(len(row.tokens))
    for hidden in sets:
        for k, position in enumerate(row.answer_positions):
            prefix = list(row.input_ids[:position])
            if how == "token":
                read = [random_model.tokenizer.eos_token_id if p in hidden else i for p, i in enumerate(prefix)]
            else:
                read = [i for p, i in enumerate(prefix) if p not in hidden]
            with torch.no_grad():
                both = [random_model.model(torch.tensor([ids])).logits[0, -1].log_softmax(-1) for ids in (prefix, read)]
            expected[k] += both[0][row.input_ids[position]] - both[1][row.input_ids[position]]
    assert scores.columns["masking"] == pytest.approx(expected.tolist(), abs=5e-4)


def test_dropping_everything_leaves_something_to_predict_from() -> None:
    model = tiny_model(
        "llama", tokenizer_named("byte-level BPE without a beginning token"), template="{prompt}{answer}"
    )
    scores = masking(model, Example("Ada", " was born."), mask_scope="prompt", mask_how="drop")
    assert all(value == value for value in scores.columns["masking"])


def test_rows_may_have_choices_of_their_own(toy: LanguageModel) -> None:
    rows = [ROW, Example("b a", "d c")]
    one, two = score(toy, rows, ("masking",), mask_scope="custom", mask_custom=[["a"], [(0, 1)]])
    (alone,) = score(toy, rows[1], ("masking",), mask_scope="custom", mask_custom=(0, 1))
    assert one.columns == masking(toy, mask_scope="custom", mask_custom="a").columns
    assert two.columns["masking"] == pytest.approx(alone.columns["masking"], abs=1e-6)
    (absent, _) = score(toy, [Example("b", "c"), ROW], ("masking",), mask_scope="custom", mask_custom="a")
    assert absent.columns["masking"] == (0,) and "None of the words" in absent.notes[0]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"mask_scope": "custom"}, "come together"),
        ({"mask_custom": "a"}, "come together"),
        ({"mask_scope": "custom", "mask_custom": "zebra"}, "None of the words"),
        ({"mask_scope": "custom", "mask_custom": (2, 9)}, "are not in the prompt"),
        ({"mask_scope": "custom", "mask_custom": ("answer", 3, 3)}, "are not in the answer"),
        ({"mask_scope": "custom", "mask_custom": [[1], [2]]}, "give words"),
        ({"mask_scope": "custom", "mask_custom": [["a"], ["b"]], "rows": 3}, "choices for 2 rows"),
        ({"mask_how": "attentoin"}, "did you mean 'attention'"),
        ({"mask_scope": "eech"}, "did you mean 'each'"),
        ({"context": "sentence"}, "prompt, prefix"),
        ({"matrix": True}, "mask_scope='each'"),
        ({"window": 0}, "at least 1"),
        ({"mask_how": "token"}, "no such token: choose from eos, bos"),
        ({"mask_how": "token", "mask_token": 6}, "from 0 to 5"),
        ({"mask_how": "token", "mask_token": "a b"}, "is 2 tokens"),
        ({"mask_haw": "token"}, "did you mean 'mask_how'"),
    ],
)
def test_wrong_switches_are_one_sentence(toy: LanguageModel, options: dict[str, Any], told: str) -> None:
    options = dict(options)
    with pytest.raises(ValueError, match=told):
        score(toy, [ROW] * options.pop("rows", 1), ("masking",), **options)


def test_baselines_by_name_id_and_text(random_model: LanguageModel) -> None:
    tokenizer = random_model.tokenizer
    assert baseline_id(random_model, "pad") == tokenizer.pad_token_id
    assert baseline_id(random_model, "bos") == tokenizer.bos_token_id
    assert baseline_id(random_model, 7) == 7
    assert baseline_id(random_model, " born") == tokenizer(" born", add_special_tokens=False)["input_ids"][0]


def test_a_matrix_survives_json(toy: LanguageModel) -> None:
    scores = masking(toy, mask_scope="each", matrix=True, signed=True)
    assert TokenScores.from_json(scores.to_json()) == scores
    assert isinstance(scores.matrix, ChangeMatrix) and "matrix" not in masking(toy).to_dict()


def test_white_space_in_a_prompt_takes_its_turn(random_model: LanguageModel) -> None:
    scores = masking(random_model, Example("Where\nwas she?", "There."), mask_scope="each", matrix=True)
    assert scores.matrix is not None
    assert "\n" in [token.text for token in scores.matrix.hidden]
    assert "".join(token.text for token in scores.matrix.hidden).replace(" ", "") == "Where\nwasshe?"


def test_plain_text_looks_back_one_window(random_model: LanguageModel) -> None:
    text = Example("", "Ada Quell was born in Torvik, in the year 1931.", window=6)
    scores = masking(random_model, text, mask_scope="each", matrix=True, signed=True)
    row = scores.encoded
    assert scores.matrix is not None and {token.part for token in scores.matrix.hidden} == {"answer"}
    assert len(scores.matrix.hidden) == len(row.context_positions) + len(row.tokens) - 1
    positions = [*row.context_positions, *row.answer_positions[:-1]]
    for hidden, values in zip(positions, scores.matrix.values, strict=True):
        for position, value in zip(row.answer_positions, values, strict=True):
            assert (value != 0) == (0 < position - hidden <= 6)
    whole = masking(random_model, text, mask_scope="each", matrix=True, signed=True, window=100)
    assert whole.matrix is not None and whole.matrix.values[0][-1] != 0
    named = Example("", text.answer, window=6, subject="Ada Quell")
    assert masking(random_model, named).notes == ()
