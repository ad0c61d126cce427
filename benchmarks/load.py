"""Fifty visitors at once, then two hundred one after another: errors, mix-ups, waits and memory.

Run: python -m benchmarks load --visitors 50 --runs 5 --visits 200 [--as strangers|class] [--hostile] [--over 30]

The page's limits are on. Strangers come from an address each, by way of a proxy that says so; a class comes from one.
`--hostile` lets the attacks of benchmarks/hostile.py go on beside them, from addresses of their own.

Each visitor scores a row of their own, some train a few steps with a seed of their own, and all compare; what comes
back must be theirs. Dragging a cut asks the server for nothing, so there is nothing to load. The server is a process
of its own on the same machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from subprocess import PIPE
from typing import Any

import httpx

from attribution.data.rows import embedded_rows
from scripts.serving import serve

API = "/gradio_api"
PATIENCE_SECONDS = 1800.0

ENDPOINTS = ("score", "unlearn", "compare")

Endpoint = tuple[int, dict[str, Any]]
"""Its number in the page's protocol, and its arguments in order with what each is unless told."""


class Visitor:
    """One visitor with a session of their own, over the page's own protocol."""

    def __init__(
        self, client: httpx.AsyncClient, endpoints: dict[str, Endpoint], number: int, address: str = ""
    ) -> None:
        self.client = client
        self.headers = {"x-forwarded-for": address} if address else {}
        self.endpoints = endpoints
        self.number = number
        self.session = uuid.uuid4().hex[:12]
        self.ranks: list[int] = []
        self.told: list[tuple[str, float, float]] = []

    async def ask(self, endpoint: str, **wishes: Any) -> Any:
        """The last answer of an endpoint. RuntimeError when it refuses or fails."""
        number, defaults = self.endpoints[endpoint]
        data = list({**defaults, **wishes}.values())
        body = {"data": data, "fn_index": number, "session_hash": self.session}
        joined = await self.client.post(f"{API}/queue/join", json=body, headers=self.headers)
        if joined.status_code != 200:
            raise RuntimeError(f"{endpoint}: {joined.status_code} {joined.text[:100]}")
        found: Any = None
        waits: list[tuple[float, float]] = []
        data_url, asked = f"{API}/queue/data", {"session_hash": self.session}
        async with self.client.stream("GET", data_url, params=asked, headers=self.headers) as stream:
            async for line in stream.aiter_lines():
                if not line.startswith("data:"):
                    continue
                message = json.loads(line[5:])
                if message["msg"] == "estimation" and message.get("rank") is not None:
                    self.ranks.append(int(message["rank"]))
                    if message.get("rank_eta") is not None:
                        waits.append((time.perf_counter(), float(message["rank_eta"])))
                if message["msg"] in ("process_generating", "process_completed"):
                    output = message.get("output") or {}
                    if not message.get("success", True) or "error" in output:
                        raise RuntimeError(f"{endpoint}: {output.get('error')}")
                    found = output.get("data") or found
                if message["msg"] == "process_completed":
                    now = time.perf_counter()
                    self.told += [(endpoint, eta, now - at) for at, eta in waits]
                    return found[0] if found else None
        raise RuntimeError(f"{endpoint}: the connection ended without an answer")

    async def score(self) -> float:
        """Seconds until the row of this visitor was scored. RuntimeError when another's came back."""
        row = self.number % 200
        started = time.perf_counter()
        said = await self.ask("score", row=f"forget:{row}", scorers="masking,entropy,learned,fused")
        (scored,) = said["examples"]
        if scored["answer"] != embedded_rows("forget")[row].example.answer:
            raise RuntimeError(f"mix-up: visitor {self.number} was given {scored['id']}")
        return time.perf_counter() - started

    async def unlearn(self, steps: int = 2) -> float:
        """Seconds until a short run of this visitor had ended."""
        started = time.perf_counter()
        await self.ask("unlearn", scorer="random", steps=steps, seed=1000 + self.number)
        return time.perf_counter() - started

    async def compare(self, trained: bool) -> float:
        """Seconds until the answers were there. RuntimeError when they are of another visitor's run."""
        started = time.perf_counter()
        said = await self.ask("compare", split="world", limit=3)
        seed = said["run"]["config"]["seed"] if said["run"] else None
        if seed != (1000 + self.number if trained else None):
            raise RuntimeError(f"mix-up: visitor {self.number} was given the run with seed {seed}")
        return time.perf_counter() - started

    async def stay(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work while the page's heartbeat is open; closing it ends the visit on the server."""
        async with self.client.stream("GET", f"{API}/heartbeat/{self.session}", headers=self.headers) as beat:
            lines = beat.aiter_lines()
            await anext(lines)
            await work()


async def endpoints_of(client: httpx.AsyncClient) -> dict[str, Endpoint]:
    """The page's endpoints by name."""
    config, said = (await client.get("/config")).json(), (await client.get(f"{API}/info")).json()
    arguments = {
        name.lstrip("/"): {each["parameter_name"]: each["parameter_default"] for each in facts["parameters"]}
        for name, facts in said["named_endpoints"].items()
    }
    numbers = {each["api_name"]: each["id"] for each in config["dependencies"] if each.get("api_name")}
    return {name: (numbers[name], defaults) for name, defaults in arguments.items()}


async def visit_all(
    url: str, visitors: int, runs: int, visits: int, strangers: bool = False, hostile: bool = False, over: float = 0
) -> list[str]:
    """The lines of the report.

    Args:
        strangers: whether each visitor has an address of their own.
        hostile: whether attacks go on beside them.
        over: seconds within which the visitors come.
    """
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS, limits=limits, trust_env=False) as client:
        endpoints = await endpoints_of(client)
        faults: Counter[str] = Counter()
        seconds: dict[str, list[float]] = {"score": [], "score while others train": [], "unlearn": [], "compare": []}
        ranks: list[int] = []
        told_waits: list[tuple[str, float, float]] = []
        waits: list[float] = []
        held: list[int] = []

        async def class_room(number: int) -> None:
            visitor = Visitor(client, endpoints, number, f"198.51.100.{number}" if strangers else "")
            # Spread over all who come.
            trains = runs > 0 and number * runs // visitors != (number - 1) * runs // visitors
            await asyncio.sleep(over * number / visitors)

            async def work() -> None:
                seconds["score"].append(await visitor.score())
                if trains:
                    seconds["unlearn"].append(await visitor.unlearn())
                else:
                    seconds["score while others train"].append(await visitor.score())
                seconds["compare"].append(await visitor.compare(trains))

            await guarded(visitor, work)
            ranks.extend(visitor.ranks)
            told_waits.extend(visitor.told)

        async def guarded(visitor: Visitor, work: Callable[[], Awaitable[None]]) -> None:
            try:
                await visitor.stay(work)
            except (RuntimeError, httpx.HTTPError, StopAsyncIteration) as error:
                faults[str(error)[:120] or type(error).__name__] += 1

        async def health() -> dict[str, Any]:
            return dict((await client.get("/health")).json())

        before = await health()
        if hostile:
            # What every comparison needs is there before the first visitor comes, as on a page that has run a while.
            await Visitor(client, endpoints, 0).ask("compare", split="world", limit=1)
            before = await health()
        watch = asyncio.create_task(watched(url, waits, held))
        # A process of their own: what they cost to make is no wait of a visitor's.
        attacks = subprocess.Popen([sys.executable, "-m", "benchmarks.hostile", url], stdout=PIPE) if hostile else None
        started = time.perf_counter()
        await asyncio.gather(*(class_room(number) for number in range(visitors)))
        together = time.perf_counter() - started
        told: Counter[str] = Counter()
        if attacks is not None:
            attacks.terminate()
            told = Counter(json.loads(attacks.communicate()[0] or b"{}"))
        watch.cancel()
        after_class = await health()
        memory = []
        for first in range(0, visits, 10):
            group = [Visitor(client, endpoints, number) for number in range(first, min(first + 10, visits))]

            def scoring(visitor: Visitor) -> Callable[[], Awaitable[None]]:
                async def work() -> None:
                    await visitor.score()

                return work

            await asyncio.gather(*(guarded(visitor, scoring(visitor)) for visitor in group))
            memory.append((await health())["memory_mb"])
        await asyncio.sleep(2)
        end = await health()
    lines = [
        f"{visitors} visitors at once, {runs} of them with a run: {together:.0f} s in all, {sum(faults.values())} "
        f"errors or mix-ups; places in line told: up to {max(ranks, default=0) + 1}"
    ]
    for what, times in seconds.items():
        if times:
            figures = (
                f"median {statistics.median(times):6.1f} s   p95 {at(times, 0.95):6.1f} s   "
                f"longest {max(times):6.1f} s   n = {len(times)}"
            )
            lines.append(f"  {what:<26} {figures}")
    lines += [told_line(name, [(eta, took) for which, eta, took in told_waits if which == name]) for name in ENDPOINTS]
    lines += [f"  fault, {many} times: {fault}" for fault, many in faults.items()]
    if waits:
        lines.append(
            f"  /health                    p99 {1000 * at(waits, 0.99):6.0f} ms  longest {1000 * max(waits):.0f} ms   "
            f"n = {len(waits)}; memory {before['memory_mb']} MB before, {max(held)} at most, "
            f"{end['memory_mb']} in the end"
        )
    lines += [f"  attack, {many} times: {what}" for what, many in sorted(told.items())]
    if not memory:
        return lines
    fifth = max(1, len(memory) // 5)
    means = [statistics.mean(memory[i : i + fifth]) for i in range(0, len(memory), fifth)]
    shown = ", ".join(f"{mean:.0f}" for mean in means)
    lines.append(
        f"{visits} more visits: {shown} MB on average of each fifth, peak {end['peak_memory_mb']} MB; "
        f"visits held in the end: {end['visits']} (after the class: {after_class['visits']})"
    )
    return lines


def told_line(endpoint: str, waits: list[tuple[float, float]]) -> str:
    """How the time that those in line were told, at each of their places, fits what it then took."""
    if not waits:
        return f"  told of {endpoint:<19} nobody was told a time"
    ratios = sorted(took / max(eta, 0.1) for eta, took in waits)
    off = statistics.median(abs(took - eta) for eta, took in waits)
    return (
        f"  told of {endpoint:<19} took {statistics.median(ratios):.2f} times as long as told (8 of 10 between "
        f"{at(ratios, 0.1):.2f} and {at(ratios, 0.9):.2f}), off by {off:.1f} s at the median   n = {len(waits)}"
    )


def at(times: list[float], share: float) -> float:
    """The time that this share of all does not exceed."""
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


async def watched(url: str, waits: list[float], held: list[int]) -> None:
    """Ask `/health` some times a second, over a connection of its own: how long it takes, and what is held."""
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
        while True:
            started = time.perf_counter()
            held.append(int((await client.get("/health")).json()["memory_mb"]))
            waits.append(time.perf_counter() - started)
            await asyncio.sleep(0.05)


def main(words: list[str]) -> None:
    """Read the command line, serve, visit, print."""
    parser = argparse.ArgumentParser(description="Load the page with many visitors.")
    parser.add_argument("--visitors", type=int, default=50, help="visitors at once (default: 50)")
    parser.add_argument("--runs", type=int, default=5, help="how many of them train (default: 5)")
    parser.add_argument("--visits", type=int, default=200, help="visits after that (default: 200)")
    parser.add_argument("--as", dest="who", choices=("strangers", "class"), default="strangers")
    parser.add_argument("--hostile", action="store_true", help="with attacks beside them")
    parser.add_argument("--over", type=float, default=0, help="seconds within which they come (default: all at once)")
    given = parser.parse_args(words)
    strangers = given.who == "strangers"
    with serve(FORGET_LENS_PROXIES="1") as url:
        said = visit_all(url, given.visitors, given.runs, given.visits, strangers, given.hostile, given.over)
        for line in asyncio.run(said):
            print(line, flush=True)
