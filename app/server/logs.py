"""Structured logs: one JSON object a line. What visitors type, upload or are answered is in none of them."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

FIELDS = ("method", "route", "status", "ms", "visitor", "visits", "model", "rows", "version", "commit", "seconds")
"""What a log line may carry beside its message: `log.info("...", extra={"status": 200})`."""


class JsonLines(logging.Formatter):
    """`{"time", "level", "logger", "event", ...}`, times in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
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
    """Let the loggers of this program write JSON lines to standard error, once."""
    for name in ("app", "unlearn", "attribution"):
        logger = logging.getLogger(name)
        logger.setLevel(level.upper())
        logger.propagate = False
        logger.handlers = [logging.StreamHandler(sys.stderr)]
        logger.handlers[0].setFormatter(JsonLines())
