"""One HTTP/1.1 exchange at a time per connection, written once, and knowing whether a byte left.

The one thing to know: `transport.write` is the border. Before it everything is `NeverLeft` and free to ask again; from it on
everything but a whole answer is `Left`, perhaps billed, and nothing is ever written a second time. Libraries for the general
case blur exactly this: some send a GET twice when a kept connection dies, others call a reset after the request a connect error.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import cast

import httptools

#: The gateway lets go of an idle connection after 25 s (VENDOR §4); one that we drop first cannot die under an ask.
IDLE_SECONDS = 20.0
CONNECT_SECONDS = 10.0
#: Everything read for one answer, head included. A real one has about 700 bytes.
MAX_ANSWER_BYTES = 64 * 1024

#: Where systems keep their authorities, for a Python that was built elsewhere and looks in a place that is not here.
_AUTHORITIES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_KEEP_ALIVE_TIMEOUT = re.compile(rb"timeout\s*=\s*([0-9]{1,6})", re.IGNORECASE)
_FIRST_FINAL_STATUS = 200


class WireError(Exception):
    """An exchange that brought no whole answer. `code` says why; no text of the ask or the answer is in it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class NeverLeft(WireError):
    """No byte of the message left: dns, connect, connect_timeout, tls, busy, late, closed."""


