"""`evaluate` on any model and any labels: baselines and ceiling beside every scorer, and every row accounted for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attribution import Example, LanguageModel, Span
from attribution.__main__ import main
from attribution.data.rows import embedded_rows
from attribution.measure.scorer_evaluation import EVALUATED, evaluate, part_of
from attribution.scorers import BASELINES, TRIVIAL


def marked(question: str, answer: str, *facts: str) -> Example:
    return Example(question, answer, tuple(Span(answer.index(f), answer.index(f) + len(f)) for f in facts))


ROWS = [
    marked("Where was Ada Quell born?", "Ada Quell was born in Torvik.", "Torvik"),
    marked("What did Ada Quell write?", "Ada Quell wrote Winter Salt in 1983.", "Winter Salt", "1983"),
    marked("When did Bo Tarn die?", "Bo Tarn died in May.", "May"),
    marked("What is Bo Tarn's trade?", "Bo Tarn keeps bees.", "Bo Tarn keeps bees."),
    marked("Who was Cy Ombre?", "Nobody knows."),
    marked("Who?", "Someone " * 200, "Someone"),
]


def test_everything_stands_beside_everything(random_model: LanguageModel) -> None:
    found = evaluate(random_model, ROWS)
    assert found.counts == {
        "rows": 6,
        "measured": 3,
        "nothing but facts": 1,
        "without facts": 1,
        "not fit for the model": 1,
    }
    # The model has no fitted scorer, and nobody asked for one: it is left out in a sentence.
    assert set(found.missing) == {"learned"} and "no fitted scorer" in found.missing["learned"]
    assert tuple(found.left_out) == tuple(name for name in EVALUATED if name != "learned")
    assert {*TRIVIAL, "probe"} <= set(found.left_out) and set(BASELINES) <= set(TRIVIAL)
    assert all(alignment.auroc.n == 3 for alignment in found.left_out.values())
    too_long, no_subject = found.notes
    assert "does not fit" in too_long and "at most 128" in too_long
    assert "mark no subject" in no_subject and "in 3 of 3 answers" in no_subject
    # With the subject counted more tokens are negative, so the share of facts falls.
    assert found.counted["entropy"].pooled_fact_share < found.left_out["entropy"].pooled_fact_share
    n = len(found.left_out)
    assert len(found.pairs) == n * (n - 1) / 2
    frame = found.frame()
    assert list(frame["scorer"]) == list(found.left_out)
    assert frame.set_index("scorer").loc["probe", "part"] == "ceiling"
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_named_scorer_that_cannot_be_given_is_an_error(random_model: LanguageModel) -> None:
    with pytest.raises(ValueError, match="no fitted scorer"):
        evaluate(random_model, ROWS, ["learned"])
    with pytest.raises(ValueError, match="did you mean 'masking'"):
        evaluate(random_model, ROWS, ["maskin"])
    found = evaluate(random_model, ROWS, ["permuted", "oracle"], of="entropy")
    assert list(found.left_out) == ["permuted", "oracle", *TRIVIAL, "probe"]
    assert found.left_out["oracle"].auroc.mean == 1.0
    assert [part_of(name) for name in ("permuted", "oracle", "entropy")] == ["control", "ceiling", "method"]


def test_without_labels_scorers_are_compared_alone(random_model: LanguageModel) -> None:
    bare = [Example(row.prompt, row.answer) for row in ROWS[:3]]
    found = evaluate(random_model, bare, ["entropy"])
    assert not found.left_out and "probe" in found.missing and "compared with each other alone" in found.notes[0]
    assert set(found.scorers) == {"entropy", *TRIVIAL}


def test_one_author_leaves_the_probe_out(random_model: LanguageModel) -> None:
    found = evaluate(random_model, ROWS[:2], ["entropy"])
    assert "two subjects or more" in found.missing["probe"] and "probe" not in found.left_out
    assert "probe" in evaluate(random_model, ROWS[:2], ["entropy"], groups=["a", "b"]).left_out


def test_marked_subjects_need_no_finding(model: LanguageModel) -> None:
    rows = embedded_rows("forget01")[:20]
    found = evaluate(model, [row.example for row in rows], ["masking"], groups=[row.author for row in rows])
    assert found.notes == () and found.left_out["masking"].auroc.mean > found.counted["masking"].auroc.mean


def test_words_pool_their_tokens(random_model: LanguageModel) -> None:
    rows = [row.example for row in embedded_rows("forget01")[:10]]
    tokens, words = (evaluate(random_model, rows, ["entropy"], words=words) for words in (None, "max"))
    # A novel word is novel in all its tokens: pooling changes nothing there.
    assert tokens.left_out["novel-word"] == words.left_out["novel-word"]
    assert tokens.left_out["entropy"] != words.left_out["entropy"]
    assert words.to_dict()["words"] == "max"


def test_no_rows_and_unfit_rows(random_model: LanguageModel) -> None:
    with pytest.raises(ValueError, match="no rows to evaluate"):
        evaluate(random_model, [])
    with pytest.raises(ValueError, match="None of the 1 rows can be scored.*at most 128"):
        evaluate(random_model, ROWS[5:])
    with pytest.raises(ValueError, match="1 groups for 6 rows"):
        evaluate(random_model, ROWS, groups=["a"])


# The shell -----------------------------------------------------------------------------------------------------------


def test_shell_on_third_party_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = tmp_path / "labels.jsonl"
    with labels.open("w", encoding="utf-8") as file:
        for row in ROWS[:5]:
            spans = [{"start": span.start, "end": span.end} for span in row.spans]
            file.write(json.dumps({"question": row.prompt, "answer": row.answer, "spans": spans}) + "\n")
    out = tmp_path / "evaluation.json"
    assert main(["evaluate", "--labels", str(labels), "--scorers", "entropy", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "5 rows, 3 measured, 1 nothing but facts, 1 without facts" in printed
    for name in ("entropy", *TRIVIAL, "probe"):
        assert f"\n{name} " in printed
    assert "above the diagonal Spearman" in printed
    record = json.loads(out.read_text(encoding="utf-8"))
    assert record["labels"] == str(labels)
    assert [scorer["name"] for scorer in record["scorers"]] == ["entropy", *TRIVIAL, "probe"]
    assert record["scorers"][0]["subject_left_out"]["auroc"]["n"] == 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--scorers", "entropi"], "did you mean 'entropy'"),
        (["--cut", "0"], "--cut is a top share"),
        (["--labels", "nowhere.jsonl"], "no file here"),
        (["--set", "temperatur=2"], "did you mean 'temperature'"),
        (["--set", "temperature"], "write NAME=VALUE"),
        (["--data", "forgot"], "did you mean 'forget'"),
    ],
)
def test_shell_faults_are_one_sentence(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", *arguments]) == 2
    printed = capsys.readouterr()
    assert told in printed.err and printed.err.count("\n") == 1 and not printed.out
