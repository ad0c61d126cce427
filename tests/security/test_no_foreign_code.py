"""Nothing that comes with a model or a data set is ever run."""

from __future__ import annotations

import ast
import json
import os
import pickle
from pathlib import Path

import pytest

from attribution import load_model
from attribution.data.records import file_records

ROOT = Path(__file__).resolve().parents[2]
RUNS_OR_UNPICKLES = {"eval", "exec", "compile", "__import__"}
MODULES = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal"}


def test_no_source_unpickles_evaluates_or_trusts_remote_code() -> None:
    for package in ("app", "attribution", "unlearn", "assets"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                    assert not MODULES & {name.split(".")[0] for name in names}, where
                if isinstance(node, ast.Call):
                    called = getattr(node.func, "id", "")
                    assert called not in RUNS_OR_UNPICKLES, where
                    loads = isinstance(node.func, ast.Attribute) and ast.unparse(node.func) == "torch.load"
                    assert not loads, where
                    for word in node.keywords:
                        if word.arg == "trust_remote_code":
                            assert isinstance(word.value, ast.Constant) and word.value.value is False, where
                        if word.arg == "allow_pickle":
                            assert isinstance(word.value, ast.Constant) and word.value.value is False, where


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "was-run"


def test_pickled_weights_are_refused_unread(tmp_path: Path, marker: Path) -> None:
    folder = copied(tmp_path)
    (folder / "model.safetensors").unlink()
    for name in ("pytorch_model.bin", "model.pt", "training_args.bin"):
        (folder / name).write_bytes(pickle.dumps(Trap(marker)))
    with pytest.raises(ValueError, match="could not be loaded"):
        load_model(str(folder))
    # The trap works: the test would notice if the file had been read.
    assert not marker.exists()
    pickle.loads((folder / "pytorch_model.bin").read_bytes())
    assert marker.exists()


def test_a_repositorys_own_code_is_not_run(tmp_path: Path, marker: Path) -> None:
    folder = copied(tmp_path)
    code = f"import os\nos.mkdir({str(marker)!r})\n"
    for name in ("modeling_own.py", "configuration_own.py", "tokenization_own.py"):
        (folder / name).write_text(code)
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "own",
        "auto_map": {"AutoConfig": "configuration_own.Own", "AutoModelForCausalLM": "modeling_own.Own"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="could not be loaded"):
        load_model(str(folder))
    assert not marker.exists()


def test_a_pickle_is_no_data(tmp_path: Path, marker: Path) -> None:
    for name in ("rows.pkl", "rows.json", "rows.csv", "rows.parquet"):
        path = tmp_path / name
        path.write_bytes(pickle.dumps(Trap(marker)))
        with pytest.raises(ValueError):
            list(file_records(path).read())
    assert not marker.exists()


def copied(tmp_path: Path) -> Path:
    """The embedded model's folder, its large file linked."""
    source, folder = ROOT / "assets" / "fictional_authors" / "full", tmp_path / "model"
    folder.mkdir()
    for path in source.iterdir():
        if path.suffix == ".safetensors":
            (folder / path.name).symlink_to(path)
        else:
            (folder / path.name).write_bytes(path.read_bytes())
    return folder
