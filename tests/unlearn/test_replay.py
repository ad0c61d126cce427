"""A replay: what a run leaves to be played again, and that whatever else such a file holds is one sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution import Example, LanguageModel, Rule
from unlearn import Corpus, RunConfig, run
from unlearn.__main__ import main
from unlearn.replay import MOST_BYTES, REPLAY_FILE, Recorder, Replay, read_replay

CONFIG = RunConfig(
    rule=Rule("entropy", "top", 0.3), steps=7, forget_batch=4, retain_batch=4, probe_every=2, by_hand="2:+0"
)


def recorded(model: LanguageModel, corpus: Corpus, config: RunConfig = CONFIG, row: int = 2) -> Replay:
    job = run(model, corpus, config)
    recorder = Recorder(job, row)
    for step in job:
        recorder.look(step)
    return recorder.replay()


@pytest.fixture(scope="module")
def played(knowing: LanguageModel, small_corpus: Corpus) -> Replay:
    return recorded(knowing, small_corpus)


@pytest.fixture(scope="module")
def record(played: Replay) -> dict[str, Any]:
    return json.loads(played.to_json())


def test_a_replay_has_the_run_as_it_was_and_comes_back_whole(played: Replay, knowing, small_corpus, tmp_path) -> None:
    assert [step for step, _ in played.samples] == [1, 5, 7]
    assert [point[0] for point in played.points] == [0, 1, 2, 4, 6, 7]
    assert played.points[0][2] == 1.0 and played.before == knowing.generate([small_corpus.forget[2].example.prompt])[0]
    assert (played.steps, played.of, played.rows, played.model) == (7, 7, "small", "tiny")
    assert list(played.scores) == ["entropy", "masking"] and "entropy" in played.settings["Trained on"]
    assert played.cut["active"] == "entropy" and played.cut["hand"] == "+0"
    assert read_replay(tmp_path) is None is read_replay(None)
    (tmp_path / REPLAY_FILE).write_text(played.to_json(), encoding="utf-8")
    assert read_replay(tmp_path) == played
    scores = played.scored(knowing)
    assert scores.columns == played.scores and scores.example == small_corpus.forget[2].example


def test_a_run_that_is_recorded_comes_to_the_weights_of_one_that_is_not(knowing, small_corpus) -> None:
    """The card names the command without --replay."""
    watched, alone = run(knowing, small_corpus, CONFIG), run(knowing, small_corpus, replace(CONFIG, probe_every=0))
    recorder = Recorder(watched, 0)
    for step in watched:
        recorder.look(step)
    assert len(list(alone)) == 7 and recorder.samples
    pairs = zip(watched.model.model.parameters(), alone.model.model.parameters(), strict=True)
    assert all(torch.equal(mine, other) for mine, other in pairs)


def test_a_stopped_run_ends_with_the_answer_of_its_last_step(knowing, small_corpus) -> None:
    job = run(knowing, small_corpus, CONFIG)
    recorder = Recorder(job, 0)
    for step in job:
        recorder.look(step)
        if step.number == 3:
            job.stop()
    made = recorder.replay()
    assert made.stopped and (made.steps, made.of) == (3, 7) and [step for step, _ in made.samples] == [1, 3]
    assert made.samples[-1][1] == job.model.generate([made.example.prompt])[0]
    assert Replay.from_json(made.to_json().encode()) == made


BROKEN: list[tuple[str, Any]] = [
    *((name, value) for name in ("model", "rows", "note") for value in (None, 1, ["a"], "x" * 2001, "\ud800")),
    *(("before", value) for value in (None, 0, {})),
    *(("settings", value) for value in (None, [], {"a": 1}, {str(k): "" for k in range(21)})),
    *(("version", value) for value in (None, 0, 2, "1", True)),
    *(("steps", value) for value in (None, -1, 8, 2.0, True, "2")),
    *(("of", value) for value in (0, 2001, 10**400, float("inf"))),
    *((name, value) for name in ("stopped", "warned") for value in (None, 0, "false")),
    *(
        ("samples", value)
        for value in (None, {}, [1], [[1]], [[1, 2]], [[8, "a"]], [[5, "a"], [1, "b"]], [[1, "a"]] * 2)
    ),
    *(("points", value) for value in ([[0, 0.5]], [[0, 1.5, 0]], [[0, float("nan"), 0]], [[0, True, 0]], [[-1, 0, 0]])),
    *(("scores", value) for value in (None, {}, {"entropy": [0.5]}, {"entropy": "abc"}, {"entropy": [[1]]})),
    *(("probability", value) for value in (None, [], [2.0], [None], ["1"])),
    *(("cut", value) for value in (None, {"active": "entropy"}, {"view": "lanes"}, {"a": {}, "b": 1})),
    *(("example", value) for value in (None, [], {}, {"prompt": "a", "answer": "b"})),
]


@pytest.mark.parametrize(("field", "value"), BROKEN)
def test_a_field_that_is_none_is_one_sentence(record: dict[str, Any], field: str, value: Any) -> None:
    data = json.dumps({**record, field: value}).encode()
    with pytest.raises(ValueError, match=f"^{REPLAY_FILE} is no replay .*: write it again with --replay.$") as found:
        Replay.from_json(data)
    assert len(str(found.value)) < 300


@pytest.mark.parametrize(
    "change",
    [
        {"answer": ""},
        {"prompt": None},
        {"subject": 3},
        {"id": []},
        {"spans": [[3, 1, "fact"]]},
        {"spans": [[0, 9999, "fact"]]},
        {"spans": [[0, 1, "<b>"]]},
        {"spans": [[0, True, "fact"]]},
        {"more": ""},
    ],
)
def test_a_row_that_is_none_is_one_sentence(record: dict[str, Any], change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is no replay"):
        Replay.from_json(json.dumps({**record, "example": {**record["example"], **change}}).encode())


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"version": 1}', b" " * (MOST_BYTES + 1), b"1" * 5000]
)
def test_bytes_that_are_no_replay_are_one_sentence(data: bytes) -> None:
    with pytest.raises(ValueError, match="is no replay"):
        Replay.from_json(data)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_value_of_any_field_is_taken_whole_or_refused(record: dict[str, Any], data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(sorted(record)))
    text = json.dumps({**record, field: data.draw(ANY)})
    try:
        found = Replay.from_json(text.encode())
    except ValueError as error:
        assert "is no replay" in str(error)
    else:
        assert Replay.from_json(found.to_json().encode()) == found


def test_numbers_of_other_tokens_or_beyond_a_scorer_are_refused(played: Replay, knowing: LanguageModel) -> None:
    longer = replace(played, example=Example("Who?", f"{played.example.answer} And so on.", id="forget:0"))
    with pytest.raises(ValueError, match="play it with the model that it was saved with"):
        longer.scored(knowing)
    n = len(played.probability)
    for name, value in (("entropy", -5.0), ("no-such-scorer", 0.5)):
        with pytest.raises(ValueError, match=name):
            replace(played, scores={name: (value,) * n}).scored(knowing)


def test_what_cannot_be_replayed_is_said_before_anything_is_trained(knowing, small_corpus, tmp_path, capsys) -> None:
    job = run(knowing, small_corpus, CONFIG)
    with pytest.raises(ValueError, match="no row 6 to replay: the rows to forget are forget:0 to forget:5"):
        Recorder(job, 6)
    plain = replace(small_corpus, forget=(replace(small_corpus.forget[0], example=Example("", "Ada was born. " * 9)),))
    with pytest.raises(ValueError, match="plain text and has no question"):
        Recorder(run(knowing, plain, replace(CONFIG, by_hand="")), 0)
    for more, said in (
        (["--replay", "retain:0"], "write a row to forget"),
        (["--replay", "forget:0"], "name its folder with --save"),
        (["--replay", "forget:0", "--save", str(tmp_path), "--checkpoint", str(tmp_path)], "leave --checkpoint out"),
    ):
        assert main(["--model", "none-such", *more]) == 2
        assert said in capsys.readouterr().err
