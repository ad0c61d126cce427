"""Tokens put in and taken out by hand: the run trains them, says so, and follows them wherever it goes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from attribution import Rule, by_hand, score, select
from unlearn import RunConfig, run
from unlearn.__main__ import main
from unlearn.arms import parse_arms
from unlearn.run.hand import rows_by_hand

RULE = Rule("entropy", "top", 0.3)


def config(edits: str, **changes) -> RunConfig:
    usual = {"rule": RULE, "steps": 2, "forget_batch": 6, "retain_batch": 2, "probe_every": 0, "learning_rate": 0.01}
    return RunConfig(by_hand=edits, **(usual | changes))


def test_edits_are_written_in_one_way():
    assert config(" 3: -2 +0;1:+4 ; 5: ;").by_hand == "1:+4; 3:+0-2"
    assert config("3:+0-2; 1:+4") == config("1:+4;3:-2+0")
    assert rows_by_hand("1:+4; 3:+0-2") == {1: "+4", 3: "+0-2"} and RunConfig().by_hand == ""


@pytest.mark.parametrize(
    ("edits", "changes", "told"),
    [
        ("+4", {}, "write a row's number, a colon and its tokens"),
        ("1:+4; 1:-2", {}, "name row 1 twice"),
        ("1:4", {}, "such as"),
        ("1:+4", {"rule": Rule("entropy", "sequence")}, "The whole sequence takes every token"),
        ("1:+4", {"rule": Rule("learned", "raw"), "learn": "alternate"}, "learns its scorer"),
    ],
)
def test_edits_that_no_run_can_have(edits, changes, told):
    with pytest.raises(ValueError, match=told):
        config(edits, **changes)


def test_edits_that_these_rows_cannot_have(tiny, small_corpus):
    count = len(tiny.encode(small_corpus.forget[2].example).tokens)
    whole = "".join(f"-{token}" for token in range(count))
    for edits, told in (
        ("6:+0", "name row 6, and there are 6 rows to forget: count from 0 to 5"),
        (f"2:+{count}", rf"^Row 2 to forget: The edits \+{count} name token {count}"),
        (f"2:{whole}", "^Row 2 to forget: The edits .* leave no token"),
    ):
        with pytest.raises(ValueError, match=told):
            run(tiny, small_corpus, config(edits))


@pytest.mark.parametrize("rule", [RULE, Rule("entropy", "soft", 0.5)], ids=lambda rule: rule.kind)
@pytest.mark.parametrize("every", [0, 1])
def test_the_run_trains_the_edited_selection_of_that_row_alone(tiny, small_corpus, rule, every):
    job = run(tiny, small_corpus, config("1:+0-5", rule=rule, score_every=every))
    next(steps := iter(job))
    # With the scores that the next step is made of.
    scores = score(job.model if every else tiny, [row.example for row in small_corpus.forget], ("entropy",))
    next(steps)
    for row, (found, target) in enumerate(zip(job.selections, job.targets, strict=True)):
        wanted = by_hand(select(scores[row], rule), "+0-5" if row == 1 else "")
        assert found.weights == pytest.approx(wanted.weights, rel=1e-4) and found.hand == wanted.hand
        assert target.weights.tolist()[: len(found.weights)] == pytest.approx(list(found.weights))
    assert job.selections[1].weights[0] > 0 == job.selections[1].weights[5]


def test_another_edit_is_another_run(tiny, small_corpus, tmp_path):
    first = run(tiny, small_corpus, config("1:+0-5"))
    first.keep(tmp_path, every=1)
    next(iter(first))
    with pytest.raises(ValueError, match=r"another run \(by_hand differs\)"):
        (other := run(tiny, small_corpus, config("1:+0"))).keep(tmp_path)
        next(iter(other))
    again = run(tiny, small_corpus, config("1:-5+0"))
    again.keep(tmp_path)
    assert [step.number for step in again] == [2] and again.selections == first.selections


def test_the_complement_takes_what_the_edits_leave_out_and_other_controls_have_none():
    arms = {arm.name: arm.config for arm in parse_arms(["others", "random", "sequence"], "entropy+by_hand=3:+4-9")}
    assert arms["entropy+by_hand=3:+4-9"].by_hand == "3:+4-9" and arms["others"].by_hand == "3:-4+9"
    assert arms["random"].by_hand == arms["sequence"].by_hand == ""
    assert arms["random"] == replace(arms["entropy+by_hand=3:+4-9"], rule=Rule("random", "top", 0.3), by_hand="")


def test_the_shell_shows_the_rows_by_the_numbers_it_takes(rows, capsys):
    assert main(["--forget", rows, "--show"]) == 0
    assert "1: Where was Ada 1 born?\n    Ada was born" in capsys.readouterr().out
    assert main(["--forget", rows, "--scorer", "entropy", "--by-hand", "2:+0"]) == 2
    assert "name row 2, and there are 2 rows to forget" in capsys.readouterr().err
