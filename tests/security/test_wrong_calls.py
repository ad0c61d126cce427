"""Calls that the page would never make, to the real server: one sentence each, and nothing of a visitor in the log."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.security.conftest import API, Caller, Page

SECRET = "hush-hush-4711"
ODD: tuple[Any, ...] = (
    None, True, -1, 1.5, 10**30, "", SECRET, [SECRET], {"path": SECRET}, {"a": [1, {"b": SECRET}]}, [[]], "\0",
)  # fmt: skip


def said(message: dict[str, Any]) -> str:
    """The sentence of a refusal; empty for an answer."""
    if message.get("success"):
        return ""
    return str((message.get("output") or {}).get("error") or "")


@pytest.mark.parametrize("content", [
    {"fn_index": -1, "data": []}, {"fn_index": 10**9, "data": []}, {"fn_index": 1.5, "data": []},
    {"fn_index": "1", "data": []}, {"fn_index": True, "data": []}, {"fn_index": None, "data": []}, {"data": []},
    {"fn_index": 1}, {"fn_index": 1, "data": {}}, {"fn_index": 1, "data": [], "batched": True},
    {"fn_index": 1, "data": [], "session_hash": ""}, {"fn_index": 1, "data": [], "session_hash": None},
    {"fn_index": 1, "data": [], "session_hash": [SECRET]}, {"fn_index": 1, "data": [], "session_hash": "a/../b"},
    {"fn_index": 1, "data": [], "trigger_id": "x"}, {"fn_index": 1, "data": [], "event_id": [1]},
    {"fn_index": float("nan"), "data": []}, {"fn_index": 1, "data": [float("inf")]},
    {"fn_index": 1, "data": ["\ud83d"]},
])  # fmt: skip
def test_a_call_of_another_form_is_a_sentence(page: Page, content: dict[str, Any]) -> None:
    with page.client() as client:
        body = json.dumps({"session_hash": "odd", **content})
        answer = client.post(f"{API}/queue/join", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 400, answer.text
        assert 10 < len(answer.json()["detail"]) < 200 and SECRET not in answer.text
    # The page goes on.
    assert Caller(page, "even").ask("score", row="forget:0", scorers="random")["examples"]


def test_every_function_refuses_what_the_page_does_not_give_it(page: Page) -> None:
    """All of them, private ones too, with odd values in every place and too many of them; and the log stays clean.

    Each call in a session of its own: a page that has just been answered is told a little later.
    """
    draw = random.Random(7)
    begun = len(page.log.read_text())
    calls = [
        (function, [draw.choice(ODD) for _ in function["inputs"]] + [SECRET] * draw.choice((0, 0, 1)))
        for function in Caller(page, "odd-calls").functions
        if function["backend_fn"]
        for _ in range(3)
    ]
    assert len(calls) > 300
    with page.client() as client, ThreadPoolExecutor(6) as many:

        def unsaid(number: int) -> Any:
            """The call, where it ended in neither an answer nor a sentence."""
            function, data = calls[number]
            caller = Caller(page, f"odd-call{number}", client)
            joined = caller.put(fn_index=function["id"], data=data)
            if joined.status_code != 200:
                return None if joined.json()["detail"] else (function["api_name"], data)
            message = caller.answer()
            return None if message.get("success") or said(message) else (function["api_name"], data)

        assert [call for call in many.map(unsaid, range(len(calls))) if call] == []
    log = page.log.read_text()[begun:]
    assert "Traceback" not in log and SECRET not in log
    assert all(line.startswith("{") for line in log.splitlines()), "every line is ours"


def test_odd_words_in_paths_headers_and_forms_stay_out_of_the_log(page: Page) -> None:
    """The second of its kind: what Gradio and the server would print of a request, whatever part of it is broken."""
    begun = len(page.log.read_text())
    with page.client() as client:
        for path in (
            f"/{SECRET}",
            f"{API}/call/{SECRET}",
            f"{API}/call/score/{SECRET}",
            f"{API}/heartbeat/{SECRET}%2f",
        ):
            assert client.get(path).status_code in (200, 404, 405)
        for path in (f"{API}/call/{SECRET}", f"{API}/run/{SECRET}", f"{API}/api/score", f"{API}/call/v2/{SECRET}"):
            assert client.post(path, json={"data": [SECRET]}).status_code in (400, 404)
        assert client.post(f"{API}/call/v2/score", json={"row": SECRET, SECRET: 1}).status_code < 500
        assert (
            client.post(f"{API}/upload", content=SECRET, headers={"content-type": "multipart/form-data"}).status_code
            < 500
        )
        broken = {"content-type": f"multipart/form-data; boundary={SECRET}"}
        assert client.post(f"{API}/upload", content=f"--{SECRET}\r\n\r\n", headers=broken).status_code < 500
        assert client.post("/login", data={"username": SECRET}).status_code < 500
        assert client.get(f"{API}/queue/data?session_hash={SECRET}").status_code < 500
        assert client.post(f"{API}/mcp/", json={"jsonrpc": "2.0", "id": 1, "method": SECRET}).status_code < 500
    log = page.log.read_text()[begun:]
    assert "Traceback" not in log and SECRET not in log
