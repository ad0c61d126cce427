"""Serving the page: what `launch` is told, what `/health` says, and an orderly end."""

from __future__ import annotations

import logging
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import gradio as gr

from app.look.glossary import terms_script
from app.look.texts import TEXTS
from app.look.theme import FORGET_LENS
from app.server.gradio_side import GuardedApp
from app.server.guard import Guard
from app.server.logs import log_to_stderr
from app.server.memory import settle
from app.server.settings import Settings
from app.server.uploads import Uploads, remove_own_folder
from attribution.version import commit, stamp

log = logging.getLogger(__name__)


class Visits(Protocol):
    """What serving asks of the visits."""

    def __len__(self) -> int: ...

    @property
    def training(self) -> int:
        """How many visits hold a place for a run."""

    def arrived(self, session: str, address: str) -> None:
        """Told of every request that names its session."""

    def close(self, session: str) -> None:
        """End a visit, with its run."""

    def give_up(self, session: str) -> None:
        """End what a visit is doing: nobody waits for it."""

    def close_all(self) -> None:
        """End every visit, with its run."""


def launch_options(settings: Settings, visits: Visits) -> dict[str, Any]:
    """What `launch` is given: the look, the guard before every request, and none of Gradio's own doors."""
    look = Path(__file__).resolve().parents[1] / "look"
    style = "\n".join((look / f"{name}.css").read_text(encoding="utf-8") for name in ("page", "gallery"))
    names = ("page", "gallery", "lesson", "glossary", "modes")
    scripts = [(look / f"{name}.js").read_text(encoding="utf-8") for name in names]
    script = "\n".join([terms_script(), *scripts])
    health = Health(visits)

    def guard(app: Any, inside: GuardedApp) -> Guard:
        return Guard(app, inside, settings, health, visits)

    served = GuardedApp(guard, visits.give_up, visits.close, Uploads.within(settings))
    return {
        "theme": FORGET_LENS,
        "i18n": TEXTS,
        "head": f"<style>{style}</style><script>{script}</script>",
        "footer_links": ["api"],
        "ssr_mode": False,
        "run_history": False,
        "enable_monitoring": False,
        "share": False,
        "allowed_paths": [],
        # Uploads lie in Gradio's own folder; nothing beside them is ever handed out.
        "blocked_paths": [str(Path(__file__).resolve().parents[2])],
        "max_file_size": settings.max_upload_mb * 1024**2,
        # The sweep lets go of what pages hold, visit by visit: no bound of Gradio's, which knows no addresses.
        "state_session_capacity": 100 * settings.max_visits,
        "_app": served,
        "app_kwargs": {"lifespan": served.sweeping},
        "auth": settings.accounts,
        "mcp_server": settings.mcp,
        "root_path": settings.root_path or None,
    }


class Health:
    """What `/health` answers: that the page is there, and how much it holds."""

    def __init__(self, visits: Visits) -> None:
        self._visits = visits
        self._started = time.monotonic()

    def __call__(self) -> dict[str, Any]:
        return {
            "status": "ok",
            **stamp(),
            "seconds": round(time.monotonic() - self._started),
            "visits": len(self._visits),
            "training": self._visits.training,
            "memory_mb": memory_mb(),
            "peak_memory_mb": peak_memory_mb(),
        }


def memory_mb() -> int:
    """The memory that this process holds now, in megabytes; where the system does not say, the most it has held."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return peak_memory_mb()
    return round(pages * resource.getpagesize() / 1e6)


def peak_memory_mb() -> int:
    """The most memory that this process has held, in megabytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, kibibytes elsewhere.
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6)


def serve(page: gr.Blocks, settings: Settings, visits: Visits, begun: Callable[[], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; then every visit ends, with its run, and the server closes.

    What visits hold is in memory alone, so nothing is half written.

    Args:
        begun: called once the page can be opened.
    """
    log_to_stderr(settings.log_level)
    # The guard alone says which proxies are believed; the server's own default believes any on this machine.
    os.environ["FORWARDED_ALLOW_IPS"] = ""
    # Work on other threads hands over to the one that answers after a millisecond, not after five.
    sys.setswitchinterval(0.001)

    def end(number: int, frame: FrameType | None) -> None:
        log.info("stopping", extra={"visits": len(visits)})
        visits.close_all()
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    log.info("starting", extra={"version": stamp()["version"], "commit": commit()})
    page.launch(prevent_thread_lock=True, **launch_options(settings, visits))
    # The server has set up loggers of its own by now.
    log_to_stderr(settings.log_level)
    settle()
    begun()
    page.block_thread()
    visits.close_all()
    remove_own_folder()
    log.info("stopped")
    logging.shutdown()
    sys.stdout.flush()
    # Threads that are in the middle of native work would make the interpreter's own end an abort.
    os._exit(0)
