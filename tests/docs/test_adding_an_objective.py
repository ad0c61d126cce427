"""`docs/adding-an-objective.md`, carried out to the letter on a copy of the package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "adding-an-objective.md").read_text(encoding="utf-8")
SHOW = """
import test_hard_stop
test_hard_stop.test_by_hand()
from unlearn.__main__ import main
arguments = re.findall("python -m unlearn (.*)", PAGE)[0].split()
row = {"question": "Who wrote it?", "answer": "Ada Quell wrote it."}
for name in ("forget", "retain"):
    with open(name + ".jsonl", "w", encoding="utf-8") as file:
        file.write(json.dumps(row | {"question": f"Who wrote the {name} book?"}))
arguments += ["--forget", "forget.jsonl", "--retain", "retain.jsonl"]
assert main([*arguments, "--steps", "2", "--json", "run.json"]) == 0
with open("run.json", encoding="utf-8") as file:
    config = json.load(file)["config"]
assert (config["objective"], config["beta"]) == ("hardstop", 0.05)
"""


def test_one_decorated_function_is_enough(tmp_path: Path) -> None:
    function, its_test = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (name,) = re.findall(r"file `(\w+)\.py` in `unlearn/objectives/`", PAGE)
    for package in ("attribution", "unlearn"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    (tmp_path / f"unlearn/objectives/{name}.py").write_text(function, encoding="utf-8")
    (tmp_path / f"test_{name}.py").write_text(its_test, encoding="utf-8")

    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    code = f"import json, re\nPAGE = {PAGE!r}\n{SHOW}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-2000:]
