"""Settings of the page, read from the environment. `docs/deploy.md` has the same table; a test compares the two."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import Field, create_model
from pydantic_settings import BaseSettings, SettingsConfigDict

from attribution.settings import Described, setting, settings_of

PREFIX = "FORGET_LENS_"
CURATED, ANY = "curated", "any"
DATA_SOURCES = ("real", "tofu", "wmdp", "rwku", "muse", "upload")
LEVELS = ("debug", "info", "warning", "error")
MOST = 1e9


def _setting(default: Any, help: str, **facts: Any) -> Any:
    """A setting that its host knows by its variable; numbers are at least 1 and at most `MOST` unless told."""
    number = isinstance(default, (int, float)) and not isinstance(default, bool)
    bounds = {"low": 1 if isinstance(default, int) else 0.01, "high": MOST} if number else {}
    return setting(default, "", help, **(bounds | facts))


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
    connections_per_address: int = _setting(256, "connections that one address may hold open at once")
    connections: int = _setting(4000, "connections that all addresses together may hold open")
    runs_waiting_per_address: int = _setting(10, "runs, races and the like that one address may have waiting in line")
    proxies: int = _setting(0, "proxies in front that write X-Forwarded-For; 1 on a Space unless told", low=0)
    # Models and data.
    models: tuple[str, ...] = _setting(
        (CURATED,), "models a visitor may load: `curated`, `any`, or names with `*`, such as `embedded,Qwen/*`"
    )
    model_folder: str = _setting("", "a folder whose model folders may be loaded; empty: none")
    max_model_gb: float = _setting(8.0, "memory that one loaded model may take, in gigabytes")
    models_gb: float = _setting(8.0, "memory for all loaded models; the one unused for longest leaves")
    data: tuple[str, ...] = _setting(DATA_SOURCES, "where rows may come from besides the embedded world")
    max_upload_mb: int = _setting(50, "the size of an uploaded file, in megabytes")
    uploads_mb: int = _setting(
        1000, "megabytes of uploaded files that lie here at once, of all visitors together; of one address, a fifth"
    )
    max_rows: int = _setting(100_000, "rows taken of a file or a data set")
    run_rows: int = _setting(400, "rows of a kind that a run on rows of one's own uses; more are browsed alone")
    warm_up: bool = _setting(
        True, "whether the answers that every comparison needs are made once the page is served, before anybody asks"
    )
    # Who may come in, and how.
    auth: tuple[str, ...] = _setting((), "`name:password` pairs, separated by commas; empty: anybody")
    mcp: bool = _setting(True, "whether the endpoints can be called as MCP tools")
    embed_in: tuple[str, ...] = _setting(
        ("https://huggingface.co", "https://*.hf.space"),
        "sites that may show the page in a frame of theirs; those without a `*` may call it, too",
    )
    hosts: tuple[str, ...] = _setting(
        (),
        "names under which the page is asked, such as `lens.example.org`, beside localhost, the machine's own name, "
        "any address in digits and a Space's own; `*` stands for any letters",
    )
    origins: tuple[str, ...] = _setting(
        (), "other sites whose scripts may call the page, such as `https://example.org`, beside those that may frame it"
    )
    root_path: str = _setting("", "the path under which a proxy serves the page, such as `/forget-lens`")
    log_level: str = _setting(
        "info", "`debug`, `info`, `warning` or `error`; texts of visitors are in none of them", choices=LEVELS
    )

    def __post_init__(self) -> None:
        for name, described in _described().items():
            object.__setattr__(self, name, described.read(getattr(self, name)))
        for source in self.data:
            if source not in DATA_SOURCES:
                raise ValueError(f"{PREFIX}DATA may name {', '.join(DATA_SOURCES)}, not {source!r}.")
        if self.uploads_mb < self.max_upload_mb:
            raise ValueError(
                f"{PREFIX}UPLOADS_MB must be at least {PREFIX}MAX_UPLOAD_MB, which is {self.max_upload_mb}."
            )
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
    def from_environment(cls) -> Settings:
        """The settings that the environment names, defaults for the rest.

        Raises:
            ValueError: a setting is not of its kind or outside its range; the message names it.
        """
        texts = _environment()().model_dump(exclude_none=True)
        space, own = texts.pop("space_id", ""), texts.pop("space_host", "")
        given: dict[str, Any] = {"proxies": 1} if space else {}
        names = ["*.hf.space"] * bool(space) + own.split(",") * bool(own)
        for name, text in texts.items():
            if text:
                given[name] = _parts(text) if isinstance(_described()[name].default, tuple) else text
        if names:
            given["hosts"] = (*given.get("hosts", ()), *names)
        return cls(**given)

    @classmethod
    def variables(cls) -> list[str]:
        """The names of all settings in the environment."""
        return [_variable(name) for name in _described()]

    @classmethod
    def table(cls) -> str:
        """The settings as the Markdown table of `docs/deploy.md`."""
        lines = ["| variable | what it does | default |", "|---|---|---|"]
        lines += [
            f"| `{_variable(name)}` | {described.facts.help} | {_shown(described.default)} |"
            for name, described in _described().items()
        ]
        return "\n".join(lines)


@cache
def _described() -> dict[str, Described]:
    """The settings, each called by its variable in every sentence."""
    return {
        name: dataclasses.replace(described, facts=dataclasses.replace(described.facts, title=_variable(name)))
        for name, described in settings_of(Settings).items()
    }


@cache
def _environment() -> type[BaseSettings]:
    """The variables as texts; an empty one is as good as none."""

    class Environment(BaseSettings):
        model_config = SettingsConfigDict(
            env_prefix=PREFIX, env_ignore_empty=True, str_strip_whitespace=True, protected_namespaces=()
        )
        # Set by Hugging Face on a Space.
        space_id: str | None = Field(None, validation_alias="SPACE_ID")
        space_host: str | None = Field(None, validation_alias="SPACE_HOST")

    texts: dict[str, Any] = {name: (str | None, None) for name in _described()}
    return create_model("Environment", __base__=Environment, **texts)


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _parts(text: str) -> tuple[str, ...]:
    # `none` empties a list that is not empty by default.
    return () if text == "none" else tuple(part.strip() for part in text.split(",") if part.strip())


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return str(int(default))
    if isinstance(default, tuple):
        return ", ".join(f"`{part}`" for part in default) or "empty"
    return f"{default:g}" if isinstance(default, float) else str(default) or "empty"
