"""What a model would say instead, against a softmax by hand, and against the scorer that hides the same."""

from __future__ import annotations

import json
from math import e

import pytest
import torch

from attribution import Example, LanguageModel, alternatives, score
from attribution.__main__ import main
from attribution.measure.alternatives import Alternatives
from attribution.text.tokenising import read_on
from tests.attribution.tiny import TOKENIZERS, tiny_model
from tests.attribution.toy import WORDS, toy_model

ROW = Example("a b", "c d", subject="a")


def said(found: Alternatives, index: int, hidden: bool = False) -> list[tuple[str, float]]:
    places = found.hidden if hidden else found.as_is
    assert places is not None
    return [(one.text.strip(), one.probability) for one in places[index].likeliest]


def test_by_hand() -> None:
    """Of c, at the state of b, the logits over <s> a b c d </s> are 0 0 1 2 1 0; with a hidden 0 0 1 0 1 0."""
    found = alternatives(toy_model(), ROW, most=6)
    total, without = 3 + 2 * e + e**2, 4 + 2 * e
    assert said(found, 0)[0] == ("c", pytest.approx(e**2 / total, abs=1e-6))
    assert {text for text, _ in said(found, 0)[1:3]} == {"b", "d"} and len(said(found, 0)) == len(WORDS)
    assert [p for _, p in said(found, 0)[1:]] == pytest.approx([p / total for p in (e, e, 1, 1, 1)], abs=1e-6)
    assert sum(p for _, p in said(found, 0, hidden=True)) == pytest.approx(1)
    assert found.as_is[0].rank == 1 and found.as_is[0].probability == pytest.approx(e**2 / total, abs=1e-6)
    behind = found.hidden[0] if found.hidden else None
    assert behind is not None and behind.rank == 3 and behind.probability == pytest.approx(1 / without, abs=1e-6)
    ends = [one.ends for one in found.as_is[0].likeliest]
    assert ends == [one.text.strip() == "</s>" for one in found.as_is[0].likeliest] and any(ends)


@pytest.mark.parametrize("how", ["attention", "token", "drop"])
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_what_is_hidden_is_what_masking_hides(kind: str, how: str) -> None:
    model = tiny_model(kind)
    example = Example("Where was Ada Quell born?", "In Torvik Ada Quell was born.")
    (scores,) = score(model, example, ("masking",), mask_how=how, signed=True)
    found = alternatives(model, example, 3, mask_how=how)
    assert found.hidden is not None
    assert [place.probability for place in found.as_is] == pytest.approx(scores.probability, rel=1e-4)
    masked = torch.tensor(scores.probability).log() - torch.tensor(scores.columns["masking"])
    assert [place.probability for place in found.hidden] == pytest.approx(masked.exp().tolist(), rel=1e-4)


def test_the_whole_vocabulary_counts_and_blocks_change_nothing(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = Example("Where was Quenby Ostrmere born?", "Quenby Ostrmere was born in Laskenmoor.")
    found = alternatives(model, example, 4)
    row = model.encode(example)
    logits = model.model(input_ids=torch.tensor([row.input_ids])).logits[0].float()
    for place, position in zip(found.as_is, row.answer_positions, strict=True):
        p, ids = logits[position - 1].softmax(-1).topk(4)
        assert [one.probability for one in place.likeliest] == pytest.approx(p.tolist(), rel=1e-3)
        assert [one.id for one in place.likeliest] == ids.tolist()
        own = logits[position - 1]
        assert place.rank == 1 + int((own > own[row.input_ids[position]]).sum())
    monkeypatch.setattr("attribution.model.forward.HEAD_CHUNK_VALUES", 2 * model.vocabulary_size)
    again = alternatives(model, example, 4)
    assert again.hidden is not None and found.hidden is not None
    for one, other in zip((*again.as_is, *again.hidden), (*found.as_is, *found.hidden), strict=True):
        assert [each.id for each in one.likeliest] == [each.id for each in other.likeliest]
        assert [each.probability for each in one.likeliest] == pytest.approx(
            [each.probability for each in other.likeliest], rel=1e-3
        )


def test_the_answers_own_token_reads_as_it_does_in_the_answer(model: LanguageModel) -> None:
    found = alternatives(model, Example("Who?", "Quenby Ostrmere wrote it."), 20)
    for token, place in zip(found.tokens, found.as_is, strict=True):
        assert all(one.text == token.text for one in place.likeliest if one.id == token.id)
    assert not any(one.text.startswith(" ") for one in found.as_is[0].likeliest)
    assert any(one.text.startswith(" ") for one in found.as_is[1].likeliest)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_tokens_read_on_make_up_the_text(name: str) -> None:
    tokenizer = TOKENIZERS[name]()
    ids = tokenizer("Ada was born in the cat", add_special_tokens=False)["input_ids"]
    read = "".join(read_on(tokenizer, ids[:k], token) for k, token in enumerate(ids))
    assert read == tokenizer.decode(ids, clean_up_tokenization_spaces=False)


def test_a_character_of_several_tokens_reads_whole_at_its_last() -> None:
    tokenizer = TOKENIZERS["byte-level BPE"]()
    ids = tokenizer("a🙂", add_special_tokens=False)["input_ids"]
    assert len(ids) > 2 and read_on(tokenizer, ids[:-1], ids[-1]) == "🙂"


def test_without_a_subject_nothing_is_hidden(model: LanguageModel) -> None:
    found = alternatives(model, Example("what then?", "it is so"), 1)
    assert found.hidden is None and "nothing is hidden" in found.notes[-1]
    asked = alternatives(model, Example("Who is Ada Quell?", "Ada"), 1, hide_subject=False)
    assert asked.hidden is None and asked.notes == model.notes
    assert asked.to_dict()["tokens"][0]["hidden"] is None
    whole = alternatives(model, Example("what then?", "it is so"), 1, mask_scope="prompt")
    assert whole.hidden is not None and whole.hidden[0] != whole.as_is[0]


@pytest.mark.parametrize("most", [0, 21, 2.0, True])
def test_the_list_is_bounded(model: LanguageModel, most: int) -> None:
    with pytest.raises(ValueError, match="a whole number from 1 to 20 is needed"):
        alternatives(model, ROW, most)


def test_other_options_are_refused(model: LanguageModel) -> None:
    with pytest.raises(ValueError, match="hides one token after another"):
        alternatives(model, ROW, mask_scope="each")
    with pytest.raises(ValueError, match="did you mean 'mask_how'"):
        alternatives(model, ROW, mask_hw="drop")


def test_as_a_frame_and_as_json(model: LanguageModel, capsys: pytest.CaptureFixture[str]) -> None:
    found = alternatives(model, Example("Where was Quenby Ostrmere born?", "Laskenmoor."), 2)
    frame = found.frame()
    assert list(frame.columns) == ["index", "token", "hidden", "place", "text", "p"]
    assert len(frame) == 2 * 2 * len(found.tokens)
    command = ["--prompt", "Where was Quenby Ostrmere born?", "--answer", "Laskenmoor.", "--scorers", "entropy"]
    assert main([*command, "--alternatives", "2", "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["examples"]
    assert row["alternatives"] == found.to_dict()["tokens"]
    assert main([*command, "--alternatives", "2"]) == 0
    assert "hidden: 'Quenby Ostrmere'" in capsys.readouterr().out
    assert main([*command, "--alternatives", "2", "--format", "csv"]) == 2
    assert "goes into a table or JSON" in capsys.readouterr().err
