"""Structured logs: one JSON object a line. What visitors type, upload or are answered is in none of them."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

FIELDS = ("method", "route", "status", "ms", "visitor", "visits", "model", "rows", "version", "commit", "seconds")
"""What a log line may carry beside its message: `log.info("...", extra={"status": 200})`."""

OURS = ("app", "unlearn", "attribution")
# They bring handlers of their own, which would print what went wrong in the server with its words.
SERVERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio", "gradio", "mcp", "transformers", "httpx")


class JsonLines(logging.Formatter):
    """`{"time", "level", "logger", "event", ...}`, times in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            # The words of other packages may quote what a visitor sent.
            "event": record.getMessage() if record.name.split(".")[0] in OURS else "said something",
        }
        line |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info and record.exc_info[0] is not None:
            # The kind and the place; an exception's own words may quote what a visitor typed.
            trace, place = record.exc_info[2], ""
            while trace is not None:
                place, trace = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}", trace.tb_next
            line |= {"fault": record.exc_info[0].__name__, "at": place}
        return json.dumps(line)


def log_to_stderr(level: str) -> None:
    """Let every logger write JSON lines to standard error, once; those of other packages from warnings on."""
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(JsonLines())
    for name in OURS:
        logger = logging.getLogger(name)
        logger.setLevel(level.upper())
        logger.propagate = False
        logger.handlers = [lines]
    logging.captureWarnings(True)
    for logger in (logging.getLogger(), *(logging.getLogger(name) for name in SERVERS)):
        logger.setLevel(logging.WARNING)
        logger.handlers = [lines] if logger is logging.root else []
        logger.propagate = True
