"""Input that nobody thought of: whatever is typed, sent or uploaded is answered, or refused in one sentence.

More than 2,000 generated cases, in the process. A case that raises anything but the refusal that its place allows
fails, and so does one that takes longer than `PATIENCE`; in the end the shared model is what it was.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import gradio as gr
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.api.compare import compare_endpoint
from app.api.score import score_endpoint
from app.api.unlearn import forget_row, unlearn_endpoint
from app.server.settings import Settings
from app.visit.run_config import cut_wishes
from app.visit.studio import Studio
from app.visit.visits import Visits
from attribution import TokenScores
from attribution.__main__ import main as score_shell
from attribution.data.records import file_records
from attribution.data.rows import pick_examples, row_of
from attribution.scores import from_json
from unlearn import load_corpus
from unlearn.__main__ import main as unlearn_shell
from unlearn.presets import PRESETS
from unlearn.wishes import run_config

PATIENCE = timedelta(seconds=10)
ODD = (
    *(
        "",
        " ",
        "\0",
        "\ud83d",
        "👩‍👩‍👧‍👦",
        "مرحبا",
        "ไทย",
        "a\u0301" * 9,
        "\u202e",
        "\ufeff",
        "\u2028",
        "\r\n",
        "²",
        "٣",
    ),
    *(
        "{prompt}",
        "<|endoftext|>",
        "%s%n",
        "../../x",
        "/etc/passwd",
        "forget:0",
        "nan",
        "-1",
        "1e999",
        "__class__",
        "true",
    ),
)
text = (
    st.text(max_size=40)
    | st.sampled_from(ODD)
    | st.builds(lambda a, n: a * n, st.sampled_from(ODD), st.integers(1, 60))
)
# What no system takes as a variable's value is left out: a null, half a character.
environment_text = text.map(lambda value: "".join(c for c in value if c != "\0" and not "\ud800" <= c <= "\udfff"))
number = st.floats() | st.integers() | st.sampled_from((0, -1, 1e308, float("nan"), float("inf")))
NUMBERS = ("steps", "learning_rate", "alpha", "gamma", "beta", "score_every", "lora", "until_recall", "seed")
anything = st.recursive(
    st.none() | st.booleans() | number | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)


def cases(count: int) -> settings:
    return settings(max_examples=count, deadline=PATIENCE, print_blob=True)


@contextlib.contextmanager
def refused() -> Iterator[None]:
    """A refusal is one sentence for a person."""
    try:
        yield
    except (ValueError, gr.Error) as error:
        said = str(error)
        assert said.strip() and "Traceback" not in said and len(said) < 5_000


def score_of(studio: Studio) -> Callable[..., dict[str, Any]]:
    """`/score` as a caller without a session has it."""
    return partial(score_endpoint(Visits(studio)), SimpleNamespace(session_hash=None))


def digest(model: Any) -> str:
    found = hashlib.sha256()
    for weights in model.model.state_dict().values():
        found.update(weights.numpy().tobytes())
    return found.hexdigest()


@pytest.fixture(scope="module")
def studio(model) -> Iterator[Studio]:
    before = digest(model)
    made = Studio(Settings(max_steps=2, max_characters=2_000), model)
    made.corpus = replace(made.corpus, forget=made.corpus.forget[:4])
    yield made
    assert digest(model) == before, "some input changed the shared model"


@cases(150)
@given(
    row=text, prompt=text, answer=text, scorers=text | st.just("entropy"), scope=text | st.just("subject"), subject=text
)
@example("", "", "a" * 1_999, "entropy", "subject", "")
@example("", "p" * 5_000, "a", "entropy", "subject", "")
@example("forget:" + "9" * 5_000, "", "", "entropy", "subject", "")
def test_score(studio: Studio, row: str, prompt: str, answer: str, scorers: str, scope: str, subject: str) -> None:
    with refused():
        said = score_of(studio)(row, prompt, answer, scorers, scope, subject)
        (scored,) = said["examples"]
        # Of plain text, what stands in its first window is read and not scored.
        assert scored["answer"].endswith("".join(token["text"] for token in scored["tokens"]))
        json.dumps(said, allow_nan=False)


@cases(15)
@given(prompt=st.text(max_size=12) | st.sampled_from(ODD), answer=st.text(max_size=12) | st.sampled_from(ODD))
def test_typed_text_is_scored_by_the_default_scorers(studio: Studio, prompt: str, answer: str) -> None:
    with refused():
        said = score_of(studio)("", prompt, answer)
        json.dumps(said, allow_nan=False)


@cases(200)
@given(anything, text | st.sampled_from(("hard", "soft", "sequence")), anything)
@example({"scorer": "entropy", "kind": "top", "cut": "0.3"}, "hard", 1)
@example({"scorer": ["entropy"]}, "hard", 1)
@example({"scorer": "entropy", "cut": None}, "hard", 1)
@example({"scorer": "entropy", "kind": []}, "soft", "x")
def test_a_rule_from_the_browser(rule: Any, strategy: str, temperature: Any) -> None:
    with refused():
        made = run_config("", cut_wishes(rule, strategy, temperature)).rule
        assert made.kind in ("top", "threshold", "soft", "sequence")


@cases(150)
@given(
    st.fixed_dictionaries(
        {},
        optional={"scorer": anything, "kind": anything, "cut": anything, "keep_given": anything, "more": anything},
    ),
    st.sampled_from(("hard", "soft", "sequence")),
)
def test_a_rule_with_the_right_names(rule: Any, strategy: str) -> None:
    with refused():
        run_config("", cut_wishes(rule, strategy, 0.3))


@cases(150)
@given(
    text | st.sampled_from([*PRESETS]),
    text | st.just("wga") | st.none(),
    st.fixed_dictionaries({}, optional=dict.fromkeys(NUMBERS, number | st.none())),
    st.fixed_dictionaries({}, optional=dict.fromkeys(("retain", "normaliser"), text | st.none())),
)
def test_a_config(name: str, objective: str | None, numbers: dict[str, Any], names: dict[str, Any]) -> None:
    wishes = {"scorer": "entropy", "strategy": "hard", "objective": objective, **numbers, **names}
    with refused():
        config = run_config(name, wishes, Settings().max_steps)
        assert 1 <= config.steps <= Settings().max_steps and config.learning_rate > 0


@cases(60)
@given(
    scorer=text,
    strategy=text | st.just("hard"),
    top=number,
    threshold=number | st.none(),
    objective=text | st.just("wga"),
    steps=st.integers(-5, 10**9),
    rate=number,
    row=text,
    preset=text | st.just(""),
    alpha=number | st.none(),
    lora=number | st.none(),
    until_recall=number | st.none(),
)
def test_unlearn_refuses_before_it_trains(studio: Studio, row: str, rate: Any, objective: str, **wishes: Any) -> None:
    run = unlearn_endpoint(Visits(studio))
    with refused():
        # Not run to its end: the first state of a run that was let in is enough here.
        next(run(SimpleNamespace(session_hash=None), objective=objective, learning_rate=rate, row=row, **wishes), None)


@cases(60)
@given(split=text, limit=st.integers(), offset=st.integers())
def test_compare_refuses_what_is_none(studio: Studio, split: str, limit: int, offset: int) -> None:
    compare = compare_endpoint(Visits(studio))
    with pytest.raises(gr.Error):
        compare(SimpleNamespace(session_hash=None), f"no {split}", limit, offset)


@cases(200)
@given(text | st.from_regex(r"[a-z]{1,7}:\d{1,9}(-\d{1,9})?", fullmatch=True))
@example("forget:٣")
@example("forget:²")
@example("forget:" + "9" * 5_000)
def test_names_of_rows(studio: Studio, name: str) -> None:
    with refused():
        assert len(pick_examples(name)) >= 1
    with refused():
        assert 0 <= forget_row(studio, name) < 400


fields = ("question", "answer", "text", "spans", "paraphrased_question", "perturbed_answer", "author", "id", "prompt")


@cases(300)
@given(st.dictionaries(st.sampled_from(fields), anything, max_size=6))
@example({"question": "a", "answer": "b", "spans": [{"start": "x", "end": 1}]})
@example({"question": "a", "answer": "b", "spans": [{"start": float("inf"), "end": 1}]})
@example({"question": "a", "answer": "b", "spans": 5})
def test_any_record_is_a_row_or_a_sentence(record: dict[str, Any]) -> None:
    with refused():
        assert row_of(record, "Line 1", "x").example.answer.strip()


@cases(400)
@given(
    st.sampled_from((".jsonl", ".json", ".csv", ".parquet")),
    st.binary(max_size=300)
    | text.map(lambda t: t.encode("utf-8", "surrogatepass"))
    | anything.map(lambda v: json.dumps(v).encode()),
)
@example(".json", b"[" * 20_000)
@example(".jsonl", b"[" * 20_000)
@example(".jsonl", b'{"a": ' * 20_000)
@example(".json", b"[1" + b"0" * 5_000 + b"]")
@example(".csv", b'"' + b"x" * 200_000)
@example(".csv", b"a,a\n1,2\n")
@example(".csv", b"\0,\0\n1,2")
@example(".parquet", b"PAR1" + b"\0" * 40 + b"PAR1")
def test_any_bytes_in_any_file(tmp_path_factory: pytest.TempPathFactory, kind: str, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / f"any{kind}"
    path.write_bytes(content)
    with refused():
        records = file_records(path)
        assert len(list(records.read())) == records.count
    with refused():
        load_corpus(str(path), str(path))


@cases(150)
@given(anything | st.fixed_dictionaries({"model": text, "examples": st.lists(anything, max_size=2)}))
def test_any_json_of_scores(content: Any) -> None:
    with refused():
        assert all(isinstance(row, TokenScores) for row in from_json(json.dumps(content)))


@cases(150)
@given(st.dictionaries(st.sampled_from(Settings.variables()), environment_text, max_size=4))
def test_any_setting(environment: dict[str, str]) -> None:
    with refused():
        with mock.patch.dict(os.environ, environment, clear=True):
            Settings.from_environment()


words = (
    st.sampled_from(
        (
            "--example",
            "--prompt",
            "--answer",
            "--scorers",
            "--set",
            "--model",
            "--format",
            "--template",
            "score-dataset",
        )
    )
    | text
)


@cases(120)
@given(st.lists(words, max_size=4))
@example(["--prompt", "a", "--answer", "\ud83d", "--scorers", "entropy"])
@example(["--example", "forget:0", "--scorers", "entropy", "--set", "mask_batch=nan"])
def test_the_scoring_shell(arguments: list[str]) -> None:
    run_shell(score_shell, arguments)


@cases(80)
@given(
    st.lists(
        st.sampled_from(("--forget", "--steps", "--objective", "--top", "--model", "stress", "evaluate")) | text,
        min_size=1,
        max_size=4,
    )
)
@example(["--forget", "/etc/passwd"])
@example(["--forget", "\0"])
def test_the_unlearning_shell(arguments: list[str]) -> None:
    # An unknown option at the end: nothing here may start a run.
    run_shell(unlearn_shell, [*arguments, "--steps", "none"])


def run_shell(main: Any, arguments: list[str]) -> None:
    out, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        try:
            code = main(arguments)
        except SystemExit as end:
            code = end.code
    assert code in (0, 2) and "Traceback" not in said.getvalue()


def test_sizes(studio: Studio, tmp_path: Path) -> None:
    with pytest.raises(gr.Error, match="takes at most 2,000"):
        score_of(studio)("", "", "x" * 10_000_000)
    wide = tmp_path / "wide.csv"
    wide.write_text(",".join(f"c{i}" for i in range(20_000)) + "\n" + ",".join("1" * 20_000))
    with pytest.raises(ValueError, match="name the question"):
        load_corpus(str(wide), str(wide))
