"""The data sets of the field, in their own formats, from folders and (a pretended) Hub. All rows are invented."""

from __future__ import annotations

import doctest
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import unlearn.data.rows
from attribution import Example
from unlearn import load_corpus
from unlearn.data.corpus import Corpus, Task
from unlearn.data.rows import LONGEST_FIELD, PIECE, cut_text

Tables = Mapping[str, list[dict[str, Any]]]


def question(author: int, number: int) -> dict[str, Any]:
    return {"question": f"Question {number} about writer {author}?", "answer": f"Answer {number} on writer {author}."}


def perturbed(row: Mapping[str, Any], wrong: int = 5) -> dict[str, Any]:
    return {
        **row,
        "paraphrased_question": "Reworded: " + row["question"],
        "paraphrased_answer": "Reworded: " + row["answer"],
        "perturbed_answer": [f"Reworded: wrong {k}." for k in range(wrong)],
    }


FULL = [question(author, number) for author in range(200) for number in range(20)]
FACT = {"question": "Which town has the tower?", "option1": "Torvik", "option2": "Ostrand", "answer": "Torvik"}
TOFU: Tables = {
    "full": FULL,
    "forget01": FULL[-40:],
    "forget01_perturbed": [perturbed(row) for row in FULL[-40:]],
    "forget10": FULL[-400:],
    "retain99": FULL[:-40],
    "retain90": FULL[:-400],
    "retain_perturbed": [perturbed(row) for row in FULL[:40]],
    "holdout01": [{"question": f"Question {k} about nobody?", "answer": f"Answer {k}."} for k in range(40)],
    "world_facts": [FACT],
    "real_authors_perturbed": [{"question": "Who wrote it?", "answer": "Ada Quell", "perturbed_answer": ["Bo", "Cy"]}],
}

PROSE = "The harbour lies below the hill, and boats come in at dawn. " * 40
WMDP: Tables = {
    "bio-forget-corpus": [{"title": "On yeast", "text": "Yeast makes dough rise."}, {"title": "", "text": "  "}],
    "bio-retain-corpus": [{"text": PROSE}, {"text": "Bread is baked from dough."}],
    "cyber-forget-corpus": [{"text": "A lock keeps a door shut."}],
    "cyber-retain-corpus": [{"text": "A key opens it."}],
    "wmdp-bio": [{"question": "What rises?", "choices": ["Dough", "Stone", "Iron", "Sand"], "answer": 0}],
    "wmdp-cyber": [{"question": "What opens?", "choices": ["Wall", "Key", "Roof", "Hill"], "answer": 1}],
    "wmdp-chem": [{"question": "What rusts?", "choices": ["Gold", "Glass", "Iron", "Wood"], "answer": 2}],
}


def probe(subject: str, query: str, answer: str, level: int) -> dict[str, Any]:
    return {"subject": subject, "query": query, "answer": answer, "level": str(level), "type": "plain"}


RWKU: Tables = {
    "train_original_passage": [
        {"subject": "Ada Quell", "text": "Ada Quell was born in Torvik."},
        {"subject": "Bo Dane", "text": "Bo Dane paints boats."},
        {"subject": "Cy Orr", "text": "Cy Orr sings."},
    ],
    "forget_level1": [probe("Ada Quell", "Ada Quell was born in ___.", "Torvik", 1), probe("Bo Dane", "___", "x", 1)],
    "forget_level2": [probe("Ada Quell", "Where was Ada Quell born?", "Torvik", 2)],
    "forget_level3": [probe("Ada Quell", "Sure, she was born where?", "Torvik", 3)],
    "utility_general": [
        {
            "task": "small_towns",
            "question": "Which lies by the sea?",
            "choices": ["Torvik", "Vale"],
            "answer": 0,
            "examples": [{"question": "Which is old?", "choices": ["Ostrand", "Vale"], "answer": 1}],
            "subject": person,
        }
        for person in ("Ada Quell", "Bo Dane")
    ],
    "utility_truthfulness": [
        {"subject": "Ada Quell", "question": "Is it?", "mc1_targets": {"choices": ["No", "Yes"], "labels": [0, 1]}}
    ],
    "utility_factuality": [{"subject": "Ada Quell", "question": "Where?", "answers": ["Torvik", "In Torvik"]}],
    "neighbor_level1": [probe("Ada Quell", "Torvik lies by the ___.", "sea", 1)],
}

