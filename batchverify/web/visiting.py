"""Everybody who comes in passes here: who they are is put beside the request, and whom nobody knows goes to the door.

The one thing to know: what a browser's session changes needs the session's mark, as the header `X-CSRF-Token` or as the first
field `csrf` of the form. It is looked for here, in the first kilobyte of the body, so no page can forget to ask for it.
"""

from __future__ import annotations

import re
import secrets
from typing import Final
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from batchverify.web.access import Access, Session
from batchverify.web.guard import SAFE_METHODS, is_of_api, refuse

#: What is shown to anybody: the door itself, and what it is drawn with.
_OPEN: Final = ("/static/", "/enter/", "/login", "/link", "/language/", "/favicon.ico")
_PEEKED_BYTES: Final = 1_024
_BOUNDARY: Final = re.compile(r'multipart/form-data\s*;.*?\bboundary="?([^";,\s]{1,70})"?', re.IGNORECASE)
_NO_MARK: Final = "The form is of an older session or of another site. Open the page again and repeat it. Nothing was sent."
_NOBODY: Final = "A token is needed: `Authorization: Bearer …`. `batchverify people token` makes one. Nothing was sent."


class Visiting:
    """The second layer, behind the guard."""

    def __init__(self, app: ASGIApp, *, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        headers, path = request.headers, str(scope["path"])
        session: Session | None = None
        told, cookie = headers.get("authorization"), request.cookies.get(self._access.cookie, "")
        if told is not None:
            person = self._access.bearer(told)
        else:
            session = self._access.session(cookie)
            person = session.person if session is not None else None

        def is_still_in() -> bool:
            return (self._access.session(cookie) if told is None else self._access.bearer(told)) is not None

        scope["state"] = {
            **scope.get("state", {}),
            "person": person,
            "csrf": session.csrf if session is not None else "",
            "can_leave": session is not None,
            "is_still_in": is_still_in,
        }
        if person is None and not _is_open(path):
            await _show_the_door(scope, receive, send)
            return
        if session is not None and scope["method"] not in SAFE_METHODS and path != "/login":
            is_marked, receive = await _is_marked(headers, receive, session.csrf)
            if not is_marked:
                await refuse(send, 403, "no_mark", _NO_MARK, is_api=is_of_api(path))
                return
        await self._app(scope, receive, send)


def _is_open(path: str) -> bool:
    return any(path == place or (place.endswith("/") and path.startswith(place)) for place in _OPEN)


async def _show_the_door(scope: Scope, receive: Receive, send: Send) -> None:
    path = str(scope["path"])
    if is_of_api(path):
        await refuse(send, 401, "nobody", _NOBODY, is_api=True, headers={"www-authenticate": "Bearer"})
    elif Headers(scope=scope).get("accept", "").startswith("text/event-stream"):
        # A page that outlived its session. "No content" ends its stream, and the page loads itself and finds the door.
        await Response(status_code=204)(scope, receive, send)
    elif scope["method"] in SAFE_METHODS:
        place = "/login" if path == "/" else f"/login?next={quote(path)}"
        await RedirectResponse(place, status_code=303)(scope, receive, send)
    else:
        await refuse(
            send, 401, "nobody", "You are not logged in. Open the page again and log in. Nothing was sent.", is_api=False
        )


async def _is_marked(headers: Headers, receive: Receive, mark: str) -> tuple[bool, Receive]:
    """Whether a request carries its session's mark, and its body as it was."""
    if (told := headers.get("x-csrf-token")) is not None:
        return secrets.compare_digest(told.encode(), mark.encode()), receive
    kind = headers.get("content-type", "")
    boundary = _BOUNDARY.match(kind)
    if boundary is None and not kind.lower().startswith("application/x-www-form-urlencoded"):
        return False, receive
    read: list[Message] = []
    head = b""
    while len(head) < _PEEKED_BYTES:
        message = await receive()
        read.append(message)
        head += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body", False):
            break
    if boundary is None:
        field = re.match(rb"csrf=([A-Za-z0-9_-]+)(?:&|\Z)", head)
    else:
        line = re.escape(b"--" + boundary[1].encode("latin-1"))
        field = re.match(
            rb"(?:\r\n)?" + line + rb'\r\ncontent-disposition: form-data; name="csrf"\r\n\r\n([A-Za-z0-9_-]+)\r\n' + line,
            head,
            re.IGNORECASE,
        )

    async def again() -> Message:
        return read.pop(0) if read else await receive()

    return field is not None and secrets.compare_digest(field[1], mark.encode()), again
