"""The page's endpoints as tools of the Model Context Protocol, each caller in a visit of their own.

Gradio calls them all by one client of its own, so that every caller would share one visit. Here a caller is given a
session's name with the first answer (the protocol's `Mcp-Session-Id`), which only this server can make, and a call
waits in the line like any other.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any

from gradio.data_classes import PredictBodyInternal
from gradio.server_messages import ProcessCompletedMessage, ProcessGeneratingMessage
from starlette.requests import Request

from app.server.line import Line

SESSION_HEADER = b"mcp-session-id"
SESSION = "forget_lens.mcp"
"""Under this name the guard writes the caller's session into a request's scope."""
# No session of the page's own protocol may have this sign in its name.
PREFIX = "mcp~"
JOIN = "/gradio_api/queue/join"


class Sessions:
    """Names of sessions that nobody can make up: a random part and what this server alone can add to it."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def new(self, user: str | None) -> str:
        """A new name, for this user alone where there are accounts."""
        return self._signed(secrets.token_hex(16), user)

    def is_ours(self, name: str, user: str | None) -> bool:
        """Whether this server gave the name to this user."""
        return hmac.compare_digest(self._signed(name[:32], user).encode(), name.encode())

    def _signed(self, random: str, user: str | None) -> str:
        said = f"{random} {user or ''}".encode()
        return random + hmac.new(self._key, said, hashlib.sha256).hexdigest()[:32]


def serve_tools(tools: Any, line: Line) -> None:
    """Answer calls of tools by way of the line, instead of by Gradio's own client.

    Args:
        tools: Gradio's MCP server.
    """
    server = tools.mcp_server

    @server.call_tool()
    async def call_tool(name: str, arguments: dict[str, Any]) -> Any:
        _, data, _, fn = tools._prepare_tool_call_args(name, arguments)
        context = server.request_context
        request: Any = context.request
        session = request.scope.get(SESSION) or PREFIX + secrets.token_hex(16)
        asked = Request({**request.scope, "path": JOIN, "raw_path": JOIN.encode(), "query_string": b""})
        body = PredictBodyInternal(data=data, fn_index=fn._id, session_hash=session, simple_format=True, request=asked)
        token = context.meta.progressToken if context.meta is not None else None
        found: Any = None
        step = 0
        async for message in line.ask(body, asked, None):
            if isinstance(message, (ProcessGeneratingMessage, ProcessCompletedMessage)):
                if not message.success:
                    raise ValueError(message.output.get("error") or "The call failed.")
                found = message.output.get("data") or found
            if token is not None:
                step += 1
                await context.session.send_progress_notification(
                    token, step, message=str(message.msg.value), related_request_id=str(context.request_id)
                )
        if found is None:
            raise ValueError("The call ended before it had an answer.")
        return tools.types.CallToolResult(content=tools.postprocess_output_data(found, ""))
