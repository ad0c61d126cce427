"""Attacks on a served page, for as long as they are let: floods, streams, stalled uploads, small files that are large.

Each kind goes on by itself from an address of its own, by the header that a proxy would write, and counts what it was
told. `tests/security` holds each of them against the server; here they only make noise.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import count

import httpx

API = "/gradio_api"
PAUSE_SECONDS = 0.02


async def attack(url: str) -> Counter[str]:
    """Attack until the process is told to end; how often each kind was told what."""
    told: Counter[str] = Counter()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False, limits=limits) as client:
        config = (await client.get("/config")).json()
        numbers = {each["api_name"]: each["id"] for each in config["dependencies"] if each.get("api_name")}
        kinds: dict[str, Callable[[int], Awaitable[object]]] = {}

        def kind(made: Callable[[int], Awaitable[object]]) -> Callable[[int], Awaitable[object]]:
            kinds[made.__name__] = made
            return made

        def headers(name: str) -> dict[str, str]:
            return {"x-forwarded-for": f"203.0.113.{list(kinds).index(name)}"}

        async def join(name: str, session: str, function: str, data: list[object]) -> int:
            body = {"fn_index": numbers[function], "data": data, "session_hash": session}
            return (await client.post(f"{API}/queue/join", json=body, headers=headers(name))).status_code

        @kind
        async def scores(n: int) -> object:
            return await join("scores", f"flood{n}", "score", ["", "p", "word " * 300, "masking,entropy", "prompt", ""])

        @kind
        async def runs_with_nobody(n: int) -> object:
            body = {"preset": "", "steps": 300, "scorer": "random"}
            said = await client.post(f"{API}/call/v2/unlearn", json=body, headers=headers("runs_with_nobody"))
            return said.status_code

        @kind
        async def crowds(n: int) -> object:
            async with contextlib.AsyncExitStack() as stack:
                for k in range(60):
                    path = f"{API}/heartbeat/crowd{n}-{k}"
                    await stack.enter_async_context(client.stream("GET", path, headers=headers("crowds")))
            return "left"

        @kind
        async def wrong_calls(n: int) -> object:
            draw = random.Random(n)
            function = draw.choice(config["dependencies"])
            data = [draw.choice((None, -1, "x", [1], {"path": "y"})) for _ in function["inputs"]]
            body = {"fn_index": function["id"], "data": data, "session_hash": f"wrong{n % 7}"}
            return (await client.post(f"{API}/queue/join", json=body, headers=headers("wrong_calls"))).status_code

        @kind
        async def slow_uploads(n: int) -> object:
            async def drip() -> object:
                yield b'--cut\r\ncontent-disposition: form-data; name="files"; filename="a.csv"\r\n\r\n'
                for _ in range(30):
                    yield b"x" * 1_000_000
                    await asyncio.sleep(0.5)

            kinds_of = {**headers("slow_uploads"), "content-type": "multipart/form-data; boundary=cut"}
            said = await client.post(f"{API}/upload", content=drip(), headers=kinds_of)  # type: ignore[arg-type]
            return said.status_code

        @kind
        async def deep_files(n: int) -> object:
            name = "deep_files"
            content = b'[{"answer": "a", "more": [' + b"[]," * 3_000_000 + b"[]]}]"
            files = {"files": (f"rows{n}.json", content)}
            said = await client.post(f"{API}/upload", files=files, headers=headers(name))
            if said.status_code != 200:
                return said.status_code
            data = {"path": said.json()[0], "orig_name": "rows.json", "meta": {"_type": "gradio.FileData"}}
            return await join(name, f"deep{n}", "open_file", [data])

        @kind
        async def tools(n: int) -> object:
            call = {"name": "compare", "arguments": {"split": "nothing"}}
            body = {"jsonrpc": "2.0", "id": n, "method": "tools/call", "params": call}
            accept = {**headers("tools"), "accept": "application/json, text/event-stream"}
            return (await client.post(f"{API}/mcp/", json=body, headers=accept)).status_code

        @kind
        async def large_json(n: int) -> object:
            body = json.dumps({"data": [[]] * 200_000, "session_hash": "large", "fn_index": 1})
            kind_of = {**headers("large_json"), "content-type": "application/json"}
            return (await client.post(f"{API}/queue/join", content=body, headers=kind_of)).status_code

        async def go_on(name: str) -> None:
            for n in count():
                try:
                    told[f"{name}: {await kinds[name](n)}"] += 1
                except httpx.HTTPError as error:
                    told[f"{name}: {type(error).__name__}"] += 1
                await asyncio.sleep(PAUSE_SECONDS)

        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        tasks = [asyncio.create_task(go_on(name)) for name in kinds]
        await ended.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return told


if __name__ == "__main__":
    print(json.dumps(asyncio.run(attack(sys.argv[1]))))
