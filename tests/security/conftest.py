"""One real server for every attack: `python app.py`, uvicorn and the guard, its log kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from scripts.serving import serve

API = "/gradio_api"


class Page(NamedTuple):
    """A page that is served by a process of its own."""

    url: str
    log: Path

    @property
    def folder(self) -> Path:
        """Where it has its temporary files."""
        return self.log.parent / "temporary"

    @property
    def models(self) -> Path:
        """Where its host keeps models, none at first."""
        return self.log.parent / "models"

    def client(self, **options: Any) -> httpx.Client:
        """A caller; what the machine's own proxies are does not matter to it."""
        # There is no certificate to look at, and reading those of the machine takes longer than most requests.
        return httpx.Client(base_url=self.url, trust_env=False, verify=False, timeout=60, **options)

    def memory_mb(self) -> int:
        with self.client() as client:
            return int(client.get("/health").json()["memory_mb"])


@cache
def described(page: Page) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """(functions of a page, the usual arguments of its endpoints by name): the same for every caller."""
    with page.client() as client:
        config, said = client.get("/config").json(), client.get(f"{API}/info").json()
    usual = {
        name.lstrip("/"): {each["parameter_name"]: each["parameter_default"] for each in facts["parameters"]}
        for name, facts in said["named_endpoints"].items()
    }
    return config["dependencies"], usual


class Caller:
    """Calls the page's functions by the page's own protocol, in a session of its own.

    Args:
        client: one that several share, which costs no connection of its own.
    """

    def __init__(self, page: Page, session: str, client: httpx.Client | None = None, **headers: str) -> None:
        self.client = client or page.client(headers=headers)
        self.session = session
        self.functions, self.usual = described(page)
        self.numbers = {each["api_name"]: each["id"] for each in self.functions if each.get("api_name")}

    def join(self, endpoint: str, **wishes: Any) -> httpx.Response:
        """Wait in line for an endpoint."""
        data = list({**self.usual[endpoint], **wishes}.values())
        return self.put(fn_index=self.numbers[endpoint], data=data)

    def put(self, **content: Any) -> httpx.Response:
        """Any body into the line."""
        body = json.dumps({"session_hash": self.session, **content})
        return self.client.post(f"{API}/queue/join", content=body, headers={"content-type": "application/json"})

    def answer(self) -> dict[str, Any]:
        """The message with which the request in line ends."""
        with self.client.stream("GET", f"{API}/queue/data", params={"session_hash": self.session}) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    message = json.loads(line[5:])
                    if message["msg"] in ("process_completed", "unexpected_error"):
                        return dict(message)
        return {"msg": "ended"}

    def ask(self, endpoint: str, **wishes: Any) -> Any:
        """What an endpoint answers. RuntimeError with its sentence when it refuses."""
        joined = self.join(endpoint, **wishes)
        if joined.status_code != 200:
            raise RuntimeError(joined.json()["detail"])
        message = self.answer()
        output = message.get("output") or {}
        if not message.get("success") or "error" in output:
            raise RuntimeError(str(output.get("error")))
        return output["data"][0] if output.get("data") else None


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page with its defaults, but for what would make tests long."""
    folder = tmp_path_factory.mktemp("attacked")
    for name in ("temporary", "models"):
        (folder / name).mkdir()
    log = folder / "log"
    places = {"TMPDIR": str(folder / "temporary"), "FORGET_LENS_MODEL_FOLDER": str(folder / "models")}
    with serve(log_to=log, FORGET_LENS_WARM_UP="0", OMP_NUM_THREADS="1", **places) as url:
        yield Page(url, log)
