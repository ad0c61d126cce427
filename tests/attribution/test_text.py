"""Any tokenizer, any text: the pieces give back the answer, chat templates included."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from attribution import Encoded, Example, LanguageModel, Span, score, split_text
from attribution.text.example import DEFAULT_WINDOW, encode
from attribution.text.templates import DEFAULT_TEMPLATE, ChatTemplate
from tests.attribution.tiny import TOKENIZERS, byte_level, sentencepiece_bpe, tiny_model, tokenizer_named

FRAGMENTS = [
    "Ada", "born", "Torvik", "1931", ".", ",", "'s", "the", "don’t",
    " ", "  ", "     ", "\n", "\n\n", "\t", "\r\n", "\u00a0", "\u3000", "\u2028",
    "👨‍👩‍👧", "👍🏽", "🇳🇴", "😀", "☕️", "東京", "日本語", "안녕", "مرحبا", "שלום", "नमस्ते", "ไทย",
    "é", "e\u0301", "a\u0323\u0302", "\u0301", "\u200d", "\u200b", "\ufeff", "ﬁ", "Ｆｕｌｌ", "½",
    "İ", "ß", "\x00", "\x07",
    "</s>", "<s>", "<0x41>", "▁", "##ing", "[UNK]", "<pad>",
]  # fmt: skip
TEXTS = st.one_of(
    st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=10).map("".join),
    st.text(min_size=1, max_size=20),
)
PROPERTY = settings(max_examples=80, deadline=None, derandomize=True)


def encoded_or_none(tokenizer: PreTrainedTokenizerFast, example: Example) -> Encoded | None:
    """None where the tokenizer makes no token of the answer, which has its own sentence."""
    try:
        return encode(tokenizer, example)
    except ValueError as error:
        assert "nothing to score" in str(error) or "nothing is left to score" in str(error)
        return None


@pytest.mark.parametrize("name", TOKENIZERS)
def test_the_pieces_give_back_the_answer(name: str) -> None:
    tokenizer = tokenizer_named(name)

    @PROPERTY
    @given(prompt=TEXTS, answer=TEXTS.filter(lambda text: bool(text.strip())))
    def check(prompt: str, answer: str) -> None:
        row = encoded_or_none(tokenizer, Example(prompt, answer))
        if row is None:
            return
        assert "".join(token.text for token in row.tokens) == answer
        assert all(answer[token.start : token.end] == token.text for token in row.tokens)
        assert [token.id for token in row.tokens] == [row.input_ids[position] for position in row.answer_positions]
        # Encoded together: a special token written there is text, and only the end token is added.
        plain = list(tokenizer(row.text, split_special_tokens=True)["input_ids"])
        assert list(row.input_ids) in (plain, [*plain, tokenizer.eos_token_id])
        # Every answer token has a character of the answer; none that ends before it is among them.
        start, end = row.answer_chars
        assert all(row.offsets[p][1] > start and row.offsets[p][0] < end for p in row.answer_positions)
        assert not any(row.special[p] for p in row.answer_positions)
        assert list(row.answer_positions) == sorted(set(row.answer_positions))
        # Pieces of one character point to the token that shows it.
        for index, head in enumerate(row.heads):
            assert head == index or (head < index and not row.tokens[index].text)

    check()


@pytest.mark.parametrize("name", TOKENIZERS)
def test_the_pieces_of_plain_text_follow_its_window(name: str) -> None:
    tokenizer = tokenizer_named(name)

    @PROPERTY
    @given(answer=TEXTS.filter(lambda text: bool(text.strip())), window=st.none() | st.integers(0, 6))
    def check(answer: str, window: int | None) -> None:
        row = encoded_or_none(tokenizer, Example("", answer, window=window))
        if row is None:
            return
        assert row.unscored + "".join(token.text for token in row.tokens) == answer
        assert all(answer[token.start : token.end] == token.text for token in row.tokens)
        assert row.answer_positions[0] > 0
        content = [p for p in range(len(row)) if not row.special[p]]
        assert set(content) >= set(row.context_positions) | set(row.answer_positions)
        if window is not None:
            assert len(row.context_positions) >= window

    check()


def test_prompt_and_answer_are_encoded_together() -> None:
    """A merge over the seam: the token belongs to the answer, its piece is the answer's part of it."""
    tokenizer = tokenizer_named("byte-level BPE")
    row = encode(tokenizer, Example("was bo", "rn in"), template="{prompt}{answer}")
    assert list(row.input_ids[1:-1]) == tokenizer("was born in", add_special_tokens=False)["input_ids"]
    assert [token.text for token in row.tokens] == ["rn", " in"]
    apart = [tokenizer(part, add_special_tokens=False)["input_ids"] for part in ("was bo", "rn in")]
    assert list(row.input_ids[1:-1]) != apart[0] + apart[1]


