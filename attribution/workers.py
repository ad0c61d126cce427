"""Which of several processes this is: those of one launcher, on one machine or many, or the parts of a Slurm array."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from typer import Option

# Processes wait for the slowest one at the end, which may take as long as the whole run.
LONGEST_WAIT = timedelta(days=30)
Part = Annotated[
    str | None,
    Option(
        "--part",
        metavar="K/N",
        help="do this share of the work and no more, K from 0 to N - 1, as a task of a Slurm array; the part that ends "
        "last puts all together",
    ),
]


@dataclass(frozen=True)
class Workers:
    """Which of several processes this is.

    Attributes:
        rank: 0 to count - 1.
        count: number of processes.
        wait: returns when every process has called it.
        apart: whether each comes and goes at its own time and knows of the others by their files alone. Where they do
            not, rank 0 writes what they share.
        device: this process's own; None leaves the choice to `load_model`.
    """

    rank: int = 0
    count: int = 1
    wait: Callable[[], None] = lambda: None
    apart: bool = False
    device: str | None = None

    @property
    def leads(self) -> bool:
        """Whether this one writes what all share."""
        return self.apart or not self.rank

    @classmethod
    def started(cls, part: str | None = None) -> Workers:
        """This process among those that `accelerate launch` or `torchrun` started; a part where one is named.

        Args:
            part: `3/16`, the fourth of sixteen.

        Raises:
            ValueError: no such part, or a part under a launcher.
        """
        launched = int(os.environ.get("WORLD_SIZE", "1")) > 1
        if part is not None:
            if launched:
                raise ValueError("A launcher has shared the work already: leave --part out, or start without it.")
            found = re.fullmatch(r"(\d+)/(\d+)", part)
            if not found or int(found[1]) >= int(found[2]):
                raise ValueError(f"There is no part {part!r}: write K/N with K from 0 to N - 1, such as 0/16.")
            return cls(int(found[1]), int(found[2]), apart=True)
        if not launched:
            if "MASTER_ADDR" in os.environ and "RANK" not in os.environ:
                # What `accelerate launch --cpu --num_processes 2` does without MPI.
                sys.stderr.write(
                    "The launcher asked for several processes and started one: on CPUs use `torchrun --nproc_per_node "
                    "2 -m ...`, or `accelerate launch --multi_gpu`, which needs no GPU here.\n"
                )
            return cls()
        import torch
        from accelerate import PartialState

        state = PartialState(cpu=not torch.cuda.is_available(), timeout=LONGEST_WAIT)
        return cls(state.process_index, state.num_processes, state.wait_for_everyone, device=str(state.device))
