"""Tools of the Model Context Protocol against the real server: nobody is given another caller's run."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.security.conftest import API, Page

MCP = f"{API}/mcp/"
BOTH = {"accept": "application/json, text/event-stream"}


class Tools:
    """A client of the protocol, by its messages."""

    def __init__(self, page: Page, **headers: str) -> None:
        self.client = page.client(headers={**BOTH, **headers})
        self.session = ""
        self.said = self.send(
            "initialize", protocolVersion="2025-03-26", capabilities={}, clientInfo={"name": "t", "version": "1"}
        )

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        headers = {"mcp-session-id": self.session} if self.session else {}
        content = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        response = self.client.post(MCP, json=content, headers=headers)
        response.raise_for_status()
        self.session = response.headers.get("mcp-session-id", self.session)
        lines = [line[5:] for line in response.text.splitlines() if line.startswith("data:")]
        return dict(json.loads(lines[-1] if lines else response.text))

    def call(self, tool: str, **arguments: Any) -> str:
        """What a tool answers, or how it refuses."""
        return str(self.send("tools/call", name=tool, arguments=arguments)["result"]["content"][0]["text"])


def test_two_callers_never_share_a_run(page: Page) -> None:
    """Gradio's own way: one client for everybody, and `/compare` of one answered with the run of another."""
    ada, bo = Tools(page), Tools(page)
    assert ada.session and bo.session and ada.session != bo.session
    for seed in (71, 72):
        assert f"'seed': {seed}" in ada.call("unlearn", scorer="random", objective="wga", steps=1, seed=seed)
    with ThreadPoolExecutor(2) as both:
        # The refusal names the caller's other runs, and asks no model.
        mine, theirs = (both.submit(who.call, tool, against="9") for who in (ada, bo) for tool in ("compare",))
        assert "or one of 1." in mine.result() and "choose reference." in theirs.result()
    assert "There is no run" in bo.call("depth")


def test_a_session_cannot_be_made_up_or_taken(page: Page) -> None:
    """The second of its kind: names of one's own, another's name changed a little, and a session by the page's way."""
    ada = Tools(page)
    for made_up in ("1", "x" * 64, ada.session[:-1] + ("0" if ada.session[-1] != "0" else "1"), ada.session.upper()):
        thief = Tools(page)
        thief.session = made_up
        try:
            thief.call("compare", split="world", limit=1)
        except httpx.HTTPStatusError as error:
            assert error.response.status_code == 404 and "none of this server's" in error.response.json()["detail"]
        else:
            raise AssertionError(made_up)
    with page.client() as client:
        body = {"fn_index": 0, "data": [], "session_hash": f"mcp~{ada.session}"}
        assert client.post(f"{API}/queue/join", json=body).status_code == 400
        assert client.get(f"{API}/heartbeat/mcp~{ada.session}").status_code == 404
    # Leaving ends the visit; what was kept is nobody's then.
    assert ada.client.delete(MCP, headers={"mcp-session-id": ada.session}).status_code == 200


def test_a_tool_says_what_is_wrong_in_a_sentence(page: Page) -> None:
    tools = Tools(page)
    assert "is unknown" in tools.call("compare", split="nothing")
    for wrong in ({"limit": "three"}, {"nothing": 1}, {"split": ["a"]}):
        said = tools.call("compare", **wrong)
        assert "Traceback" not in said and len(said) < 400
