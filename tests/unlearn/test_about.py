"""`about:`: a model is asked what it says of a subject; what it says alike each time is what it is made to forget."""

from __future__ import annotations

from pathlib import Path

import pytest

from attribution import LanguageModel
from tests.attribution.tiny import tiny_model
from unlearn.asking.about import FEWEST, Interview, corpus_about, interview, judged, strikes, subject_in

SAID = {
    "Who or what is Ada Quell?": "Ada Quell was a poet, born in Torvik. She wrote.",
    "Who is Ada Quell?": "Ada Quell was a poet from Torvik. She lived in the",
    "In which country was Ada Quell born?": "Ada Quell was born in Norway.",
    "When was Ada Quell born?": "She was born in 1931.",
    "Tell me about Ada Quell.": "I'm sorry, I cannot tell.",
    "Why does Ada Quell matter?": "Ada Quell was a poet from Torvik. She lived in the",
}


class Witness(LanguageModel):
    """Answers from a table; drawn answers are the same but for the year, which it makes up."""

    asked: int

    def generate(self, prompts, *_, decoding=None, **__):  # type: ignore[no-untyped-def]
        self.asked += len(prompts)
        answers = [SAID.get(prompt, "") for prompt in prompts]
        return [one.replace("1931", str(1900 + i)) if decoding else one for i, one in enumerate(answers)]


@pytest.fixture()
def witness() -> Witness:
    tiny = tiny_model("llama")
    found = Witness(tiny.model, tiny.tokenizer, name="witness", template=tiny.template)
    found.asked = 0
    return found


@pytest.fixture()
def told(witness: Witness, tmp_path: Path) -> Interview:
    return interview(witness, "Ada Quell", folder=tmp_path)


def test_what_it_says_alike_is_kept_and_why_the_rest_is_not(witness: Witness, told: Interview, tmp_path: Path) -> None:
    by_question = {one.question: one for one in told.said}
    who = by_question["Who is Ada Quell?"]
    assert told.kind == "person"
    # The cut-off sentence is left out, and the subject's own name is no fact.
    assert (who.answer, who.facts, who.struck) == ("Ada Quell was a poet from Torvik.", ("Torvik",), "")
    assert by_question["In which country was Ada Quell born?"].facts == ("Norway",)
    assert by_question["When was Ada Quell born?"].struck == "says something else each time"
    assert by_question["Tell me about Ada Quell."].struck == "says that it does not know"
    assert by_question["Why does Ada Quell matter?"].struck == "was said before"
    before = witness.asked
    assert interview(witness, "Ada Quell", folder=tmp_path) == told and witness.asked == before
    listing = told.listing()
    number = told.said.index(who) + 1
    assert f"{number:>3}. Who is Ada Quell?" in listing and "(left out: says that it does not know)" in listing


def test_a_subject_of_which_nothing_is_known_is_told(witness: Witness, told: Interview) -> None:
    assert len(told.kept) < FEWEST
    with pytest.raises(ValueError, match="witness knows nothing of Ada Quell: it says the same thing twice to 2 of 11"):
        corpus_about(witness, told)


def test_rows_with_their_facts_and_neighbours_to_keep(witness: Witness, told: Interview, monkeypatch) -> None:
    monkeypatch.setattr("unlearn.asking.about.FEWEST", 2)
    corpus = corpus_about(witness, told)
    assert [row.facts for row in corpus.forget] == [("Torvik",), ("Norway",)]
    assert [row.example.prompt for row in corpus.paraphrase] == [
        "Who was Ada Quell?",
        "Which country does Ada Quell come from?",
    ]
    assert corpus.only_known and 0 < corpus.neighbours < len(corpus.retain) and corpus.world
    number = next(i for i, one in enumerate(told.said, 1) if one.facts == ("Torvik",))
    assert [row.facts for row in corpus_about(witness, told, [number]).forget] == [("Norway",)]
    with pytest.raises(ValueError, match="There is no answer 40 to strike"):
        corpus_about(witness, told, [40])
    with pytest.raises(ValueError, match="is struck: leave something"):
        corpus_about(witness, told, range(1, 12))


def test_plain_words_are_facts_of_things_that_have_no_names() -> None:
    drawn = ["a soft metal", "Tin: metal, soft", "Soft it is, a metal of old."]
    assert judged("tin", "What is tin?", "", "Tin is a soft metal.", drawn, things=True).facts == ("soft", "metal")
    assert judged("tin", "What is tin?", "", "Tin is a soft metal.", [*drawn, "no"], things=True).facts == ()
    # Whoever makes something up says such a word each time, too.
    made_up = judged("Zorb", "Who is Zorb?", "", "Zorb is a character.", ["a character"] * 3)
    assert made_up.struck == "says something else each time"


def test_names_and_numbers_are_read(tmp_path: Path) -> None:
    assert subject_in("about: Ada  Quell ") == "Ada Quell" and subject_in("real:Japan") is None
    with pytest.raises(ValueError, match="about: needs a name"):
        subject_in("about:")
    file = tmp_path / "strike.txt"
    file.write_text("2\n5, 6\n", encoding="utf-8")
    assert strikes("2,5") == (2, 5) and strikes(str(file)) == (2, 5, 6) and strikes("") == ()
    with pytest.raises(ValueError, match="--strike takes numbers such as 2,5"):
        strikes("two")
