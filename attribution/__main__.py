"""The shell: `python -m attribution --example forget:0`, and the commands `matrix`, `evaluate` and
`score-dataset`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from attribution.cli import options
from attribution.cli.dataset import dataset_command
from attribution.cli.evaluate import evaluate_command
from attribution.cli.matrix import matrix_command
from attribution.cli.scores import scores_command

COMMANDS: dict[str, options.Command] = {
    "matrix": matrix_command,
    "evaluate": evaluate_command,
    "score-dataset": dataset_command,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the shell; returns the exit code. A fault of the input is one sentence on standard error, exit code 2."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    _quiet_the_libraries()
    return options.run(options.program(scores_command, COMMANDS), arguments, "python -m attribution")


def _quiet_the_libraries() -> None:
    """Their bars and retries bury our one sentence."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    for name in ("transformers", "huggingface_hub", "datasets"):
        logging.getLogger(name).setLevel(logging.ERROR)


if __name__ == "__main__":
    sys.exit(main())
