"""Work of seconds to minutes beside the page: in a thread of its own, while the page says how far it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from app.visit.models import Loading

POLL_SECONDS = 0.4
T = TypeVar("T")


def told(
    work: Callable[[Loading], T], loading: Loading, shown: Callable[[str], dict[Any, Any]]
) -> Generator[dict[Any, Any], None, T]:
    """Do the work; yields what is being done, some times a second, and returns what came of it.

    Args:
        shown: what the page shows of what is being done.

    Raises:
        ValueError: whatever went wrong; what is no sentence of ours is named by its kind alone.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def do() -> None:
        try:
            results.append(work(loading))
        except BaseException as error:  # noqa: B036 - whoever waits is told, whatever it is
            errors.append(error)

    worker = threading.Thread(target=do, daemon=True)
    worker.start()
    while worker.is_alive():
        worker.join(POLL_SECONDS)
        come = f", {loading.fetched / 1e6:,.0f} MB have come" if loading.fetched else ""
        yield shown(f"{loading.stage}{come}")
    if errors:
        error = errors[0]
        raise error if isinstance(error, ValueError) else ValueError(f"Loading failed: {type(error).__name__}.")
    return results[0]
