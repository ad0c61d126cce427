"""Uploaded files: in a folder of this process alone, within bounds, and gone with the visits that brought them."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.server.settings import Settings

FORM_BYTES = 64 * 1024
KEPT_SECONDS = 600.0
"""How long a file lies that was uploaded and never asked for."""
VARIABLE = "GRADIO_TEMP_DIR"


def own_folder() -> Path:
    """Make the folder where Gradio puts what is uploaded, and remove those of processes that have ended.

    Called before anything of the page is made: Gradio's components read the variable then.
    """
    every = Path(tempfile.gettempdir()) / "forget-lens-uploads"
    every.mkdir(mode=0o700, exist_ok=True)
    here = socket.gethostname()
    for folder in every.glob(f"{here}-*"):
        number = folder.name.rpartition("-")[2]
        if number == str(os.getpid()) or not (number.isdigit() and _runs(int(number))):
            shutil.rmtree(folder, ignore_errors=True)
    folder = every / f"{here}-{os.getpid()}"
    folder.mkdir(mode=0o700)
    os.environ[VARIABLE] = str(folder)
    return folder


def remove_own_folder() -> None:
    """Leave nothing of what was uploaded."""
    folder = Path(os.environ.get(VARIABLE, ""))
    if folder.parent.name == "forget-lens-uploads":
        shutil.rmtree(folder, ignore_errors=True)


def _runs(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@dataclass
class _File:
    address: str
    size: int
    at: float
    waiting: int = 0
    holders: set[str] = field(default_factory=set)


class Uploads:
    """What lies on the disk, by file: from where it came, and whose it is. Used on the server's event loop alone.

    Args:
        each: bytes that one address may have lying there; `total`: all of them.
        clock: seconds; a test brings its own.
    """

    def __init__(self, each: int, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._each, self._total = each, total
        self._clock = clock
        self._files: dict[str, _File] = {}
        self._coming: Counter[str] = Counter()

    @classmethod
    def within(cls, settings: Settings) -> Uploads:
        """The bounds that a host sets: a fifth for one address, but always one file of the largest size."""
        file, total = (megabytes * 1024**2 for megabytes in (settings.max_upload_mb, settings.uploads_mb))
        # The form around a file takes a little room of its own.
        return cls(max(total // 5, file) + FORM_BYTES, total + FORM_BYTES)

    def refusal(self, address: str, size: int) -> str:
        """Why an address may not upload so many bytes now; empty when it may. What is on its way counts as if here."""
        held = self._coming.copy()
        for file in self._files.values():
            held[file.address] += file.size
        if held[address] + size > self._each:
            return (
                f"Your files fill what one address may have here ({self._each // 1024**2:,} MB): close a tab that has "
                "some, or try again in some minutes."
            )
        if held.total() + size > self._total:
            return (
                f"The files of all visitors fill what this server keeps ({self._total // 1024**2:,} MB): try again in "
                "some minutes."
            )
        return ""

    @contextmanager
    def coming(self, address: str, size: int) -> Iterator[None]:
        """So many bytes are on their way."""
        self._coming[address] += size
        try:
            yield
        finally:
            self._coming[address] -= size
            if not self._coming[address]:
                del self._coming[address]

    def add(self, path: str, address: str) -> None:
        """A file has come. The same file of another visitor lies at the same place."""
        try:
            size = os.path.getsize(path)
        except OSError:
            return
        file = self._files.setdefault(path, _File(address, size, self._clock()))
        file.at = self._clock()
        file.waiting += 1

    def claim(self, paths: Iterable[str], session: str) -> None:
        """A session asks for files: they go with its visit."""
        for path in paths:
            if (file := self._files.get(path)) is not None and session not in file.holders:
                file.holders.add(session)
                file.waiting = max(0, file.waiting - 1)

    def leave(self, session: str) -> None:
        """A visit has ended."""
        for path, file in list(self._files.items()):
            if session in file.holders:
                file.holders.discard(session)
                self._drop(path, file)

    def sweep(self, ended: Callable[[str], bool]) -> None:
        """Remove what nobody has asked for, and what belonged to sessions that have ended."""
        now = self._clock()
        for path, file in list(self._files.items()):
            if now - file.at > KEPT_SECONDS:
                file.waiting = 0
            file.holders = {session for session in file.holders if not ended(session)}
            self._drop(path, file)

    def _drop(self, path: str, file: _File) -> None:
        if not file.holders and not file.waiting:
            del self._files[path]
            # Gradio gives every file a folder of its own, named by what is in it.
            shutil.rmtree(os.path.dirname(path), ignore_errors=True)
