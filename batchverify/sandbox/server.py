"""The vendor on a loopback port: HTTP/1.1 over an asyncio protocol, and one line a connection of its state.

The one thing to know: an ask counts as received when its head has been read whole, and it is answered before the next one
of the same connection is looked at. What a fault does to the socket happens here and nowhere else.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections import deque
from ipaddress import ip_address
from typing import NamedTuple, cast

import httptools

from batchverify.sandbox import console
from batchverify.sandbox.bill import Bill
from batchverify.sandbox.deliveries import Delivery, Ending
from batchverify.sandbox.gateway import head
from batchverify.sandbox.vendor import Reply, Vendor

_SCHEME = b"APPCODE "
# URL and headers may be 8 kB together at the gateway.
_MAX_HEAD_BYTES = 8_192
_MAX_BODY_BYTES = 1 << 20
# Lingering for zero seconds turns a close into a reset.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_KEEP_HEADERS = b"Connection: keep-alive\r\nKeep-Alive: timeout=25\r\n"
_CLOSE_HEADERS = b"Connection: close\r\n"


class _Message(NamedTuple):
    """A request as read. `app_code` is None where the header is absent or has another scheme."""

    method: str
    target: str
    app_code: str | None
    body: bytes
    keep_alive: bool
    head_bytes: int


class _Connection(asyncio.Protocol):
    """One connection: reads messages, hands asks to the vendor, carries out what comes back."""

    def __init__(self, vendor: Vendor, loop: asyncio.AbstractEventLoop, connections: set[_Connection]) -> None:
        self._vendor = vendor
        self._loop = loop
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[_Message] = deque()
        self._asked: tuple[Reply, Bill] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._idle_since = loop.time()
        self.gone = asyncio.Event()
        self._clear()

    def _clear(self) -> None:
        self._target = b""
        self._app_code: bytes | None = None
        self._body = b""
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)
        self._watch_idle()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - however it went
        self._connections.discard(self)
        self.gone.set()
        self._waiting.clear()
        self._idle_timer.cancel()
        if self._timer is not None:
            self._timer.cancel()
        self._finish()

    def abort(self) -> None:
        """Drop the connection at once."""
        self._transport.abort()

    def _watch_idle(self) -> None:
        # One timer a connection that looks now and then, instead of one set and cancelled with every ask.
        limit = self._vendor.settings.keep_alive_seconds
        idle_seconds = 0.0 if self._asked else self._loop.time() - self._idle_since
        if idle_seconds >= limit:
            self._transport.close()
            return
        self._idle_timer = self._loop.call_later(limit - idle_seconds, self._watch_idle)

    # What the parser tells.

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._transport.write(self._plain(400))
            self._transport.close()

    def on_url(self, url: bytes) -> None:
        self._head_bytes += len(url)
        if self._head_bytes <= _MAX_HEAD_BYTES:
            self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if len(name) == 13 and name.lower() == b"authorization" and value.startswith(_SCHEME):
            self._app_code = value[len(_SCHEME) :]

    def on_body(self, body: bytes) -> None:
        if len(self._body) <= _MAX_BODY_BYTES:
            self._body += body

    def on_message_complete(self) -> None:
        app_code = None if self._app_code is None else self._app_code.decode("latin-1")
        method = self._parser.get_method().decode()
        target, keep_alive = self._target.decode("latin-1"), self._parser.should_keep_alive()
        message = _Message(method, target, app_code, self._body, keep_alive, self._head_bytes)
        self._clear()
        if self._asked is None and not self._waiting:
            self._take(message)
        else:
            self._waiting.append(message)

    # What is done about it.

    def _take(self, message: _Message) -> None:
        if self._transport.is_closing():
            return
        if message.head_bytes > _MAX_HEAD_BYTES:
            self._transport.write(self._plain(414))
            self._transport.close()
            return
        if message.target.startswith("/console/"):
            self._send(Delivery(self._console(message)), keep_alive=message.keep_alive)
            self._next()
            return
        bill = self._vendor.bill
        reply = self._vendor.ask(message.target, message.app_code, method=message.method)
        self._asked = reply, bill
        if reply.after_seconds:
            self._timer = self._loop.call_later(reply.after_seconds, self._answer, reply, message.keep_alive)
        else:
            self._answer(reply, message.keep_alive)

    def _answer(self, reply: Reply, keep_alive: bool) -> None:  # noqa: FBT001 - call_later takes no keywords
        match reply.delivery.ending:
            case Ending.HANG:
                return
            case Ending.DRIP:
                self._drip(reply.delivery, 0)
                return
            case _:
                # Out of flight before the bytes leave: the client's next ask may be read before we come back here.
                self._finish()
                self._send(reply.delivery, keep_alive=keep_alive)
                self._next()

    def _send(self, delivery: Delivery, *, keep_alive: bool) -> None:
        if delivery.ending is Ending.RESET:
            connection = self._transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self._transport.abort()
            return
        payload = delivery.payload if keep_alive else delivery.payload.replace(_KEEP_HEADERS, _CLOSE_HEADERS, 1)
        if payload:
            self._transport.write(payload)
        if delivery.ending is Ending.CLOSE or not keep_alive:
            self._transport.close()

    def _drip(self, delivery: Delivery, position: int) -> None:
        self._transport.write(delivery.payload[position : position + 1])
        if position + 1 < len(delivery.payload):
            self._timer = self._loop.call_later(delivery.step_seconds, self._drip, delivery, position + 1)
        else:
            self._finish()
            self._next()

    def _finish(self) -> None:
        self._idle_since = self._loop.time()
        if self._asked is not None:
            reply, bill = self._asked
            self._asked = None
            self._vendor.finish(reply, bill)

    def _next(self) -> None:
        while self._waiting and self._asked is None:
            self._take(self._waiting.popleft())

    def _console(self, message: _Message) -> bytes:
        answer = console.respond(self._vendor, method=message.method, target=message.target, body=message.body)
        return self._plain(answer.http, answer.body, content_type=answer.content_type)

    def _plain(self, http: int, body: bytes = b"", *, content_type: str = "text/plain") -> bytes:
        return head(http, date=self._vendor.date(), request_id="", length=len(body), content_type=content_type) + body


class Server:
    """A vendor that listens. `endpoint` is what a client is given."""

    def __init__(self, server: asyncio.Server, connections: set[_Connection], *, scheme: str) -> None:
        self._server = server
        self._connections = connections
        host, self.port = server.sockets[0].getsockname()[:2]
        self.endpoint = f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        self._server.close()
        for connection in tuple(self._connections):
            connection.abort()
            await connection.gone.wait()
        await self._server.wait_closed()


async def start(vendor: Vendor, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> Server:
    """Listen on a loopback address; port 0 takes a free one.

    Raises ValueError for any other address, as whoever reaches the port also reaches the console, and OSError where the
    port is taken.
    """
    if not ip_address(host).is_loopback:
        raise ValueError(f"The sandbox does not listen on {host!r}: it is for this machine alone. Give 127.0.0.1 or ::1.")
    loop = asyncio.get_running_loop()
    connections: set[_Connection] = set()
    server = await loop.create_server(
        lambda: _Connection(vendor, loop, connections), host, port, ssl=tls, backlog=4_096, reuse_address=True
    )
    return Server(server, connections, scheme="https" if tls else "http")
