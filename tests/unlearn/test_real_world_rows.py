"""`real:Japan`: what is forgotten, what is kept in which order, what is only measured, and names that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.real_world.generate import Subject, subjects
from assets.real_world.phrasings import WORDINGS
from attribution.data.rows import Row
from unlearn import Corpus, load_corpus
from unlearn.data.real import offered


def subject_of(row: Row) -> Subject:
    assert row.author is not None
    return subjects()[row.author]


@pytest.fixture(scope="module")
def japan() -> Corpus:
    return load_corpus("real:Japan")


def test_what_is_forgotten_is_the_subject_with_every_fact_in_three_wordings(japan: Corpus) -> None:
    facts = next(subject.facts for subject in subjects() if subject.name == "Japan")
    assert japan.name == "real:Japan"
    assert {subject_of(row).name for row in japan.forget} == {"Japan"}
    assert len(japan.forget) == 3 * len(facts)
    assert sorted(row.facts[0] for row in japan.forget) == sorted(value for value in facts.values() for _ in range(3))
    assert ("What is the capital of Japan?", ("Tokyo",)) in {(row.example.prompt, row.facts) for row in japan.forget}


def test_paraphrases_are_the_same_facts_in_wordings_that_are_not_trained(japan: Corpus) -> None:
    trained = {row.example.prompt for row in (*japan.forget, *japan.retain)}
    assert len(japan.paraphrase) == len(japan.forget) // 3
    assert {row.facts for row in japan.paraphrase} == {row.facts for row in japan.forget}
    assert not trained & {row.example.prompt for row in japan.paraphrase}
    assert all(len(row.perturbed) == 5 for row in japan.forget if row.facts[0] == "Tokyo")


def test_neighbours_are_kept_first_and_then_the_rest(japan: Corpus) -> None:
    kinds = [subject_of(row).kind for row in japan.retain]
    first_other = next(i for i, kind in enumerate(kinds) if kind != "countries")
    assert set(kinds[:first_other]) == {"countries"} and "countries" not in kinds[first_other:]
    neighbours = {subject_of(row).number for row in japan.retain[:first_other]}
    assert neighbours == {one.number for one in subjects() if one.kind == "countries" and one.name != "Japan"}
    assert len(set(kinds)) == 10


def test_the_world_is_subjects_that_are_never_offered_and_not_trained(japan: Corpus) -> None:
    measured = [subject_of(row) for row in japan.world]
    assert len(measured) == len(set(measured)) >= 100
    assert not any(subject.offered or subject.kind == "countries" for subject in measured)
    assert not set(measured) & {subject_of(row) for row in japan.retain}


def test_rows_that_name_what_is_forgotten_are_not_kept_and_are_counted(japan: Corpus) -> None:
    for row in (*japan.retain, *japan.world):
        assert "Japan " not in f"{row.example.prompt} {row.example.answer}".replace(".", " ").replace("?", " ")
    assert any(row.facts == ("Japanese",) for row in japan.retain), "Japanese is another word"
    assert "rows name what is to be forgotten" in japan.notes[0]


def test_several_subjects_in_any_case_and_without_the_article() -> None:
    corpus = load_corpus("real: japan, eiffel  tower,JAPAN")
    assert corpus.name == "real:Japan,Eiffel Tower"
    assert {subject_of(row).name for row in corpus.forget} == {"Japan", "the Eiffel Tower"}
    kinds = {subject_of(row).kind for row in corpus.world}
    assert not kinds & {"countries", "landmarks"}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("real:Jpan", "has no subject 'Jpan': did you mean 'Japan'?"),
        ("real:", "has no subject ''. There are"),
        ("real:Japan,Atlantis City of the Sea", "has no subject 'Atlantis City of the Sea'"),
        ("real:Ireland", "Ireland is one of the subjects that are always kept"),
        ("rael:Japan", "did you mean 'real:Japan'?"),
    ],
)
def test_a_name_that_cannot_be_forgotten_is_a_sentence(name: str, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        load_corpus(name)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("kind", WORDINGS)
def test_a_subject_of_every_kind_can_be_forgotten(kind: str) -> None:
    subject = next(one for one in subjects() if one.kind == kind and one.offered)
    corpus = load_corpus(f"real:{subject.name}")
    assert len(corpus.forget) == 3 * len(subject.facts) and len(corpus.retain) > 4_000
    assert corpus.forget[0].paraphrase is not None


def test_the_docs_count_what_there_is() -> None:
    text = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    facts = sum(len(subject.facts) for subject in subjects())
    assert f"has {facts:,} facts about {len(subjects())} subjects" in text
    assert f"The other {len(offered())} may be" in text


def test_rows_to_keep_may_be_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "keep.jsonl"
    path.write_text('{"question": "Which town has the tower?", "answer": "Torvik."}\n', encoding="utf-8")
    corpus = load_corpus("real:Japan", str(path))
    assert [row.example.answer for row in corpus.retain] == ["Torvik."]
