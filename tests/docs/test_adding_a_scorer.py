"""`docs/adding-a-scorer.md`, carried out to the letter on a copy of the package."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import typer

from attribution.__main__ import COMMANDS
from attribution.cli import options
from attribution.cli.scores import scores_command

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "adding-a-scorer.md").read_text(encoding="utf-8")
SHOW = """
from attribution.__main__ import main
assert main(["--list"]) == 0
assert main(["--example", "forget:0", "--scorers", "surprise", "--format", "json", "--out", "scores.json"]) == 0
import test_surprise
test_surprise.test_by_hand()
"""


def test_one_decorated_function_is_enough(tmp_path: Path) -> None:
    function, its_test = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (name,) = re.findall(r"file `(\w+)\.py` in `attribution/scorers/`", PAGE)
    file = tmp_path / "attribution" / "scorers" / f"{name}.py"
    shutil.copytree(ROOT / "attribution", tmp_path / "attribution", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    assert not file.exists()
    file.write_text(function, encoding="utf-8")
    (tmp_path / f"test_{name}.py").write_text(its_test, encoding="utf-8")

    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", SHOW], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.search(r"^surprise +signal +nats, from 0; high: the model did not expect it$", done.stdout, re.MULTILINE)
    (row,) = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))["examples"]
    assert len(row["scores"]["surprise"]) == len(row["tokens"]) and min(row["scores"]["surprise"]) >= 0


def test_the_shell_blocks_name_real_commands() -> None:
    commands = {"": scores_command, **COMMANDS}
    (block,) = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines():
        words = line.removeprefix("python -m attribution ").split()
        name = words.pop(0) if words[0] in COMMANDS else ""
        command = typer.main.get_command(options.program(commands[name]))
        assert command.make_context("attribution", words).params
