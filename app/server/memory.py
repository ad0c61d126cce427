"""Memory that was freed goes back to the system, and looking for it stops nobody."""

from __future__ import annotations

import ctypes
import gc
import sys
from functools import cache
from typing import Any

HEAPS = 2
_MOST_HEAPS = -8
"""The C library's own number for it."""


@cache
def _library(name: str) -> Any:
    # Only the C library of most Linuxes has these, and only that one needs them.
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None


def few_heaps() -> None:
    """Have the C library keep two heaps instead of one for every thread, each with what was freed in it.

    Said before there are threads. Our threads wait for each other anyway, and share what they free: a tenth less memory
    at most, with four rows scored beside a run.
    """
    option = _library("mallopt")
    if option is not None:
        option(_MOST_HEAPS, HEAPS)


def give_back() -> None:
    """Have the C library hand back what it holds and nobody uses.

    It keeps freed memory for each thread that allocated any, for as long as the program runs: after a run and its
    answers hundreds of megabytes. This takes some milliseconds, and what is needed again is had again.
    """
    trim = _library("malloc_trim")
    if trim is not None:
        trim(0)


def settle() -> None:
    """What is there now stays: the search for objects that hold each other leaves it out from here on.

    Python stops every thread for that search, and here it went through 650,000 objects of the page and its libraries:
    0.4 s of everybody's time whenever one visitor's file or score was made of many small parts.
    """
    gc.collect()
    gc.freeze()
