"""The shell: `python -m unlearn` runs one unlearning pass, and the commands `fit`, `arms`, `evaluate`, `depth`,
`stress`, `compare`, `publish`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from attribution.cli import options
from unlearn.cli.arms import arms_command
from unlearn.cli.compare import compare_command
from unlearn.cli.depth import depth_command
from unlearn.cli.evaluate import evaluate_command
from unlearn.cli.publish import publish_command
from unlearn.cli.run import fit_command, run_command
from unlearn.cli.stress import stress_command

COMMANDS: dict[str, options.Command] = {
    "fit": fit_command,
    "arms": arms_command,
    "evaluate": evaluate_command,
    "depth": depth_command,
    "stress": stress_command,
    "compare": compare_command,
    "publish": publish_command,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the shell; returns the exit code. A fault of the input is one sentence on standard error, exit code 2."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    _quiet_the_libraries()
    return options.run(options.program(run_command, COMMANDS), arguments, "python -m unlearn")


def _quiet_the_libraries() -> None:
    """Their bars and retries bury our one sentence."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    for noisy in ("transformers", "httpx", "huggingface_hub", "datasets", "absl", "lm_eval"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


if __name__ == "__main__":
    sys.exit(main())
