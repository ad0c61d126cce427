"""Bodies of requests: how much of them comes through, how fast they must come, and what JSON may say."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from typing import Any

from starlette.formparsers import MultiPartException

READ_SECONDS = 20.0
"""A body whose next piece has not come by then is given up."""
WHOLE_SECONDS = 180.0
DEEPEST = 60
MOST_PARTS = 20_000
"""Values in the lists and objects of one request."""
SESSION = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_ADDRESS = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*:")


class Budget:
    """Bytes that may be on their way at once: of one address, and of all together."""

    def __init__(self, each: int, total: int) -> None:
        self._each, self._total = each, total
        self._held: Counter[str] = Counter()

    def take(self, address: str, size: int) -> bool:
        """Whether so many more may come; then they count until they are given back."""
        if self._held[address] + size > self._each or self._held.total() + size > self._total:
            return False
        self._held[address] += size
        return True

    def give_back(self, address: str, size: int) -> None:
        """They have arrived, or never will."""
        self._held[address] -= size
        if self._held[address] <= 0:
            del self._held[address]


class Body:
    """A `receive` that counts the bytes that it hands on and waits for none of them too long.

    Args:
        most: bytes of this body; `budget`: bytes on their way of this address and of all.
    """

    def __init__(self, receive: Any, most: int, budget: Budget, address: str) -> None:
        self._receive = receive
        self._most, self._budget, self._address = most, budget, address
        self._bytes = self._taken = 0
        self._done = False
        self._until = asyncio.get_running_loop().time() + WHOLE_SECONDS
        self.fault: tuple[int, str] | None = None

    async def __call__(self) -> Any:
        """The next message.

        Raises:
            MultiPartException: the body is too large, too slow or cut off; `fault` says which. After this fault the
                reader of uploads deletes what it has written.
        """
        if self._done:
            return await self._receive()
        try:
            left = self._until - asyncio.get_running_loop().time()
            message = await asyncio.wait_for(self._receive(), min(READ_SECONDS, max(left, 0.01)))
        except TimeoutError:
            raise self._refused(408, "The request came too slowly and was given up: send it again.") from None
        if message["type"] == "http.disconnect":
            raise self._refused(400, "The request broke off: send it again.")
        size = len(message.get("body", b""))
        self._bytes += size
        if self._bytes > self._most:
            raise self._refused(413, too_large(self._most))
        if not self._budget.take(self._address, size):
            raise self._refused(429, "Too much is being sent from your address or in all: try again in a minute.")
        self._taken += size
        self._done = not message.get("more_body")
        return message

    async def read(self) -> bytes:
        """All of it."""
        parts = []
        while not self._done:
            parts.append((await self()).get("body", b""))
        return b"".join(parts)

    def close(self) -> None:
        """Nothing of it is on its way any more."""
        self._budget.give_back(self._address, self._taken)
        self._taken = 0

    def _refused(self, status: int, sentence: str) -> MultiPartException:
        self.fault = (status, sentence)
        return MultiPartException(sentence)


def too_large(most: int) -> str:
    """The sentence for a body of more than so many bytes."""
    return f"This is too large: the page takes at most {most / 1024**2:.1f} MB at once."


def again(body: bytes, receive: Any) -> Any:
    """A `receive` that gives the body once more, then what comes after it."""
    told = False

    async def replay() -> Any:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


# What JSON may say ---------------------------------------------------------------------------------------------------


def read_json(body: bytes) -> Any:
    """What the body of a call says. ValueError, in a sentence, when it is none or may not be taken."""
    if sum(body.count(sign) for sign in (b",", b"[", b"{")) > MOST_PARTS:
        raise ValueError(f"The request has more than {MOST_PARTS:,} parts: send less at once.")
    try:
        content = json.loads(body or b"{}", parse_constant=_no_number)
        # An escape may write half of a character, which no answer could quote.
        if b"\\ud" in body.lower():
            json.dumps(content, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        if isinstance(error, UnicodeEncodeError):
            raise ValueError("A text of the request holds half a character: send whole ones.") from None
        raise ValueError("The request is not JSON.") from None
    if deeper(content, DEEPEST):
        raise ValueError(f"The request is nested more than {DEEPEST} levels deep.")
    if names_address(content):
        raise ValueError(
            "A file is given by its address: upload it instead. This page fetches nothing for its visitors."
        )
    return content


def check_call(content: Any, in_line: bool) -> None:
    """ValueError, in a sentence, when a call of one of the page's functions is not of the form that the page sends.

    Args:
        in_line: whether it names its session and its function, as the page's own calls do.
    """
    if not isinstance(content, dict):
        raise ValueError("The request must be a JSON object.")
    session, number = content.get("session_hash"), content.get("fn_index")
    if (session is not None or in_line) and not is_session(session):
        raise ValueError("session_hash must be 1 to 100 letters, digits, dots or dashes.")
    if (number is not None or in_line) and (isinstance(number, bool) or not isinstance(number, int)):
        raise ValueError("fn_index must be the number of a function of this page.")
    if in_line and not isinstance(content.get("data"), list):
        raise ValueError("data must be a list of the function's inputs.")
    wanted = {"event_id": str, "trigger_id": int, "simple_format": bool, "oauth_token": str}
    for name, kind in wanted.items():
        if name in content and content[name] is not None and not isinstance(content[name], kind):
            raise ValueError(f"{name} is of the wrong kind: leave it out.")
    if content.get("batched"):
        raise ValueError("No function of this page takes batches: leave batched out.")


def is_session(name: Any) -> bool:
    """Whether this can be a session's name."""
    return isinstance(name, str) and SESSION.fullmatch(name) is not None


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number in JSON.")


def deeper(content: Any, levels: int) -> bool:
    """Whether lists and objects lie in each other more than so many levels deep."""
    layer = [content]
    for _ in range(levels):
        layer = [
            child
            for node in layer
            if isinstance(node, (dict, list))
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not layer:
            return False
    return any(isinstance(node, (dict, list)) for node in layer)


def paths_in(content: Any) -> list[str]:
    """The files that a call names."""
    found, waiting = [], [content]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            waiting += node.values()
            if isinstance(path := node.get("path"), str):
                found.append(path)
        elif isinstance(node, list):
            waiting += node
    return found


def names_address(content: Any) -> bool:
    """Whether a file in the content is given by a URL: Gradio would fetch it."""
    return any(_ADDRESS.match(path) or path.lstrip().startswith("//") for path in paths_in(content))
