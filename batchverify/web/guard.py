"""What every request passes before anybody asks who it is from: whose name it calls, which site sent it, how big, how slow.

The one thing to know: a browser sends to this machine whatever any site tells it to. A name that is not ours means that a
stranger's name was pointed at us (rebinding); an Origin that is not ours means that a stranger's page sent it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import traceback
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from batchverify.errors import HomeError

_log = logging.getLogger(__name__)

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_METHODS: Final = SAFE_METHODS | {"POST", "PUT", "PATCH", "DELETE"}
_SHOWN_FRAMES: Final = 12
_LONGEST_PORT: Final = 5
_LONGEST_LENGTH: Final = 18
_KIB: Final = 1024
_MIB: Final = 1024 * _KIB
#: No `unsafe-inline`, no other host: a cell that is a script stays a text even where a template forgot to escape it.
CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not `no-referrer`: under it browsers name no Origin with a form, and the check below could not tell ours from a stranger's.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a body may hold, and how slowly it may come.

    `upload_bytes` counts for `upload_paths` only, `file_bytes` for `file_paths`. A body may pause for `patience_seconds`, and has to bring `least_rate` bytes for
    each second after them: whoever drips would hold a connection for ever.
    """

    body_bytes: int = _MIB
    upload_bytes: int = 201 * _MIB
    upload_paths: Collection[str] = field(default_factory=frozenset)
    file_bytes: int = 16 * _MIB
    file_paths: Collection[str] = field(default_factory=frozenset)
    patience_seconds: float = 20.0
    least_rate: int = 4 * _KIB

    def of(self, path: str) -> int:
        """The bytes that a body for a path may have."""
        if path in self.upload_paths:
            return self.upload_bytes
        return self.file_bytes if path in self.file_paths else self.body_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names under which this server is rightly called, and its port.

    `names` are host names and addresses without a port; "*." at the beginning stands for one label, as in a certificate.
    `port` None is any: what forwards to us may listen elsewhere.
    """

    names: frozenset[str]
    port: int | None
    scheme: str = "http"

    def has(self, host: str) -> bool:
        """True where a Host header names this server.

        >>> ours = Names(names=frozenset({"127.0.0.1", "localhost"}), port=8765)
        >>> ours.has("localhost:8765"), ours.has("localhost:80"), ours.has("evil.example:8765"), ours.has("localhost:8765@evil")
        (True, False, False, False)
        >>> Names(names=frozenset({"*.desk.example"}), port=None, scheme="https").has("a.desk.example")
        True
        """
        name, port = split_host(host.lower(), default=443 if self.scheme == "https" else 80)
        if not name or (self.port is not None and port != self.port):
            return False
        label, dot, rest = name.partition(".")
        return name in self.names or (bool(label) and bool(dot) and f"*.{rest}" in self.names)


def split_host(host: str, *, default: int) -> tuple[str, int]:
    """A Host header as name and port; "" where it is none.

    >>> split_host("[::1]:8765", default=80), split_host("desk.example", default=443), split_host("a:b", default=80)
    (('::1', 8765), ('desk.example', 443), ('', 0))
    """
    name, port = host, ""
    if host.startswith("["):
        name, bracket, rest = host[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            return "", 0
        port = rest[1:]
        try:
            name = str(ipaddress.IPv6Address(name))
        except ValueError:
            return "", 0
    elif ":" in host:
        name, _, port = host.partition(":")
    elif host.endswith("."):
        name = host[:-1]
    if port and not (port.isascii() and port.isdigit() and len(port) <= _LONGEST_PORT):
        return "", 0
    if not name or any(character in name for character in "/@\\?# \t"):
        return "", 0
    return name, int(port) if port else default


class Guard:
    """The outermost layer. What it refuses reaches no route, and nothing was read of its body."""

    def __init__(self, app: ASGIApp, *, names: Names, limits: Limits) -> None:
        self._app = app
        self._names = names
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # there is no websocket here: the server closes it
        headers = Headers(scope=scope)
        is_api = is_of_api(str(scope["path"]))
        reply = _Reply(send, keeps=str(scope["path"]).startswith("/static/"))
        if (refused := self._refuses(scope, headers)) is not None:
            await refuse(reply, *refused, is_api=is_api)
            return
        body = _Body(receive, self._limits, self._limits.of(str(scope["path"])))
        try:
            await self._app(scope, body, reply)
        except BodyError as error:
            if not reply.has_begun:
                await refuse(reply, error.status_code, error.code, error.detail, is_api=is_api)
        except HomeError as error:
            if not reply.has_begun:
                await refuse(reply, 503, "home", str(error), is_api=is_api)
        except Exception as bug:  # noqa: BLE001 - the server would log it with its words, and those could hold a cell
            _log.error("This is a bug in batchverify: %s", told_bug(bug))
            if not reply.has_begun:
                await refuse(reply, 500, "bug", _BUG, is_api=is_api)

    def _refuses(self, scope: Scope, headers: Headers) -> tuple[int, str, str] | None:
        """Status, code and sentence of a refusal, or None."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._names.has(hosts[0]):
            return 421, "wrong_host", "This server has another name. Open the address that it has printed. Nothing was sent."
        method = scope["method"]
        if method not in _METHODS:
            return 405, "method", "This method is not known here. Nothing was sent."
        if not self._is_ours(method, headers, host=hosts[0]):
            return 403, "cross_site", "This was sent by another site's page, not by ours, and was refused. Nothing was sent."
        most = self._limits.of(str(scope["path"]))
        if (told := headers.get("content-length")) is not None and not _is_within(told, most):
            return 413, "too_large", _too_large(most)
        return None

    def _is_ours(self, method: str, headers: Headers, *, host: str) -> bool:
        """True where the request comes from our page, from a person who typed or clicked an address, or from no browser at all."""
        site = headers.get("sec-fetch-site")
        if method in SAFE_METHODS:
            # Other sites may link to us. They may not draw us into a page of theirs, which would tell them who is logged in.
            return site in {None, "same-origin", "none"} or headers.get("sec-fetch-mode") == "navigate"
        origin = headers.get("origin")
        return site in {None, "same-origin", "none"} and origin in {None, f"{self._names.scheme}://{host}"}


