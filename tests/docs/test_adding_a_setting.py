"""`docs/adding-a-setting.md`, carried out to the letter on a copy of the packages: one field, and it is everywhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "adding-a-setting.md").read_text(encoding="utf-8")
SHOW = """
import inspect, json, sys
from types import SimpleNamespace
import test_clip
test_clip.test_the_gradient_is_clipped_where_it_is_said()

from attribution import load_model
from unlearn import RunConfig, load_corpus, run
from unlearn.__main__ import main
assert main(["--help"]) == 0
command = re.findall("python -m unlearn (.*)", PAGE)[1]
assert "forget01" in command
# A handful of rows in the place of forget01: what is asked before and after is not the point here.
arguments = command.replace("forget01", "rows").split()
assert main([*arguments, "--json", "run.json", "--save", "saved"]) == 0
with open("run.json", encoding="utf-8") as file:
    assert json.load(file)["config"]["clip"] == 0.5
with open("saved/README.md", encoding="utf-8") as file:
    assert "| Largest gradient | 0.5 | norm that the gradient of a step is clipped to |" in file.read()

import gradio as gr
from app.address import read_address
from app.api.unlearn import unlearn_endpoint
from app.rooms.unlearn.form import RunForm
from app.server.settings import Settings
from app.visit.run_config import form_config, form_values
with gr.Blocks():
    form = RunForm(300)
    form.build_choice()
    form.build_advanced()
assert isinstance(form.fields["clip"], gr.Number) and form.fields["clip"].value == 1.0
cut = {"scorer": "learned", "kind": "top", "cut": 0.3, "keep_given": False}
asked = read_address({"clip": "0.5"}, 36, 300)
assert form_config(asked.form, cut, Settings()).clip == 0.5
endpoint = unlearn_endpoint(None)
assert inspect.signature(endpoint).parameters["clip"].annotation == float | None
said = gr.utils.get_function_description(endpoint)[1]["clip"]
assert said == "norm that the gradient of a step is clipped to: above 0 [1].", said
"""


def test_one_field_is_enough(tmp_path: Path) -> None:
    field, read, its_test = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    for package in ("attribution", "unlearn", "app"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    (tmp_path / "test_clip.py").write_text(its_test, encoding="utf-8")
    (tmp_path / "rows").mkdir()
    for kind, name in (("forget", "Ada"), ("retain", "Bert")):
        row = {"question": f"Where was {name} born?", "answer": f"{name} was born in Torvik."}
        (tmp_path / "rows" / f"{kind}.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    _replace(tmp_path / "unlearn/run/config.py", "    seed: int = setting(\n", f"{field}    seed: int = setting(\n")
    _replace(tmp_path / "unlearn/run/loop.py", re.sub(r"config\.clip", "1.0", read), read)

    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    code = f"import re\nPAGE = {PAGE!r}\n{SHOW}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "--clip X" in done.stdout and "clipped to: above 0 [1]" in " ".join(done.stdout.split())


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path.name} has {old!r} {text.count(old)} times"
    path.write_text(text.replace(old, new), encoding="utf-8")
