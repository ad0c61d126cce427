"""The job lines of `docs/large-models.md`: each goes through its file to a command that has these options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from attribution.__main__ import main as attribution_main
from tests.nodes import ROOT, job
from unlearn.__main__ import main as unlearn_main

PAGE = (ROOT / "docs" / "large-models.md").read_text(encoding="utf-8")
LINES = re.findall(r"\| `(sbatch .*?)` \|", PAGE)
JOBS = sorted((ROOT / "docs" / "jobs").iterdir())
HEADS = [line for path in JOBS for line in re.findall(r"^#   (sbatch .*)$", path.read_text(encoding="utf-8"), re.M)]
MAINS = {"attribution": attribution_main, "unlearn": unlearn_main}
SLURM = {
    "SLURM_ARRAY_TASK_ID": "3",
    "SLURM_ARRAY_TASK_MIN": "0",
    "SLURM_ARRAY_TASK_COUNT": "5",
    "SLURM_GPUS_ON_NODE": "8",
}


@pytest.mark.parametrize("line", [*LINES, *HEADS])
def test_a_job_line_is_a_command(line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(line)
    at = next(number for number, word in enumerate(words) if word.startswith("docs/jobs/"))
    # The first word of a job of seeds is where its files go.
    behind = [str(tmp_path / word) if word == "runs/" else word for word in words[at + 1 :]]
    said = job(Path(words[at]).name, *behind, folder=tmp_path / "slurm", python="echo", **SLURM)
    started = said.splitlines()
    assert len(started) == (2 if "--nodes" in words else 1), "a line for each node"
    for command in started:
        *launcher, words_there = command.split("-m ")
        program, *options = words_there.split()
        if "--nodes" in words:
            assert "8" in launcher[-1].split() or "16" in launcher[-1].split(), "every GPU of a node has a process"
        name = options[:1] if options and not options[0].startswith("-") else []
        assert MAINS[program]([*name, "--help"]) == 0
        known = capsys.readouterr().out
        assert all(re.search(rf"{word}\b", known) for word in options if word.startswith("--")), command


def test_every_job_file_is_named_on_the_page() -> None:
    assert all(path.name in PAGE for path in JOBS) and len(LINES) == 5
