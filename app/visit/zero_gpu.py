"""On a Space with ZeroGPU: a run is prepared, trained and asked in one call of a worker that has the GPU.

The package `spaces`, which such a Space brings, forks the worker for a call and takes the GPU away after it; what goes
in and out is pickled. Nothing else on the page asks for the GPU.
"""

from __future__ import annotations

import math

from attribution.model.loading import ON_ZERO_GPU
from unlearn import Run
from unlearn.run.remote import Call, Order, RemoteRun, work

# Moving the weights there, scoring every row, and the answers before the result comes back.
EXTRA_SECONDS = 30
AnyRun = Run | RemoteRun


def duration(order: Order) -> int:
    """Seconds that the worker may take: the estimate, and what comes before and after the steps."""
    return EXTRA_SECONDS + math.ceil(order.expected)


def worker(on_zero_gpu: bool = ON_ZERO_GPU) -> Call | None:
    """`work` as a call of a process with a GPU; None where there is no ZeroGPU."""
    if not on_zero_gpu:
        return None
    import spaces

    return spaces.GPU(work, duration=duration)


# Made when the page starts: such a Space refuses to start without a function that wants the GPU.
WORKER = worker()
