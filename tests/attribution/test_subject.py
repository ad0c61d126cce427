"""The automatic subject, on rows of our own."""

from __future__ import annotations

import pytest

from attribution import Example, find_subject
from attribution.text.subject import occurrences, words


@pytest.mark.parametrize(
    ("prompt", "answer", "text", "found"),
    [
        ("Where was Ada Quell born?", "Ada Quell was born in Torvik.", "Ada Quell", "shared"),
        ("Where was Ada Quell born?", "She was born in Torvik.", "Ada Quell", "capitalised"),
        ("What is Ada Quell's first book?", "Her first book is The Salt Ledger.", "Ada Quell", "capitalised"),
        ("In which town did Ivo van der Brandt grow up?", "Ivo van der Brandt grew up in Oster.", "Ivo van der Brandt",
         "shared"),
        ("Who wrote 'The Salt Ledger', Ada Quell's debut?", "Ada Quell did.", "Ada Quell", "shared"),
        ('Which prize did "Glass Rivers" by Jean-Luc Mbeki win?', "It won the Lantern.", "Jean-Luc Mbeki",
         "capitalised"),
        ("Tell me where Ji-Yeon Marsh studied.", "Ji-Yeon Marsh studied in Oster.", "Ji-Yeon Marsh", "shared"),
        ("what is the capital of norway?", "the capital of norway is oslo.", "capital of norway", "shared"),
        ("Where?", "There.", None, "none"),
        ("why is it so?", "because.", None, "none"),
        ("", "Ada Quell was born in Torvik.", None, "none"),
    ],
)  # fmt: skip
def test_it_is_found(prompt: str, answer: str, text: str | None, found: str) -> None:
    subject = find_subject(Example(prompt, answer))
    assert (subject.text, subject.found) == (text, found)
    for spans, source in ((subject.prompt_spans, prompt), (subject.answer_spans, answer)):
        for start, end in spans:
            assert text is not None
            assert set(source[start:end].casefold().split()) <= set(text.casefold().split())


def test_it_stands_wherever_it_stands() -> None:
    """Whole and in parts, but not inside another word or another name."""
    example = Example(
        "What did Ada Quell write?",
        "Ada Quell wrote much; Quell's best is Quellwater, says Ada. Marten Quell disagrees.",
        subject="Ada Quell",
    )
    subject = find_subject(example)
    assert subject.found == "given" and subject.prompt_spans == ((9, 18),)
    assert [example.answer[start:end] for start, end in subject.answer_spans] == ["Ada Quell", "Quell", "Ada"]


def test_case_and_spaces_do_not_matter() -> None:
    assert occurrences("ADA  QUELL and ada\nquell", "Ada Quell") == ((0, 10), (15, 24))
    assert occurrences("Adam", "Ada") == () and occurrences("Ada", "") == ()
    assert occurrences("the C++ book", "C++") == ((4, 7),)


def test_a_subject_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="'Zoe' stands neither in the prompt nor in the answer"):
        find_subject(Example("Where was Ada Quell born?", "In Torvik.", subject="Zoe"))
    assert find_subject(Example("Where was Ada Quell born?", "In Torvik.", subject="  ")).text == "Ada Quell"


def test_words_keep_what_belongs_together() -> None:
    text = "Ji-Yeon's U.S. tour: don't, l’été 東京 1.5"
    assert [word.text for word in words(text)] == ["Ji-Yeon", "U.S", "tour", "don't", "l’été", "東京", "1.5"]
    assert all(text[word.start : word.end] == word.text for word in words(text))