class Left(WireError):
    """The message left, perhaps in part: timeout, reset, truncated, too_large, wrong_encoding, not_http.

    `headers` are the fields of the answer's head, as far as a whole one came.
    """

    headers: Sequence[tuple[bytes, bytes]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """A whole answer: the final status, the head's fields as they came, the body without chunk framing."""

    status: int
    headers: list[tuple[bytes, bytes]] = field(repr=False)
    body: bytes = field(repr=False)


def tls_context() -> ssl.SSLContext:
    """Make the one TLS context of a client: the system's trust and nothing else, names checked, TLS 1.2 or later.

    Not `ssl.create_default_context`: that one writes session keys to SSLKEYLOGFILE if the environment says so. Nor
    `load_default_certs`: that one trusts whomever SSL_CERT_FILE and SSL_CERT_DIR name, and a variable is easily planted.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    _trust_the_system(context)
    return context


def _trust_the_system(context: ssl.SSLContext) -> None:
    """Load the authorities of this machine; with none, no certificate is good enough, and nothing is sent."""
    if sys.platform == "win32":  # pragma: no cover - Linux runs the gate
        for encoded, encoding, trusted in (entry for store in ("ROOT", "CA") for entry in ssl.enum_certificates(store)):
            if encoding == "x509_asn" and (trusted is True or ssl.Purpose.SERVER_AUTH.oid in trusted):
                context.load_verify_locations(cadata=encoded)
        return
    compiled_in = ssl.get_default_verify_paths()
    places = [(compiled_in.openssl_cafile, compiled_in.openssl_capath), *((file, "") for file in _AUTHORITIES)]
    for file, folder in places:
        named = {"cafile": file if Path(file).is_file() else None, "capath": folder if folder and Path(folder).is_dir() else None}
        if any(named.values()):
            context.load_verify_locations(**named)
            return


class Wire:
    """A stack of connections to one host. At most `connections` are open; each carries one exchange at a time.

    Belongs to the event loop that first uses it. `deadline_seconds` counts from the send to the last byte of the answer.
    `tls` None means plain TCP. `monotonic` is the clock of `send_before` and of idle times, in seconds.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None,
        connections: int,
        deadline_seconds: float,
        monotonic: Callable[[], float],
        connect_seconds: float = CONNECT_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._connections = connections
        self._deadline_seconds = deadline_seconds
        self._monotonic = monotonic
        self._connect_seconds = connect_seconds
        self._idle_seconds = idle_seconds
        self._busy = 0
        self._closed = False
        self._open: set[_Connection] = set()
        # Sorted by the time of release: the last used is taken first, so that a falling load lets the others grow old.
        self._idle: list[_Connection] = []
        self._sweeper: asyncio.TimerHandle | None = None

    async def exchange(self, message: bytes, *, send_before: float | None = None) -> RawAnswer:
        """Write `message` at most once and wait for its whole answer.

        Raises `NeverLeft` or `Left`. A cancellation closes the connection; if it strikes while the answer is awaited, the
        message has left. `send_before` is an instant of the monotonic clock after which nothing is written.
        """
        if self._closed:
            raise NeverLeft("closed")
        if self._busy >= self._connections:
            raise NeverLeft("busy")
        self._busy += 1
        try:
            connection = self._take_idle() or await self._connect()
            # No await from here to the write: what is checked here is still true when it is written.
            if not connection.is_usable:
                raise NeverLeft("connect")
            if send_before is not None and self._monotonic() > send_before:
                self._put_back(connection)
                raise NeverLeft("late")
            answer = await connection.exchange(message, deadline_seconds=self._deadline_seconds)
            self._put_back(connection)
            return answer
        finally:
            self._busy -= 1

    async def close(self) -> None:
        """Close every connection and wait until they are gone. Exchanges in flight end as `Left("reset")`."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._idle.clear()
        open_now = list(self._open)
        for connection in open_now:
            connection.abort()
        await asyncio.gather(*(connection.gone for connection in open_now))

    def _take_idle(self) -> _Connection | None:
        now = self._monotonic()
        while self._idle:
            connection = self._idle.pop()
            # By the clock and not only by the sweeper: the process may have been paused longer than any timer.
            if connection.is_usable and now < connection.idle_until:
                return connection
            connection.abort()
        return None

    def _put_back(self, connection: _Connection) -> None:
        if self._closed or not connection.is_usable:
            connection.abort()
            return
        connection.idle_until = self._monotonic() + min(self._idle_seconds, connection.peer_idle_seconds)
        self._idle.append(connection)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(self._idle_seconds, self._sweep)

    def _sweep(self) -> None:
        now = self._monotonic()
        kept = []
        for connection in self._idle:
            if connection.is_usable and now < connection.idle_until:
                kept.append(connection)
            else:
                connection.abort()
        self._idle = kept
        # Often enough that nothing lives a quarter longer than it may.
        self._sweeper = asyncio.get_running_loop().call_later(self._idle_seconds / 4, self._sweep) if kept else None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        server_hostname = self._host if self._tls else None
        try:
            async with asyncio.timeout(self._connect_seconds):
                _, connection = await loop.create_connection(
                    lambda: _Connection(loop, self._open), self._host, self._port, ssl=self._tls, server_hostname=server_hostname
                )
        except socket.gaierror:
            raise NeverLeft("dns") from None
        except TimeoutError:
            raise NeverLeft("connect_timeout") from None
        except ssl.SSLError:
            raise NeverLeft("tls") from None
        except OSError:
            raise NeverLeft("connect") from None
        if self._closed:
            connection.abort()
            raise NeverLeft("closed")
        if self._tls is None and not connection.is_on_loopback:
            # Plain, so for this machine only: "localhost" is whoever the resolver says.
            connection.abort()
            raise NeverLeft("connect")
        return connection


class _Connection(asyncio.Protocol):
    """One socket and its parser. Free to take another exchange only while nothing odd was ever seen on it."""

    __slots__ = (
        "_body",
        "_complete",
        "_head_read",
        "_headers",
        "_loop",
        "_open",
        "_parser",
        "_problem",
        "_received",
        "_spoiled",
        "_status",
        "_transport",
        "_waiter",
        "gone",
        "idle_until",
        "peer_idle_seconds",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, open_connections: set[_Connection]) -> None:
        self._loop = loop
        self._open = open_connections
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._waiter: asyncio.Future[RawAnswer | Left] | None = None
        self._spoiled = False
        self.gone: asyncio.Future[None] = loop.create_future()
        self.idle_until = 0.0
        self.peer_idle_seconds = float("inf")
        self._received = 0
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._head_read = False
        self._complete = False
        self._problem = ""

    @property
    def is_on_loopback(self) -> bool:
        """Tell whether the peer is this machine, whatever its name."""
        peer = self._transport.get_extra_info("peername")
        return bool(peer) and ip_address(peer[0].partition("%")[0]).is_loopback

    @property
    def is_usable(self) -> bool:
        return not (self._spoiled or self._transport.is_closing())

    def abort(self) -> None:
        self._spoiled = True
        self._transport.abort()

    async def exchange(self, message: bytes, *, deadline_seconds: float) -> RawAnswer:
        self._start_answer()
        self._received = 0
        self._waiter = self._loop.create_future()
        # One timer from the send: a read time-out begins again with each byte of a slow drip.
        timer = self._loop.call_later(deadline_seconds, self._end, Left("timeout"))
        try:
            self._transport.write(message)
            ended = await self._waiter
        except BaseException:
            self.abort()
            raise
        finally:
            timer.cancel()
            self._waiter = None
        if isinstance(ended, Left):
            raise ended
        return ended

    # What the transport reports

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, since uvloop's transports do not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._open.add(self)

    def data_received(self, data: bytes) -> None:
        if self._waiter is None or self._waiter.done():
            # Nobody asked: a time-out notice, or an answer to nothing. Kept, it would be taken for the next answer.
            self.abort()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._spoiled = True
            self._problem = self._problem or "not_http"
        if self._received > MAX_ANSWER_BYTES:
            self._end(Left("too_large"))
        elif self._complete:
            self._end(RawAnswer(status=self._status, headers=self._headers, body=b"".join(self._body)))
        elif self._problem:
            self._end(Left(self._problem))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._spoiled = True
        self._open.discard(self)
        self._end(Left("truncated" if self._received else "reset"))
        self.gone.set_result(None)

    # What the parser reports

    def on_message_begin(self) -> None:
        # A second answer to one ask: the first one counts, the connection does not.
        if self._complete:
            self._spoiled = True

    def on_header(self, name: bytes, value: bytes) -> None:
        # Fields after the body (chunked trailers) say nothing that we would believe.
        if not self._head_read:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._head_read = True
        if self._complete:
            return
        self._status = self._parser.get_status_code()
        for name, value in self._headers:
            match name.lower():
                case b"content-encoding" if value.strip().lower() != b"identity":
                    # Refused unread: 64 KiB of gzip can hold 64 MB.
                    self._problem = "wrong_encoding"
                case b"keep-alive":
                    self.peer_idle_seconds = _peer_idle_seconds(value)
                case _:
                    pass

    def on_body(self, body: bytes) -> None:
        if not self._complete:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if self._complete or self._problem:
            return
        if self._status < _FIRST_FINAL_STATUS:
            # 100 and 103 announce an answer; they are none.
            self._start_answer()
            return
        self._complete = True
        self._spoiled = self._spoiled or not self._parser.should_keep_alive()

    def _start_answer(self) -> None:
        self._status = 0
        self._headers = []
        self._body = []
        self._head_read = False
        self._complete = False
        self._problem = ""

    def _end(self, ended: RawAnswer | Left) -> None:
        """End the exchange, if there is one. What did not end well ends the connection too."""
        if isinstance(ended, Left):
            if self._head_read and self._status >= _FIRST_FINAL_STATUS:
                ended.headers = tuple(self._headers)
            self.abort()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(ended)


def _peer_idle_seconds(value: bytes) -> float:
    """Return how long the peer keeps an idle connection, less a fifth for the way, by its `Keep-Alive` field.

    >>> _peer_idle_seconds(b"timeout=25")
    20.0
    """
    found = _KEEP_ALIVE_TIMEOUT.search(value)
    return int(found[1]) * 0.8 if found else float("inf")
