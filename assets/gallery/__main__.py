"""Make the gallery's runs: python -m assets.gallery [NAME ...]

Without a name, all of them: minutes for those of the embedded model, and some more for those of a real one (`make real`
brings it). One thread, so that they come out alike whatever the machine has cores.
"""

from __future__ import annotations

import argparse
import sys
import time

import torch

from assets.gallery.make import make
from assets.gallery.prepared import path_of
from assets.gallery.runs import RUNS, wanted
from attribution.files import write_atomically


def main(arguments: list[str] | None = None) -> int:
    """Make those that are named. 1 when a name is none or a run cannot be made."""
    parser = argparse.ArgumentParser(prog="python -m assets.gallery", description="Make the gallery's prepared runs.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(run.name for run in RUNS)}")
    names = parser.parse_args(arguments).names or [run.name for run in RUNS]
    torch.set_num_threads(1)
    try:
        for name in names:
            begun = time.monotonic()
            prepared = make(wanted(name), print)
            with write_atomically(path_of(name)) as unfinished:
                unfinished.write_text(prepared.to_json(), encoding="utf-8")
            size = path_of(name).stat().st_size
            print(f"{path_of(name).name}: {size:,} bytes, {time.monotonic() - begun:.0f} s; {prepared.replay.note}")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
