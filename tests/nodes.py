"""Two nodes on this machine: the job files of `docs/jobs` run as they are, with small stand-ins for Slurm."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

from scripts.serving import OFFLINE

ROOT = Path(__file__).resolve().parent.parent
STAND_INS = {
    # Both nodes are this one.
    "scontrol": "echo localhost; echo localhost",
    "srun": 'SLURM_NODEID=0 "$@" & first=$!; SLURM_NODEID=1 "$@" & second=$!; wait $first && wait $second',
    "python": 'exec "$FORGET_LENS_PYTHON" "$@"',
}


def job(name: str, *words: str, folder: Path, python: str = sys.executable, **variables: str) -> str:
    """What a job file writes to standard error and output, run with these words behind it.

    Args:
        folder: where the stand-ins may lie.
        python: the interpreter, or a program in its place.
        variables: of Slurm, such as the number of the task.
    """
    folder.mkdir(exist_ok=True)
    for program, text in STAND_INS.items():
        (folder / program).write_text(f"#!/usr/bin/env bash\n{text}\n", encoding="utf-8")
        (folder / program).chmod(0o755)
    # A machine with one GPU has none for a second process.
    environment = os.environ | OFFLINE | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    environment |= {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "FORGET_LENS_PYTHON": python}
    environment |= {"SLURM_NNODES": "2", "SLURM_JOB_NODELIST": "a[0-1]", "SLURM_JOB_ID": str(random.randrange(20000))}
    done = subprocess.run(
        ["bash", str(ROOT / "docs" / "jobs" / name), *words],
        cwd=ROOT,
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr
