"""One atomic write, one fingerprint, one answer to what two results differ in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from attribution.files import before, differing, file_fingerprint, fingerprint, put_folder, write_atomically


def test_a_file_is_there_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    with write_atomically(path) as unfinished:
        unfinished.write_text("first", encoding="utf-8")
        assert not path.exists()
    with pytest.raises(RuntimeError), write_atomically(path) as unfinished:
        unfinished.write_text("half", encoding="utf-8")
        raise RuntimeError
    assert path.read_text(encoding="utf-8") == "first" and [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("failing", [1, 2])
def test_a_kill_between_the_renames_leaves_a_whole_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    folder, fresh = tmp_path / "kept", tmp_path / "kept.writing"
    for place, text in ((folder, "old"), (fresh, "new")):
        place.mkdir()
        (place / "state").write_text(text, encoding="utf-8")
    calls, replace = [], os.replace

    def die(source: Any, target: Any) -> None:
        calls.append(source)
        if len(calls) == failing:
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            put_folder(fresh, folder)
    left = folder if failing == 1 else before(folder)
    assert (left / "state").read_text(encoding="utf-8") == "old"
    put_folder(fresh, folder)
    assert (folder / "state").read_text(encoding="utf-8") == "new" and [*tmp_path.iterdir()] == [folder]


def test_a_fingerprint_is_that_of_the_values(tmp_path: Path) -> None:
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1}) != fingerprint({"a": 1, "b": [3]})
    # As sha256sum says it.
    path = tmp_path / "empty"
    path.write_bytes(b"")
    assert file_fingerprint(path) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert fingerprint({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_what_two_results_differ_in_is_named() -> None:
    made = {"rows": 4, "config": {"steps": 8, "rate": 1.0, "old": None}, "gone": 1}
    wanted = {"rows": 5, "config": {"steps": 8, "rate": 2.0}, "data": {"name": "a"}}
    assert differing(made, wanted) == ["rows", "config", "data", "gone"]
    assert differing(made, wanted, inside=["config"]) == ["rows", "rate", "old", "data", "gone"]
    assert differing(made, made) == []