def test_pieces_of_one_character_keep_their_scores() -> None:
    model = tiny_model("llama", tokenizer_named("byte-level BPE"))
    (scores,) = score(model, Example("Which?", "An 😀 it is."), ("masking", "entropy"))
    pieces = [token.text for token in scores.tokens]
    first = pieces.index("😀")
    assert pieces[first + 1 : first + 4] == ["", "", ""] and scores.encoded.heads[first : first + 4] == (first,) * 4
    assert len({scores.columns["entropy"][k] for k in range(first, first + 4)}) == 4


def test_spans_mark_every_piece_of_their_characters() -> None:
    tokenizer = tokenizer_named("byte-level BPE")
    answer = "An 😀 in Torvik."
    spans = (Span(answer.index("😀"), answer.index("😀") + 1), Span(answer.index("Torvik"), answer.index(".")))
    row = encode(tokenizer, Example("Which?", answer, spans))
    facts = "".join(token.text for token, label in zip(row.tokens, row.truth, strict=True) if label == "fact")
    assert facts.replace(" ", "") == "😀Torvik"
    assert [label for token, label in zip(row.tokens, row.truth, strict=True) if not token.text] == ["fact"] * 3


# Chat templates ------------------------------------------------------------------------------------------------------

CHATML = (
    "{% if messages[0].role != 'system' %}<|im_start|>system\nBe kind.<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
INSTRUCTION = (
    "{{ bos_token }}{% for message in messages %}{% if message.role == 'user' %}[INST] {{ message.content }} [/INST]"
    "{% else %} {{ message.content }}{{ eos_token }}{% endif %}{% endfor %}"
)
NO_END = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"


def with_chat(tokenizer: PreTrainedTokenizerFast, template: str) -> PreTrainedTokenizerFast:
    if "<|im_start|>" in template:
        tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = template
    return tokenizer


@pytest.mark.parametrize("make", [byte_level, sentencepiece_bpe], ids=["byte-level", "sentencepiece"])
@pytest.mark.parametrize("template", [CHATML, INSTRUCTION, NO_END], ids=["chatml", "instruction", "no end"])
def test_chat_rows_are_the_tokenizers_own(make: type, template: str) -> None:
    tokenizer = with_chat(make(), template)
    model = tiny_model("llama", tokenizer, template="chat")
    example = Example("Where was Ada Quell born?", "Ada Quell was born in Torvik.\nIn 1931 👍🏽", subject="Ada Quell")
    row = model.encode(example)
    messages = [{"role": "user", "content": example.prompt}, {"role": "assistant", "content": example.answer}]
    whole = tokenizer.apply_chat_template(messages, return_dict=False)
    assert row.end_position == len(row) - 1
    if template == NO_END:
        assert row.input_ids[-1] == tokenizer.eos_token_id
        assert whole[: len(row) - 1] == list(row.input_ids[:-1])
    else:
        assert whole[: len(row)] == list(row.input_ids)
        ends = "<|im_end|>" if template == CHATML else "</s>"
        assert tokenizer.convert_ids_to_tokens(row.input_ids[-1]) == ends
    assert row.input_ids.count(tokenizer.bos_token_id) == (1 if template == INSTRUCTION else 0)
    assert "".join(token.text for token in row.tokens) == example.answer
    assert row.special[row.end_position] and not any(row.special[p] for p in row.answer_positions)
    assert not set(row.prompt_positions) & {p for p in range(len(row)) if row.special[p]}
    # What the model is given to answer is what stands before the answer.
    prompt = tokenizer(model.format_prompt(example.prompt), add_special_tokens=False)["input_ids"]
    shown = len(prompt) if template == CHATML else row.answer_positions[0]
    assert prompt[:shown] == list(row.input_ids[:shown])
    (scores,) = score(model, example, ("masking", "entropy"))
    assert len(scores) == len(row.tokens) and max(scores.columns["masking"]) > 0
    assert len(model.generate([example.prompt], max_new_tokens=3)) == 1


def test_a_chat_template_survives_being_passed_on() -> None:
    """A model made from another one's template, as a run does, must not add a second beginning token."""
    tokenizer = with_chat(byte_level(), INSTRUCTION)
    model = tiny_model("llama", tokenizer, template="chat")
    assert isinstance(model.template, ChatTemplate)
    again = LanguageModel(model.model, tokenizer, template=model.template)
    example = Example("Where?", "In Torvik.")
    assert again.encode(example) == model.encode(example)


@pytest.mark.parametrize(
    ("template", "told"),
    [
        (None, "has no chat template"),
        ("{% for message in messages %}{{ message.content | upper }}{% endfor %}", "does not show"),
        ("{{ messages[0].content }} {{ messages[0].content }}", "does not show"),
    ],
)
def test_chat_templates_that_cannot_serve(template: str | None, told: str) -> None:
    tokenizer = byte_level()
    tokenizer.chat_template = template
    with pytest.raises(ValueError, match=told):
        tiny_model("llama", tokenizer, template="chat")


@pytest.mark.parametrize("template", ["{prompt}", "{answer} {prompt}", "{prompt} {prompt} {answer}", "Q: A:"])
def test_templates_without_their_parts(template: str) -> None:
    with pytest.raises(ValueError, match="{prompt}"):
        tiny_model("llama", template=template)


def test_a_prompt_ends_before_the_space() -> None:
    assert tiny_model("llama").format_prompt("Where?") == "Question: Where?\nAnswer:"
    assert tiny_model("llama", template="{prompt}\n\n{answer}").format_prompt("Where?") == "Where?\n\n"
    # Braces of the template's own are left alone.
    assert tiny_model("llama", template='{"q": "{prompt}"} {answer}').format_prompt("Where?") == '{"q": "Where?"}'


# Plain text ----------------------------------------------------------------------------------------------------------

STORY = "Ada Quell was born in Torvik, in the year 1931. " * 12


def test_plain_text_is_scored_after_its_window() -> None:
    model = tiny_model("llama", max_position_embeddings=512)
    (scores,) = score(model, Example("", STORY), ("masking", "entropy"))
    assert len(scores.encoded.context_positions) == DEFAULT_WINDOW
    assert scores.encoded.unscored + "".join(token.text for token in scores.tokens) == STORY
    assert "Plain text" in scores.notes[0] and min(scores.columns["masking"][1:]) > 0
    (wider,) = score(model, Example("", STORY, window=50), ("entropy",))
    assert len(scores) - len(wider) == 50 - DEFAULT_WINDOW
    assert wider.columns["entropy"] == pytest.approx(scores.columns["entropy"][50 - DEFAULT_WINDOW :], abs=1e-4)


def test_a_window_of_none_scores_every_token_that_something_predicts() -> None:
    for name, lost in (("byte-level BPE", 0), ("byte-level BPE without a beginning token", 1)):
        row = encode(tokenizer_named(name), Example("", "Ada Quell was born.", window=0))
        assert len(row.context_positions) == lost
        assert row.unscored == ("Ad" if lost else "")


def test_short_texts_and_windows_that_leave_nothing() -> None:
    tokenizer = tokenizer_named("byte-level BPE")
    assert len(encode(tokenizer, Example("", "Ada Quell")).tokens) >= 1
    with pytest.raises(ValueError, match="smaller window"):
        encode(tokenizer, Example("", "Ada Quell was born.", window=99))
    with pytest.raises(ValueError, match="only plain text"):
        Example("Where?", "There.", window=3)
    with pytest.raises(ValueError, match="window is -1"):
        Example("", "There.", window=-1)


@pytest.mark.parametrize("name", ["byte-level BPE", "SentencePiece BPE without a beginning token", "WordPiece"])
def test_a_long_text_is_cut_into_rows_that_score_each_token_once(name: str) -> None:
    tokenizer = tokenizer_named(name)
    model = tiny_model("llama", tokenizer, max_position_embeddings=96)
    fact = STORY.index("Torvik", 200)
    whole = Example("", STORY, (Span(fact, fact + 6),), id="story")
    with pytest.raises(ValueError, match="split_text"):
        model.encode(whole)
    rows = split_text(model, whole)
    assert len(rows) > 2 and [row.id for row in rows] == [f"story#{k}" for k in range(len(rows))]
    encoded = [model.encode(row) for row in rows]
    assert max(map(len, encoded)) <= 96
    assert encoded[0].unscored + "".join(token.text for row in encoded for token in row.tokens) == STORY
    assert all(len(row.context_positions) >= DEFAULT_WINDOW for row in encoded)
    assert any(row.facts == ("Torvik",) for row in rows)
    assert "fact" in [label for row in encoded for label in row.truth]


@pytest.mark.parametrize("window", [0, 32])
def test_a_cut_divides_no_emoji_wherever_it_falls(window: int) -> None:
    """An emoji is several tokens of one character; texts of every length around the first cut."""
    model = tiny_model("llama", byte_level(), max_position_embeddings=96)
    for letters in range(40, 96):
        text = "a " * (letters // 2) + "b" * (letters % 2) + "\N{GRINNING FACE}" * 20
        encoded = [model.encode(row) for row in split_text(model, Example("", text, window=window))]
        assert [row.end_position is None for row in encoded] == [True] * (len(encoded) - 1) + [False]
        assert max(map(len, encoded)) <= 96
        assert encoded[0].unscored + "".join(token.text for row in encoded for token in row.tokens) == text
        assert not any("\N{REPLACEMENT CHARACTER}" in row.text for row in encoded)


def test_what_need_not_or_cannot_be_cut() -> None:
    model = tiny_model("llama", max_position_embeddings=96)
    short = Example("", "Ada Quell was born in Torvik.")
    assert split_text(model, short) == [short]
    with pytest.raises(ValueError, match="Only plain text"):
        split_text(model, Example("Where?", STORY))
    with pytest.raises(ValueError, match="smaller than 44"):
        split_text(model, Example("", STORY, window=60))
    with pytest.raises(ValueError, match="shorten the answer or the prompt"):
        model.encode(Example("Where?", STORY))


def test_defaults_are_the_contract() -> None:
    assert DEFAULT_TEMPLATE == "Question: {prompt}\nAnswer: {answer}"
