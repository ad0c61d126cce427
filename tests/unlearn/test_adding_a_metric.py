"""`docs/adding-a-metric.md`, carried out to the letter."""

from __future__ import annotations

import re
from pathlib import Path

from unlearn import Corpus, evaluate
from unlearn.cli.evaluate import listing, table
from unlearn.metrics import METRICS, base

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "adding-a-metric.md").read_text(encoding="utf-8")


def test_one_decorated_function_is_enough(monkeypatch, tiny, small_corpus: Corpus) -> None:
    (function,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    for name in ("forget_answer_length", "retain_answer_length"):
        # Undone after the test, as an entry that was not there before.
        monkeypatch.setitem(METRICS, name, None)
        del METRICS[name]
    monkeypatch.setattr(base, "_MEASURES", list(base._MEASURES))
    exec(compile(function, "answer_length.py", "exec"), {"__name__": "answer_length"})

    monkeypatch.setattr(tiny, "generate", lambda prompts, *_: ["She was born in Torvik."] * len(prompts))
    found = evaluate(tiny, small_corpus, metrics=["memorisation"])
    lengths = [5 / len(row.example.answer.split()) for row in small_corpus.forget]
    assert found.values("forget", "answer_length") == lengths
    assert found.metrics["forget_answer_length"] == sum(lengths) / len(lengths)
    assert re.search(r"^forget_answer_length .* toward 1 +from 0 +\d+ rows$", table({"model": found}), re.MULTILINE)
    assert "retain_answer_length: toward 1, from 0 (share, n counts rows)" in listing()
