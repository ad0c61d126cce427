"""Settings of the page, read from the environment. `docs/deploy.md` has the same table; a test compares the two."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

PREFIX = "FORGET_LENS_"
CURATED, ANY = "curated", "any"
DATA_SOURCES = ("tofu", "wmdp", "rwku", "muse", "upload")
LEVELS = ("debug", "info", "warning", "error")
YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def _setting(default: Any, what: str) -> Any:
    return field(default=default, metadata={"what": what})


@dataclass(frozen=True)
class Settings:
    """What one machine grants its visitors. Each field is `FORGET_LENS_<NAME>` in the environment."""

    # How much of the machine a visitor may have.
    max_visits: int = _setting(64, "visits held at once; the one unused for longest makes room")
    max_runs: int = _setting(
        5, "finished runs a visit keeps, each a copy of the model; the latest may hold a second, to go back to"
    )
    max_steps: int = _setting(300, "optimiser steps of one run")
    run_seconds: int = _setting(900, "a run that trains for longer is stopped, and what there is is kept")
    max_characters: int = _setting(20_000, "characters of a typed prompt and answer together")
    max_tokens: int = _setting(4096, "tokens of one row, if the model's window is not shorter")
    runs_at_once: int = _setting(1, "runs that train at the same time; others wait in line")
    scores_at_once: int = _setting(4, "rows scored at the same time")
    max_waiting: int = _setting(200, "requests of one kind that wait in line; more are asked to come back")
    # Against floods.
    requests_per_minute: int = _setting(1200, "what one address may ask a minute; a class behind one router is one")
    max_request_kb: int = _setting(1024, "the size of one request, uploads aside")
    proxies: int = _setting(0, "proxies in front that write X-Forwarded-For; 1 on a Space unless told")
    # Models and data.
    models: tuple[str, ...] = _setting(
        (CURATED,), "models a visitor may load: `curated`, `any`, or names with `*`, such as `embedded,Qwen/*`"
    )
    model_folder: str = _setting("", "a folder whose model folders may be loaded; empty: none")
    max_model_gb: float = _setting(8.0, "memory that one loaded model may take, in gigabytes")
    models_gb: float = _setting(8.0, "memory for all loaded models; the one unused for longest leaves")
    data: tuple[str, ...] = _setting(DATA_SOURCES, "where rows may come from besides the embedded world")
    max_upload_mb: int = _setting(50, "the size of an uploaded file, in megabytes")
    max_rows: int = _setting(100_000, "rows taken of a file or a data set")
    run_rows: int = _setting(400, "rows of a kind that a run on rows of one's own uses; more are browsed alone")
    warm_up: bool = _setting(
        True, "whether the first visit starts the answers that every comparison needs, before one is asked for"
    )
    # Who may come in, and how.
    auth: tuple[str, ...] = _setting((), "`name:password` pairs, separated by commas; empty: anybody")
    mcp: bool = _setting(True, "whether the endpoints can be called as MCP tools")
    embed_in: tuple[str, ...] = _setting(
        ("https://huggingface.co", "https://*.hf.space"), "sites that may show the page in a frame of theirs"
    )
    root_path: str = _setting("", "the path under which a proxy serves the page, such as `/forget-lens`")
    log_level: str = _setting("info", "`debug`, `info`, `warning` or `error`; texts of visitors are in none of them")

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            least = 0 if entry.name == "proxies" else 1
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                # `not >=` refuses what is no number, too.
                if not value >= (least if isinstance(value, int) else 0.01) or value > 1e9:
                    raise ValueError(f"{_variable(entry)} must be at least {least} and at most 1e9, not {value}.")
        for source in self.data:
            if source not in DATA_SOURCES:
                raise ValueError(f"{PREFIX}DATA may name {', '.join(DATA_SOURCES)}, not {source!r}.")
        if self.log_level not in LEVELS:
            raise ValueError(f"{PREFIX}LOG_LEVEL must be one of {', '.join(LEVELS)}, not {self.log_level!r}.")
        if self.root_path and (not self.root_path.startswith("/") or self.root_path.endswith("/")):
            raise ValueError(f"{PREFIX}ROOT_PATH must start with / and not end with it, not {self.root_path!r}.")
        if any(not all(pair.partition(":")[::2]) for pair in self.auth):
            # The pair itself is a secret and stays out of the sentence.
            raise ValueError(f"{PREFIX}AUTH must be name:password pairs, separated by commas.")

    @property
    def accounts(self) -> list[tuple[str, str]] | None:
        """(name, password) pairs, or None where anybody may come in."""
        pairs = [pair.partition(":") for pair in self.auth]
        return [(name, password) for name, _, password in pairs] or None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """The settings that the environment names, defaults for the rest.

        Raises:
            ValueError: a setting is not of its kind or outside its range; the message names it.
        """
        environment = os.environ if environment is None else environment
        given: dict[str, Any] = {}
        if environment.get("SPACE_ID"):
            given["proxies"] = 1
        for entry in fields(cls):
            text = environment.get(_variable(entry), "").strip()
            if text:
                given[entry.name] = _read(entry, text)
        return cls(**given)

    @classmethod
    def variables(cls) -> list[str]:
        """The names of all settings in the environment."""
        return [_variable(entry) for entry in fields(cls)]

    @classmethod
    def table(cls) -> str:
        """The settings as the Markdown table of `docs/deploy.md`."""
        lines = ["| variable | what it does | default |", "|---|---|---|"]
        lines += [f"| `{_variable(entry)}` | {entry.metadata['what']} | {_shown(entry)} |" for entry in fields(cls)]
        return "\n".join(lines)


def _variable(entry: Field[Any]) -> str:
    return PREFIX + entry.name.upper()


def _read(entry: Field[Any], text: str) -> Any:
    default, name = entry.default, _variable(entry)
    if isinstance(default, bool):
        if text.lower() not in (*YES, *NO):
            raise ValueError(f"{name} must be 1 or 0, not {text!r}.")
        return text.lower() in YES
    if isinstance(default, tuple):
        # `none` empties a list that is not empty by default.
        return () if text == "none" else tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(default, str):
        return text
    kind, words = (int, "whole number") if isinstance(default, int) else (float, "number")
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"{name} must be a {words}, not {text!r}.") from None


def _shown(entry: Field[Any]) -> str:
    default = entry.default
    if isinstance(default, bool):
        return str(int(default))
    if isinstance(default, tuple):
        return ", ".join(f"`{part}`" for part in default) or "empty"
    return f"{default:g}" if isinstance(default, float) else str(default) or "empty"