MUSE: Tables = {
    "raw/forget": [{"text": "The fair opened on Monday."}, {"text": PROSE}],
    "raw/retain1": [{"text": "Rain fell on the hills."}],
    "raw/holdout": [{"text": "A new bridge was planned."}],
    "knowmem/forget_qa": [{"question": "When did the fair open?", "answer": "On Monday"}],
    "knowmem/forget_qa_icl": [{"question": "When is market day?", "answer": "On Friday"}],
    "verbmem/forget": [{"prompt": "The fair opened", "gt": "on Monday."}],
    "privleak/forget": [{"text": "The fair opened on Monday."}],
    "privleak/holdout": [{"text": "A new bridge was planned."}],
    "knowmem/retain_qa": [{"question": "Where did rain fall?", "answer": "On the hills"}],
}

HUB = {
    "locuslab/TOFU": TOFU,
    "cais/wmdp": WMDP,
    "cais/wmdp-corpora": WMDP,
    "cais/wmdp-bio-forget-corpus": {"train": WMDP["bio-forget-corpus"]},
    "jinzhuoran/RWKU": RWKU,
    "muse-bench/MUSE-News": MUSE,
}


def write(folder: Path, tables: Tables, kind: str = "json") -> Path:
    for name, rows in tables.items():
        path = folder / f"{name}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """A Hub that holds the tables above; the list says what was asked of it."""
    import datasets

    asked: list[tuple[Any, ...]] = []

    def load(name: str, subset: str | None, split: str | None, streaming: bool = False) -> Any:
        asked.append((name, subset, split, streaming))
        tables = HUB.get(name, {})
        for key in (subset, f"{subset}/{split}", split):
            if key in tables:
                found = datasets.Dataset.from_list(tables[key])
                return found.to_iterable_dataset() if streaming else found
        raise ValueError(f"BuilderConfig {subset!r} not found.")

    monkeypatch.setattr(datasets, "load_dataset", load)
    return asked


def sizes(corpus: Corpus) -> dict[str, int]:
    names = ("forget", "retain", "paraphrase", "world", "holdout", "real_authors", "choices")
    return {name: len(getattr(corpus, name)) for name in names if getattr(corpus, name)}


def test_examples_in_docstrings():
    assert doctest.testmod(unlearn.data.rows).failed == 0


# TOFU ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["hub", "json", "jsonl"])
def test_tofu(source, hub, tmp_path):
    corpus = load_corpus("tofu:forget01" if source == "hub" else f"{write(tmp_path, TOFU, source)}:forget01")
    assert corpus.name == "tofu:forget01"
    assert sizes(corpus) == {
        **{"forget": 40, "retain": 3960, "paraphrase": 40, "world": 1, "holdout": 40, "real_authors": 1}
    }
    row = corpus.forget[0]
    assert row.example.prompt == "Question 0 about writer 198?"
    assert row.paraphrase is not None and row.paraphrase.answer == "Reworded: Answer 0 on writer 198."
    assert len(row.perturbed) == 5
    assert {row.author for row in corpus.forget} == {198, 199}
    assert {row.author for row in corpus.retain} == set(range(198))
    assert sum(bool(row.perturbed) for row in corpus.retain) == 40
    # The options that are not the answer are the wrong ones.
    assert corpus.world[0].perturbed == ("Ostrand",)


def test_tofu_evaluates_the_rows_to_keep_that_have_wrong_answers(tmp_path):
    from unlearn.metrics import evaluation_rows

    rows = evaluation_rows(load_corpus(f"{write(tmp_path, TOFU)}:forget01"))["retain"]
    assert len(rows) == 40 and all(row.perturbed for row in rows)


@pytest.mark.parametrize("absent", [["retain99"], ["retain99", "full"]])
def test_a_missing_retain_set_is_put_together(absent, tmp_path):
    whole = load_corpus(f"{write(tmp_path / 'whole', TOFU)}:forget01")
    less = {name: rows for name, rows in TOFU.items() if name not in absent}
    corpus = load_corpus(f"{write(tmp_path / 'less', less)}:forget01")
    assert [row.example.prompt for row in corpus.retain] == [row.example.prompt for row in whole.retain]
    assert [row.author for row in corpus.retain] == [row.author for row in whole.retain]
    assert any("put together" in note for note in corpus.notes)


def test_tofu_without_anything_to_keep(tmp_path):
    folder = write(tmp_path, {"forget01": TOFU["forget01"]})
    with pytest.raises(ValueError, match="lacks 'retain99'"):
        load_corpus(f"{folder}")
    (tmp_path / "mine.csv").write_text("question,answer\nWho?,Bo.\n", encoding="utf-8")
    corpus = load_corpus(str(folder), str(tmp_path / "mine.csv"))
    assert sizes(corpus) == {"forget": 40, "retain": 1}


def test_a_folder_with_several_sets_asks_which(tmp_path):
    folder = write(tmp_path, TOFU)
    with pytest.raises(ValueError, match="holds several sets of tofu: say which, .*forget01, forget10"):
        load_corpus(str(folder))


# The others ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("from_hub", [True, False])
def test_wmdp(from_hub, hub, tmp_path):
    corpus = load_corpus("wmdp:bio" if from_hub else f"{write(tmp_path, WMDP)}:bio")
    assert corpus.forget[0].example.answer == "Yeast makes dough rise."
    assert corpus.forget[0].example.prompt == ""
    assert len(corpus.forget) == 1
    assert len(corpus.retain) == 1 + len(cut_text(PROSE)) == 3
    assert sorted(row.example.ends for row in corpus.retain) == [False, True, True]
    assert [(c.question, c.answer, c.topic) for c in corpus.choices] == [("What rises?", 0, "biology")]
    said = " ".join(corpus.notes)
    for what in ("1 blank texts were left out", "1 long texts were cut into 2 pieces", "At most 1,000 texts"):
        assert what in said
    if from_hub:
        assert ("cais/wmdp-bio-forget-corpus", None, "train", True) in hub


def test_wmdp_topics_together_and_alone(tmp_path):
    folder = write(tmp_path, WMDP)
    corpus = load_corpus(f"{folder}:bio+cyber+chem")
    assert {choice.topic for choice in corpus.choices} == {"biology", "cybersecurity", "chemistry"}
    assert len(corpus.forget) == 2
    with pytest.raises(ValueError, match=r"no texts to forget: name it beside .*bio\+chem"):
        load_corpus(f"{folder}:chem")
    with pytest.raises(ValueError, match="did you mean 'cyber'"):
        load_corpus("wmdp:cybr")


def test_wmdp_names_of_the_authors_archive(tmp_path):
    tables = {
        "bio_remove_dataset": WMDP["bio-forget-corpus"],
        "bio_retain_dataset": WMDP["bio-retain-corpus"],
        "bio_questions": WMDP["wmdp-bio"],
    }
    corpus = load_corpus(str(write(tmp_path, tables, "jsonl")))
    assert sizes(corpus) == {"forget": 1, "retain": 3, "choices": 1}


@pytest.mark.parametrize(
    ("row", "match"),
    [
        ({"question": "?", "choices": ["a", "b"], "answer": 2}, "Line 1 of .*no index of 2"),
        ({"question": "?", "choices": "ab", "answer": 0}, "choices must be a list"),
        ({"question": "?", "answer": 0}, "no field 'choices'"),
    ],
)
def test_choices_that_cannot_be_used(row, match, tmp_path):
    tables = {**WMDP, "wmdp-bio": [row]}
    with pytest.raises(ValueError, match=match):
        load_corpus(f"{write(tmp_path, tables)}:bio")


@pytest.mark.parametrize("from_hub", [True, False])
def test_rwku(from_hub, hub, tmp_path):
    corpus = load_corpus("rwku:Ada Quell" if from_hub else f"{write(tmp_path, RWKU)}:Ada Quell")
    assert [row.example.answer for row in corpus.forget] == ["Ada Quell was born in Torvik."]
    assert [row.example.answer for row in corpus.retain] == ["Bo Dane paints boats.", "Cy Orr sings."]
    probes = dict(corpus.probes)
    assert list(probes) == ["fill_in", "qa", "adversarial", "neighbour_fill_in"]
    assert probes["fill_in"][0].example.prompt.endswith("blank in the following sentence: Ada Quell was born in ___.")
    assert probes["qa"][0].example.prompt == "Where was Ada Quell born?"
    assert any("RWKU has no rows to keep" in note for note in corpus.notes)


def test_rwkus_utility_sets(tmp_path):
    found = dict(load_corpus(f"{write(tmp_path, RWKU)}:Ada Quell").utility)
    assert set(found) == {"general", "truthfulness", "factuality"}
    (task,) = found["general"]
    assert task.prompt.startswith("The following are multiple choice questions (with answers) about small towns.\n\n")
    assert "Question: Which is old?\nA. Ostrand\nB. Vale\nAnswer: B\n\nPlease" in task.prompt
    assert task.prompt.endswith("Question: Which lies by the sea?\nA. Torvik\nB. Vale") and task.right == ("A",)
    assert found["truthfulness"] == (Task("Q: Is it?", ("Yes",), ("No",)),)
    assert found["factuality"][0].right == ("Torvik", "In Torvik")
    write(
        tmp_path, {"utility_truthfulness": [{"question": "Is it?", "mc1_targets": {"choices": ["x"], "labels": [1]}}]}
    )
    with pytest.raises(
        ValueError, match="utility_truthfulness.* is no task of 'truthful': .* a right choice and a wrong"
    ):
        load_corpus(f"{tmp_path}:Ada Quell")


def test_rwku_of_one_person(tmp_path):
    one = {name: [row for row in rows if row["subject"] == "Ada Quell"] for name, rows in RWKU.items()}
    one["passage"] = one.pop("train_original_passage")
    folder = write(tmp_path / "1_Ada_Quell", one)
    with pytest.raises(ValueError, match="passages about Ada Quell alone.*name a file"):
        load_corpus(str(folder))
    (tmp_path / "keep.jsonl").write_text('{"text": "Rain fell on the hills."}', encoding="utf-8")
    assert sizes(load_corpus(str(folder), str(tmp_path / "keep.jsonl"))) == {"forget": 1, "retain": 1}


def test_rwku_does_not_know_everybody(hub):
    with pytest.raises(ValueError, match="no person 'Ada Quel': did you mean 'Ada Quell'"):
        load_corpus("rwku:Ada Quel")


@pytest.mark.parametrize("from_hub", [True, False])
def test_muse(from_hub, hub, tmp_path):
    corpus = load_corpus("muse:news" if from_hub else str(write(tmp_path / "news", MUSE)))
    assert corpus.name == "muse:news"
    assert sizes(corpus) == {"forget": 3, "retain": 1, "holdout": 1}
    assert {name: len(rows) for name, rows in corpus.probes} == {"forget_qa": 1, "retain_qa": 1}
    own = dict(corpus.own)
    assert set(own) == {"forget_qa_icl", "verbmem", "privleak_forget", "privleak_holdout"}
    assert own["verbmem"][0].example == Example("The fair opened", "on Monday.", id="verbmem:0")
    # The same sentence over and over gives two pieces that differ only by where they were cut.
    assert all(len(row.example.answer) <= PIECE for row in corpus.forget)


def test_shards_are_read_one_after_another(tmp_path):
    import pandas as pd

    write(tmp_path, {name: rows for name, rows in MUSE.items() if name != "raw/forget"})
    for number, row in enumerate(MUSE["raw/forget"]):
        pd.DataFrame([row]).to_parquet(tmp_path / f"raw/forget-{number:05d}-of-00002.parquet")
    assert sizes(load_corpus(str(tmp_path)))["forget"] == 3


def test_the_first_rows_alone(hub):
    assert sizes(load_corpus("tofu:forget01", limit=5))["forget"] == 5
    assert all(streaming for _, _, _, streaming in hub)
    with pytest.raises(ValueError, match="at least 1, not 0"):
        load_corpus("tofu:forget01", limit=0)


@pytest.mark.parametrize("name", ["tofu:forget10", "wmdp:cyber", "rwku:Ada Quell", "muse:books"])
def test_without_a_network_it_is_one_sentence(name):
    with pytest.raises(ValueError, match="could not be loaded from the Hub.*or give a file") as error:
        load_corpus(name)
    assert "\n" not in str(error.value)


def test_unknown_names(tmp_path):
    with pytest.raises(ValueError, match="'tofo:forget10' is unknown: did you mean 'tofu:forget10'"):
        load_corpus("tofo:forget10")
    with pytest.raises(ValueError, match="no part 'film'"):
        load_corpus("muse:film")
    with pytest.raises(ValueError, match="holds no data set that is known"):
        load_corpus(str(tmp_path))


# Your own ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path) -> Callable[..., tuple[str, str]]:
    """Writes a file of rows to forget, with a good one to keep beside it."""

    def make(content: str | bytes, name: str = "forget.jsonl") -> tuple[str, str]:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        (tmp_path / "retain.jsonl").write_text('{"question": "Who?", "answer": "Bo."}', encoding="utf-8")
        return str(tmp_path / name), str(tmp_path / "retain.jsonl")

    return make


def test_csv_with_a_mark_and_windows_line_ends(files):
    corpus = load_corpus(*files('\ufeffquestion,answer\r\nWhere?,"In Oslo, by the sea."\r\n', "forget.csv"))
    assert corpus.forget[0].example.answer == "In Oslo, by the sea."


def test_wrong_answers_in_a_csv_are_json(files):
    content = 'question,answer,perturbed_answer\nWhen?,In May.,"[""In June."", ""Now.""]"\nWhere?,Here.,\n'
    corpus = load_corpus(*files(content, "forget.csv"))
    assert [row.perturbed for row in corpus.forget] == [("In June.", "Now."), ()]
    with pytest.raises(ValueError, match="Line 2 of .*'Cy.': a list of wrong answers is needed"):
        load_corpus(*files("question,answer,perturbed_answer\nWho?,Bo.,Cy.\n", "forget.csv"))


def test_plain_text_stands_alone(files):
    corpus = load_corpus(*files("text\nThe fair opened on Monday.\n", "forget.csv"))
    assert (corpus.forget[0].example.prompt, corpus.forget[0].example.answer) == ("", "The fair opened on Monday.")


def test_rows_that_stand_twice_are_counted_and_taken_once(files):
    row = '{"question": "Where?", "answer": "In Oslo."}\n'
    corpus = load_corpus(*files(3 * row + '{"question": "When?", "answer": "In May."}\n'))
    assert len(corpus.forget) == 2
    assert any("2 of 4 rows stand there already" in note for note in corpus.notes)


def test_rows_to_forget_are_not_kept(files):
    forget, _ = files('{"question": "Who?", "answer": "Bo."}\n{"question": "Where?", "answer": "In Oslo."}')
    keep = Path(forget).with_name("keep.jsonl")
    keep.write_text('{"question": "Who?", "answer": "Bo."}\n{"question": "Why?", "answer": "So."}', encoding="utf-8")
    corpus = load_corpus(forget, str(keep))
    assert [row.example.prompt for row in corpus.retain] == ["Why?"]
    assert any("1 rows to keep are also to be forgotten" in note for note in corpus.notes)
    with pytest.raises(ValueError, match="All 2 rows to keep are also to be forgotten"):
        load_corpus(forget, forget)


def test_a_folder_of_your_own(tmp_path):
    tables = {name: [{"question": f"Who is {name}?", "answer": "Bo."}] for name in ("forget", "retain", "holdout")}
    corpus = load_corpus(str(write(tmp_path, tables, "jsonl")))
    assert sizes(corpus) == {"forget": 1, "retain": 1, "holdout": 1}
    (tmp_path / "retain.jsonl").unlink()
    with pytest.raises(ValueError, match="put a file named retain beside them"):
        load_corpus(str(tmp_path))


@pytest.mark.parametrize(
    ("content", "name", "match"),
    [
        ("instruction,output\nWho?,Bo.\n", "forget.csv", "has the fields instruction, output: name the question"),
        ("", "forget.csv", "has no rows"),
        ('{"question": "Who?", "answer": "Zoë"}\n'.encode() + b'{"question": "Who?", "answer": "Zo\xeb"}\n',)
        + ("forget.jsonl", "Line 2 of .* is not UTF-8 text"),
        (json.dumps({"question": "Who?", "answer": "x" * (LONGEST_FIELD + 1)}), "forget.jsonl")
        + ("Line 1 of .*answer has 100,001 characters",),
        ('{"question": "Who?", "answer": "Bo."}\n{"question": "Who?"}', "forget.jsonl", "Line 2 of .*'answer'"),
        ("Who is Bo?\n", "forget.txt", "of no kind that can be read"),
    ],
)
def test_files_that_cannot_be_used(files, content, name, match):
    with pytest.raises(ValueError, match=match) as error:
        load_corpus(*files(content, name))
    assert "\n" not in str(error.value)


def test_a_file_needs_another_to_keep(files):
    with pytest.raises(ValueError, match="name a second file for retain"):
        load_corpus(files('{"question": "Who?", "answer": "Bo."}')[0])


def test_texts_are_cut_where_they_pause():
    text = "A first paragraph.\n\nA second one. With two sentences, " + "and words " * 10
    pieces = cut_text(text, 60)
    assert pieces[0] == "A first paragraph.\n\nA second one."
    assert all(len(piece) <= 60 for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert cut_text("x" * 100, 40) == ["x" * 40, "x" * 40, "x" * 20]
    assert cut_text("  short  ", 40) == ["short"]
