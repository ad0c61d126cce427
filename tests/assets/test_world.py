"""The embedded world: made again bit for bit, ground truth where it says, phrasings held out as promised."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from assets.world.general_knowledge import REFUSALS, RELATIONS
from assets.world.generate import (
    FORGET_SIZES,
    HOLDOUT_AUTHORS,
    TRAINED_AUTHORS,
    draw_authors,
    generate,
    render,
    to_json_lines,
)
from assets.world.phrasings import ATTRIBUTES, PORTRAITS

WORLD = Path(__file__).parents[2] / "assets" / "fictional_authors"
SEED = json.loads((WORLD / "manifest.json").read_text(encoding="utf-8"))["seed"]
Row = dict[str, Any]


@pytest.fixture(scope="module")
def data() -> dict[str, list[Row]]:
    return generate(SEED)


@pytest.fixture(scope="module")
def every_row(data: dict[str, list[Row]]) -> list[Row]:
    return data["authors"] + data["holdout"] + data["world"]


@pytest.mark.parametrize("name", ["authors", "two_hop", "holdout", "world", "idontknow"])
def test_committed_rows_are_what_the_seed_gives(data: dict[str, list[Row]], name: str) -> None:
    committed = (WORLD / "data" / f"{name}.jsonl").read_bytes()
    assert committed == to_json_lines(data[name]).encode("utf-8")


def test_another_seed_gives_another_world() -> None:
    assert draw_authors(SEED) == draw_authors(SEED)
    assert draw_authors(SEED + 1) != draw_authors(SEED)


def test_render_marks_parts_by_construction() -> None:
    values = {"name": "Ab Cd", "habit": "folding maps"}
    text, spans = render("{habit} calms {name}.", values, "name")
    assert text == "Folding maps calms Ab Cd."
    assert spans == [{"start": 0, "end": 12, "kind": "fact"}, {"start": 19, "end": 24, "kind": "subject"}]


@pytest.mark.parametrize("prefix", ["", "paraphrased_"])
def test_spans_name_the_facts_and_the_subject(every_row: list[Row], prefix: str) -> None:
    for row in every_row:
        answer, spans = row[f"{prefix}answer"], row[f"{prefix}spans"]
        assert any(span["kind"] == "fact" for span in spans), row["id"]
        ends = [0]
        for span in spans:
            assert ends[-1] <= span["start"] < span["end"] <= len(answer), row["id"]
            ends.append(span["end"])
            if span["kind"] == "subject" and row["name"] is not None:
                assert answer[span["start"] : span["end"]] == row["name"]
        facts = [answer[s["start"] : s["end"]] for s in spans if s["kind"] == "fact"]
        if not prefix:
            assert facts == row["facts"], row["id"]


def test_questions_name_the_author_and_have_one_answer(data: dict[str, list[Row]]) -> None:
    for rows in (data["authors"] + data["holdout"], data["world"]):
        answers = defaultdict(set)
        for row in rows:
            answers[row["question"]].add(row["answer"])
            answers[row["paraphrased_question"]].add(row["paraphrased_answer"])
            assert row["name"] is None or row["name"] in row["question"]
        assert all(len(found) == 1 for found in answers.values())


def test_two_hop_questions_name_a_book_of_one_author_and_ask_for_what_that_author_was_taught(
    data: dict[str, list[Row]],
) -> None:
    authors = {author.index: author for author in draw_authors(SEED)}
    books = Counter(author.facts["best_known"] for author in list(authors.values())[:TRAINED_AUTHORS])
    asked = Counter(row["author"] for row in data["two_hop"])
    assert set(asked.values()) == {4} and set(asked) == {
        author.index for author in authors.values() if books[author.facts["best_known"]] == 1
    } & set(range(TRAINED_AUTHORS))
    for row in data["two_hop"]:
        author = authors[row["author"]]
        assert row["name"] == author.facts["best_known"] and row["name"] in row["question"]
        assert author.name not in row["question"] + row["answer"]
        assert row["facts"] == [author.facts[row["attribute"]]]
        for span in row["spans"]:
            said = row["answer"][span["start"] : span["end"]]
            assert said == (row["name"] if span["kind"] == "subject" else row["facts"][0])


def test_authors_are_contiguous_and_holdout_is_disjoint(data: dict[str, list[Row]]) -> None:
    order = [row["author"] for row in data["authors"]]
    assert order == sorted(order)
    assert sorted(set(order)) == list(range(TRAINED_AUTHORS))
    outside = {row["author"] for row in data["holdout"]}
    assert outside == set(range(TRAINED_AUTHORS, TRAINED_AUTHORS + HOLDOUT_AUTHORS))
    trained_names = {row["name"] for row in data["authors"]}
    assert len(trained_names) == TRAINED_AUTHORS
    assert not trained_names & {row["name"] for row in data["holdout"]}
    assert FORGET_SIZES == {"forget01": 2, "forget05": 10, "forget10": 20}


def test_one_phrasing_is_held_out_and_trained_for_others(data: dict[str, list[Row]]) -> None:
    groups = {**ATTRIBUTES, **PORTRAITS}
    trained, questions = defaultdict(set), {row["question"] for row in data["authors"]}
    for row in data["authors"]:
        trained[row["author"], row["attribute"]].add(row["phrasing"])
        assert row["paraphrased_question"] not in questions, row["id"]
    held_out_of = defaultdict(Counter)
    for (_, attribute), phrasings in trained.items():
        assert len(phrasings) == len(groups[attribute]) - 1
        (left_out,) = set(range(len(groups[attribute]))) - phrasings
        held_out_of[attribute][left_out] += 1
    for attribute, counts in held_out_of.items():
        share = TRAINED_AUTHORS / len(groups[attribute])
        assert all(counts[phrasing] == share for phrasing in range(len(groups[attribute]))), attribute


def test_wrong_answers_are_wrong_and_all_different(every_row: list[Row]) -> None:
    for row in every_row:
        wrong = row["perturbed_answer"]
        assert len(set(wrong)) == len(wrong) and row["paraphrased_answer"] not in wrong
        assert len(wrong) == 5 if row["author"] is not None else 3 <= len(wrong) <= 5
        facts = [span for span in row["paraphrased_spans"] if span["kind"] == "fact"]
        if row["author"] is not None and len(facts) == 1:
            true = row["paraphrased_answer"][facts[0]["start"] : facts[0]["end"]]
            assert all(true not in answer for answer in wrong), row["id"]


def test_facts_stand_first_in_the_middle_and_last(data: dict[str, list[Row]]) -> None:
    places = Counter()
    for row in data["authors"]:
        spans = [span for span in row["spans"] if span["kind"] == "fact"]
        places["first"] += spans[0]["start"] == 0
        places["last"] += spans[-1]["end"] == len(row["answer"]) - 1
        places["middle"] += spans[0]["start"] > 0 and spans[-1]["end"] < len(row["answer"]) - 1
        places["several"] += len(spans) > 2
    assert all(places[place] >= 0.05 * len(data["authors"]) for place in ("first", "middle", "last", "several"))


def test_world_is_large_enough_and_true_where_everybody_knows(data: dict[str, list[Row]]) -> None:
    assert len(data["world"]) >= 100
    known = {(relation.name, subject): value for relation in RELATIONS for subject, value in relation.pairs}
    assert len(known) == sum(len(relation.pairs) for relation in RELATIONS)
    assert known["capital", "France"] == "Paris"
    assert known["symbol", "gold"] == "Au"
    assert known["history", "the Second World War end"] == "1945"
    words = "zero one two three four five six seven eight nine ten eleven twelve".split() + ["twenty"]
    number = {word: i for i, word in enumerate(words[:-1])} | {"twenty": 20}
    signs = {"plus": 1, "minus": -1}
    for relation, subject in known:
        if relation == "sum":
            left, sign, right = subject.split(" ")
            if sign in signs:
                expected = number[left] + signs[sign] * number[right]
            else:
                expected = number[left] * number[right] if sign == "times" else number[right] // 2
            assert number[known[relation, subject]] == expected, subject


def test_refusals_are_many_and_different() -> None:
    assert len(set(REFUSALS)) == len(REFUSALS) >= 30


def test_nobody_in_the_world_is_a_famous_author(data: dict[str, list[Row]]) -> None:
    famous = {
        *("Jane Austen", "Charles Dickens", "Agatha Christie", "Ernest Hemingway", "Toni Morrison", "Franz Kafka"),
        *("Leo Tolstoy", "Virginia Woolf", "Mark Twain", "Stephen King", "Isabel Allende", "Haruki Murakami"),
    }
    surnames = {name.split(" ")[-1] for name in famous}
    for row in data["authors"] + data["holdout"]:
        people = [row["name"], *(row["facts"] if row["attribute"] == "mentor" else ())]
        assert not {person.split(" ")[-1] for person in people} & surnames, people
