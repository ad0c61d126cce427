"""Settings of the page, read from the environment; `docs/deploy.md` lists them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

PREFIX = "FORGET_LENS_"


@dataclass(frozen=True)
class Settings:
    """Limits that keep one machine usable for several visitors. Each is `FORGET_LENS_<NAME>` in the environment.

    Attributes:
        max_visits: visits held at once; the one unused for longest is dropped to make room.
        max_runs: finished runs a visit keeps, each a copy of the model; the oldest goes first.
        max_steps: optimiser steps of one run.
        max_characters: characters of a typed prompt and answer together.
        runs_at_once: runs that train at the same time; others wait in line.
        scores_at_once: rows scored at the same time.
    """

    max_visits: int = 32
    max_runs: int = 5
    max_steps: int = 300
    max_characters: int = 20_000
    runs_at_once: int = 1
    scores_at_once: int = 4

    def __post_init__(self) -> None:
        for entry in fields(self):
            if getattr(self, entry.name) < 1:
                raise ValueError(f"{PREFIX}{entry.name.upper()} must be at least 1, not {getattr(self, entry.name)}.")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """The settings that the environment names, defaults for the rest.

        Raises:
            ValueError: a setting is no whole number, or below 1; the message names it.
        """
        environment = os.environ if environment is None else environment
        given: dict[str, int] = {}
        for entry in fields(cls):
            text = environment.get(PREFIX + entry.name.upper(), "").strip()
            if not text:
                continue
            try:
                given[entry.name] = int(text)
            except ValueError:
                raise ValueError(f"{PREFIX}{entry.name.upper()} must be a whole number, not {text!r}.") from None
        return cls(**given)
