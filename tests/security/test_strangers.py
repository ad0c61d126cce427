"""Who may talk to the real server: names it does not go by, other sites' scripts, headers of proxies, passwords."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from app.server.settings import Settings
from app.visit.studio import Studio
from attribution import LanguageModel
from tests.browser.served import serve_here
from tests.security.conftest import API, Page
from tests.security.test_mcp import MCP, Tools

EVIL = "https://evil.example"
DOES = (f"{API}/queue/join", f"{API}/upload", f"{API}/cancel", f"{API}/reset", MCP, "/login", f"{API}/call/score")


@pytest.fixture(scope="module")
def accounts(model: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page with accounts, behind one proxy; served by this process, since one of its own takes ten seconds."""
    settings = Settings(auth=("ada:quell",), proxies=1, max_upload_mb=1, uploads_mb=3)
    with pytest.MonkeyPatch.context() as patch:
        # As `python app.py` has it: the server's own default believes any proxy on this machine.
        patch.setenv("FORWARDED_ALLOW_IPS", "")
        with serve_here(Studio(settings, model)) as served:
            yield Page(served.url, tmp_path_factory.mktemp("accounts") / "log")


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io:7860", "localhost@evil"])
def test_a_name_that_is_not_the_pages_is_not_answered(page: Page, host: str) -> None:
    """DNS rebinding: a foreign name that leads to this machine."""
    with page.client(headers={"host": host}) as client:
        for path in ("/", "/config", "/health", f"{API}/info"):
            assert client.get(path).status_code == 403
        for path in DOES:
            assert client.post(path, json={}).status_code == 403
    with page.client(headers={"host": "LocalHost.:1234"}) as client:
        assert client.get("/config").status_code == 200


@pytest.mark.parametrize(
    "origin", [EVIL, "null", "http://127.0.0.1:1", "https://somebody.hf.space", "http://localhost"]
)
def test_another_sites_script_does_nothing_and_reads_nothing(page: Page, origin: str) -> None:
    with page.client(headers={"origin": origin}) as client:
        for path in DOES:
            said = client.post(path, json={})
            assert said.status_code == 403 and "FORGET_LENS_ORIGINS" in said.json()["detail"], path
        for path in ("/config", f"{API}/info", f"{API}/heartbeat/abc", f"{API}/queue/data?session_hash=abc"):
            said = client.get(path)
            assert "access-control-allow-origin" not in said.headers
            assert "access-control-allow-credentials" not in said.headers
        asked = client.options(DOES[0], headers={"access-control-request-method": "POST"})
        assert asked.status_code == 403 and "access-control-allow-origin" not in asked.headers


def test_a_foreign_page_opens_no_stream_without_an_origin_either(page: Page) -> None:
    """The second of its kind: an image's address, of which a browser says no more than that it comes from elsewhere."""
    with page.client(headers={"sec-fetch-site": "cross-site"}) as client:
        for path in (f"{API}/heartbeat/abc", f"{API}/queue/data?session_hash=abc", "/logout", f"{API}/upload_progress"):
            assert client.get(path).status_code == 403
        assert client.get("/").status_code == 200, "a link leads to the page"


def test_the_pages_own_script_and_named_sites_may_call(page: Page) -> None:
    with page.client(headers={"origin": page.url}) as client:
        assert client.post(f"{API}/call/score", json={"data": []}).status_code == 200
    with page.client(headers={"origin": "https://huggingface.co"}) as client:
        said = client.post(f"{API}/call/score", json={"data": []})
        assert said.status_code == 200 and said.headers["access-control-allow-origin"] == "https://huggingface.co"
        assert "access-control-allow-credentials" not in said.headers


def test_what_only_a_proxy_may_say_counts_from_nobody(page: Page) -> None:
    claims = {"x-forwarded-host": "evil.example", "x-forwarded-proto": "https", "x-gradio-server": EVIL}
    with page.client() as client:
        plain = client.get("/config").json()["root"]
        assert client.get("/config", headers=claims).json()["root"] == plain == page.url
        for address in ("1.2.3.4", "9.9.9.9", "::1"):
            client.post(f"{API}/reset", json={"event_id": "a"}, headers={"x-forwarded-for": address})
    lines = [json.loads(line) for line in page.log.read_text().splitlines() if line.startswith("{")]
    visitors = {line["visitor"] for line in lines if line.get("route") == "cancel"}
    assert len(visitors) == 1, "the server's own default believes them from this machine"


def test_behind_a_proxy_the_nearest_word_counts(accounts: Page) -> None:
    with accounts.client() as client:
        client.post("/login", data={"username": "ada", "password": "quell"})
        headers = {"x-forwarded-host": "evil.example, lens.example", "x-forwarded-proto": "javascript"}
        assert client.get("/config", headers=headers).json()["root"] == accounts.url


def test_with_accounts_nothing_is_open_and_tools_work(accounts: Page) -> None:
    with accounts.client() as client:
        initialize = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        assert client.post(MCP, json=initialize).status_code == 401
        assert client.get(f"{MCP}schema").status_code == 401
        for path in (f"{API}/cancel", f"{API}/reset"):
            assert client.post(path, json={"session_hash": "a", "event_id": "b", "fn_index": 1}).status_code == 401
        assert client.get(f"{API}/heartbeat/abc").status_code == 401
    tools = Tools(accounts, authorization=httpx.BasicAuth("ada", "quell")._auth_header)
    assert "'examples'" in tools.call("score", row="forget:0", scorers="random")


def test_wrong_passwords_slow_down(accounts: Page) -> None:
    with accounts.client(headers={"x-forwarded-for": "203.0.113.7"}) as client:
        codes = [client.post("/login", data={"username": "ada", "password": str(n)}).status_code for n in range(12)]
        assert codes == [400] * 10 + [429] * 2
        # The same guesses by the tools' way are counted with them.
        assert client.post(MCP, json={}, auth=("ada", "quell")).status_code == 429
    with accounts.client(headers={"x-forwarded-for": "203.0.113.8"}) as client:
        codes = [client.post(MCP, json={}, auth=("ada", str(n))).status_code for n in range(12)]
        assert codes == [401] * 10 + [429] * 2
        assert client.post("/login", data={"username": "ada", "password": "quell"}).status_code == 429
    with accounts.client(headers={"x-forwarded-for": "203.0.113.9"}) as client:
        assert client.post("/login", data={"username": "ada", "password": "quell"}).status_code == 200


def test_the_files_of_all_visitors_together_have_a_bound(accounts: Page) -> None:
    """Many addresses, each within its own bound; the page exports nothing by files of its own."""
    said = []
    with accounts.client() as client:
        client.post("/login", data={"username": "ada", "password": "quell"})
        for number in (1, 1, 2, 3, 4):
            content = bytes([65 + len(said)]) * 900_000
            headers = {"x-forwarded-for": f"198.51.100.{number}"}
            answer = client.post(f"{API}/upload", files={"files": ("a.csv", content)}, headers=headers)
            said.append("" if answer.status_code == 200 else answer.json()["detail"])
    assert said[0] == said[2] == said[3] == ""
    assert said[1].startswith("Your files fill what one address may have here (1 MB)")
    assert said[4].startswith("The files of all visitors fill what this server keeps (3 MB)")
