"""What is installed fits together and lies within our ranges: as much of an audit as can be made without a network."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


def test_what_is_installed_lies_within_the_ranges_that_were_tried() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line and not line.startswith("#"):
            wanted = Requirement(line)
            assert wanted.specifier.contains(version(wanted.name), prereleases=True), line


def test_no_installed_package_misses_another() -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