def _is_within(told: str, most: int) -> bool:
    """True where a length that was told is one, and no more than that; Python has digits that are no number, and numbers without end."""
    return told.isascii() and told.isdigit() and len(told) <= _LONGEST_LENGTH and int(told) <= most


class BodyError(HTTPException):
    """A body went beyond its limit while it was read, or stopped coming."""

    def __init__(self, status: int, code: str, sentence: str) -> None:
        super().__init__(status, sentence, headers={"connection": "close"})
        self.code = code


class _Body:
    """A body that is counted and timed as it comes; a length that was told may be a lie, and a chunked one tells none."""

    def __init__(self, receive: Receive, limits: Limits, most: int) -> None:
        self._receive = receive
        self._limits = limits
        self._most = most
        self._received = 0
        self._began: float | None = None
        self._is_whole = False

    async def __call__(self) -> Message:
        if self._is_whole:
            return await self._receive()  # all that can come is that the other side has gone
        loop = asyncio.get_running_loop()
        self._began = self._began if self._began is not None else loop.time()
        patience = self._limits.patience_seconds
        until = min(loop.time() + patience, self._began + patience + self._received / self._limits.least_rate)
        try:
            async with asyncio.timeout_at(until):
                message = await self._receive()
        except TimeoutError:
            raise BodyError(408, "too_slow", _TOO_SLOW) from None
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            if self._received > self._most:
                raise BodyError(413, "too_large", _too_large(self._most))
            self._is_whole = not message.get("more_body", False)
        return message


class _Reply:
    """The answer on its way out, with the headers that every answer has."""

    def __init__(self, send: Send, *, keeps: bool) -> None:
        self._send = send
        self._keeps = keeps
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            # Styles and scripts are asked about again each time, so a new version is seen; pages are kept nowhere.
            headers["cache-control"] = "no-cache" if self._keeps else "no-store"
        await self._send(message)


def told_bug(bug: BaseException) -> str:
    """Where a bug happened and of which kind, without its words or any value.

    >>> told_bug(KeyError("张三"))
    'KeyError.'
    """
    frames = [f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(bug.__traceback__)]
    return f"{type(bug).__name__}{''.join(f', {frame}' for frame in frames[-_SHOWN_FRAMES:])}."


def is_of_api(path: str) -> bool:
    """True where a program is answered rather than a person.

    >>> is_of_api("/api/jobs"), is_of_api("/apix"), is_of_api("/")
    (True, False, False)
    """
    return path == "/api" or path.startswith("/api/")


def problem_of(status: int, code: str, sentence: str) -> dict[str, object]:
    """A refusal as RFC 9457 has it. `billed` says what it means for the bill: nothing, or that the ledger has to be looked at."""
    return {
        "type": f"urn:batchverify:problem:{code}",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "detail": sentence,
        "code": code,
        "billed": "see_ledger" if status in _PERHAPS_BILLED else "nothing",
    }


async def refuse(
    send: Send, status: int, code: str, sentence: str, *, is_api: bool, headers: Mapping[str, str] | None = None
) -> None:
    """Answer with a refusal and close the connection: of the body nothing may have been read."""
    body = json.dumps(problem_of(status, code, sentence)) if is_api else f"{sentence}\n"
    kind = "application/problem+json" if is_api else "text/plain; charset=utf-8"
    given = {"content-type": kind, "content-length": str(len(body.encode())), "connection": "close", **(headers or {})}
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given.items()],
        }
    )
    await send({"type": "http.response.body", "body": body.encode()})


#: A bug or a home that fails may come after asks that were sent before.
_PERHAPS_BILLED: Final = frozenset({500, 503})
_TITLES: Final[Mapping[int, str]] = {
    400: "Bad request",
    401: "Not logged in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported kind of body",
    421: "Wrong host",
    422: "Cannot be done",
    429: "Too many tries",
    500: "A bug",
    503: "The home cannot be used",
}


_BUG: Final = "This is a bug in batchverify. Where it happened stands in the server's log. What was paid is in the ledger."
_TOO_SLOW: Final = "The body came too slowly or not to its end, and was given up. Send it again. Nothing was sent."


def _too_large(most: int) -> str:
    return f"The body is larger than the {most // _MIB} MiB that are taken here. Send a smaller one. Nothing was sent."
