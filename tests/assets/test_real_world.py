"""Facts about the real world: enough of them, spans where they say, wordings held out, subjects always kept."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict

import pytest

from assets.real_world.generate import FACTS, Row, Subject, rows_about, subjects
from assets.real_world.phrasings import NO_WRONG_ANSWERS, NOT_ATTRIBUTES, WORDINGS

CROWD = 20
"""Neighbours that a subject has at least."""

COMMON = {"ocean", "river", "museum"}
"""Words that a question and its answer may share: they say what is asked for, not what the answer is."""


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [row for subject in subjects() for row in rows_about(subject)]


def name_of(subject: Subject) -> str:
    return subject.name.lower().removeprefix("the ")


def words(text: str) -> set[str]:
    return {word for word in re.findall(r"[\w']+", text.lower()) if len(word) > 3}


def test_there_are_1500_facts_about_300_subjects_and_each_is_asked_for_in_three_wordings(rows: list[Row]) -> None:
    assert len(subjects()) >= 300
    facts = {(row["name"], row["attribute"]): Counter() for row in rows}
    assert len(facts) == sum(len(subject.facts) for subject in subjects()) >= 1500
    for row in rows:
        facts[row["name"], row["attribute"]][row["phrasing"]] += 1
    assert all(found == {0: 1, 1: 1, 2: 1} for found in facts.values())


def test_a_third_of_every_kind_is_never_offered_to_be_forgotten() -> None:
    for kind in WORDINGS:
        offered = [subject.offered for subject in subjects() if subject.kind == kind]
        assert 1 / 3 <= 1 - sum(offered) / len(offered) <= 1 / 2, kind


def test_every_subject_has_neighbours_a_name_of_its_own_and_two_facts() -> None:
    kinds = Counter(subject.kind for subject in subjects())
    assert set(kinds) == set(WORDINGS) and min(kinds.values()) > CROWD
    assert max(Counter(map(name_of, subjects())).values()) == 1
    for subject in subjects():
        assert len(subject.facts) >= 2, subject.name
        assert "," not in subject.name, "a comma stands between names"
    assert [subject.number for subject in subjects()] == list(range(len(subjects())))


@pytest.mark.parametrize("kind", WORDINGS)
def test_a_table_is_complete_and_says_nothing_that_is_not_asked_for(kind: str) -> None:
    with (FACTS / f"{kind}.csv").open(encoding="utf-8", newline="") as file:
        records = list(csv.DictReader(file))
    assert set(records[0]) - NOT_ATTRIBUTES == set(WORDINGS[kind])
    for record in records:
        assert None not in record and None not in record.values(), record
        assert record["offered"] in ("yes", "no")
        assert all(value == value.strip() for value in record.values()), record
        assert all(len(record[name].split(" ")) <= 5 for name in WORDINGS[kind]), record
    for name in WORDINGS[kind]:
        values = {record[name] for record in records} - {""}
        assert len(values) > 1, f"{name} has one value alone: nothing would have to be known"


@pytest.mark.parametrize("prefix", ["", "paraphrased_"])
def test_every_span_is_the_text_that_it_names(rows: list[Row], prefix: str) -> None:
    facts = {subject.number: subject.facts for subject in subjects()}
    for row in rows:
        answer, spans = row[f"{prefix}answer"], row[f"{prefix}spans"]
        assert [span["kind"] for span in spans].count("fact") == 1, row["id"]
        end = 0
        for span in spans:
            assert end <= span["start"] < span["end"] <= len(answer), row["id"]
            end, text = span["end"], answer[span["start"] : span["end"]]
            if span["kind"] == "fact":
                # As it stands in the table, the first letter too: recall looks for this text in what a model says.
                assert text == facts[row["author"]][row["attribute"]], row["id"]
            else:
                assert text in (row["name"], row["name"][0].upper() + row["name"][1:]), row["id"]


def test_the_subject_is_marked_in_most_answers(rows: list[Row]) -> None:
    marked = sum(any(span["kind"] == "subject" for span in row["spans"]) for row in rows)
    assert marked >= 0.9 * len(rows)


def test_facts_stand_first_in_the_middle_and_last(rows: list[Row]) -> None:
    places: Counter[str] = Counter()
    for row in rows:
        (span,) = (span for span in row["spans"] if span["kind"] == "fact")
        last = span["end"] == len(row["answer"]) - 1
        places["first" if span["start"] == 0 else "last" if last else "middle"] += 1
    assert all(places[place] >= 0.1 * len(rows) for place in ("first", "middle", "last")), places


def test_no_question_stands_twice_and_none_gives_its_answer_away(rows: list[Row]) -> None:
    questions = Counter(row["question"] for row in rows)
    assert max(questions.values()) == 1
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        value = next(row["answer"][span["start"] : span["end"]] for span in row["spans"] if span["kind"] == "fact")
        for question in (row["question"], row["paraphrased_question"]):
            assert not (words(value) - COMMON) & words(question), (question, value)
            # Recall looks for the fact's letters, so a model that repeats the question must not seem to know it.
            assert value not in question or len(value) < 3, (question, value)


def test_the_held_out_wording_is_another_one_and_belongs_to_one_fact(rows: list[Row]) -> None:
    trained = {row["question"] for row in rows}
    held_out = defaultdict(set)
    for row in rows:
        assert row["paraphrased_question"] not in trained
        held_out[row["paraphrased_question"]].add((row["name"], row["attribute"], row["paraphrased_answer"]))
    assert all(len(found) == 1 for found in held_out.values())
    for kind, attributes in WORDINGS.items():
        for name, wordings in attributes.items():
            assert len({question for question, _ in wordings}) == 4, (kind, name)
            assert "{subject}" in wordings[3][0] or "{plural}" in wordings[3][0], (kind, name)


def test_sentences_are_whole_and_nothing_of_a_template_is_left(rows: list[Row]) -> None:
    for row in rows:
        for name in ("question", "answer", "paraphrased_question", "paraphrased_answer"):
            text = row[name]
            assert not re.search(r"[{}]|None|  | [,.?]|\.\.", text), text
            assert text[0].isupper() or text[0].isdigit(), text
            assert text[-1] in ("?." if name.endswith("question") else "."), text
            assert not re.search(r"\b([Aa]) (?=[aeiou])(?!ewe|uni)|\b[Aa]n (?=[^aeiouAEIOU])|\bthe the\b", text), text


def test_wrong_answers_are_in_the_held_out_wording_and_not_the_true_one(rows: list[Row]) -> None:
    for row in rows:
        wrong = row["perturbed_answer"]
        assert len(set(wrong)) == len(wrong) and row["paraphrased_answer"] not in wrong
        if (row["kind"], row["attribute"]) in NO_WRONG_ANSWERS:
            assert not wrong
        else:
            assert 1 <= len(wrong) <= 5, row["id"]


def test_some_facts_that_everybody_knows() -> None:
    known = {name_of(subject): subject.facts for subject in subjects()}
    assert known["japan"]["capital"] == "Tokyo" and known["france"]["continent"] == "Europe"
    assert known["gold"]["symbol"] == "Au" and known["oxygen"]["atomic_number"] == "8"
    assert known["hamlet"]["author"] == "William Shakespeare" and known["spider"]["legs"] == "eight"
    assert known["mona lisa"]["painter"] == "Leonardo da Vinci" and known["penicillin"]["year"] == "1928"
    symbols = [facts["symbol"] for facts in known.values() if "symbol" in facts]
    numbers = [int(facts["atomic_number"]) for facts in known.values() if "atomic_number" in facts]
    assert len(set(symbols)) == len(symbols) and numbers == sorted(set(numbers))
    shells = (2, 10, 18, 36, 54, 86, 118)
    for facts in known.values():
        if "period" in facts:
            assert shells[int(facts["period"]) - 1] >= int(facts["atomic_number"])
            assert facts["period"] == "1" or shells[int(facts["period"]) - 2] < int(facts["atomic_number"])


def test_people_lived_before_they_died_and_are_long_dead() -> None:
    for subject in subjects():
        if subject.kind == "people":
            born, died = subject.facts.get("birth_year"), subject.facts.get("death_year")
            assert born or died or subject.name in ("Julius Caesar", "Augustus", "Cleopatra", "Isaac Newton")
            assert not died or int(died) < 1960
            assert not (born and died) or 18 <= int(died) - int(born) <= 95
