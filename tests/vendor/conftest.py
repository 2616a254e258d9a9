"""Servers made of bare sockets, each in a thread: what they count is what was on the wire.

`listen(script)` starts one; the script is run once per connection with a `Peer` and decides byte by byte.
`run` is `asyncio.run` and uvloop's, in turn: the border between left and never left must hold on both loops.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from batchverify.model import Product, Query

RUNNERS = [asyncio.run]
if sys.platform != "win32":
    import uvloop

    RUNNERS.append(uvloop.run)


class Peer:
    """One accepted connection."""

    def __init__(self, sock: socket.socket, server: RawServer) -> None:
        self._sock = sock
        self._server = server

    def read(self) -> bytes | None:
        """Read one request head and count it; None when the client has gone."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            more = self._sock.recv(65536)
            if not more:
                return None
            head += more
        self._server.requests.append(head)
        self._server.requests_seen.release()
        return head

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def wait_for_data(self) -> None:
        select.select([self._sock], [], [], 10)

    def reset(self) -> None:
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def wait_for_end(self) -> None:
        """Return once the client has closed the connection."""
        with contextlib.suppress(OSError):
            while self._sock.recv(65536):
                pass
        self._server.ends_seen.release()


class RawServer:
    def __init__(self, script: Callable[[Peer], None], context: ssl.SSLContext | None) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.requests_seen = threading.Semaphore(0)
        self.ends_seen = threading.Semaphore(0)
        self._script = script
        self._context = context
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            thread = threading.Thread(target=self._run, args=(sock,))
            self._threads.append(thread)
            thread.start()

    def _run(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
                self._open.append(sock)
            self._script(Peer(sock, self))
        sock.close()

    def close(self) -> None:
        # shutdown and not only close: on Linux a thread in accept() or recv() sleeps through a close.
        for sock in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(10)


@pytest.fixture
def listen() -> Iterator[Callable[..., RawServer]]:
    servers = []

    def start(script: Callable[[Peer], None], context: ssl.SSLContext | None = None) -> RawServer:
        servers.append(RawServer(script, context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(params=RUNNERS, ids=lambda runner: runner.__module__.split(".")[0])
def run(request):
    return request.param


@pytest.fixture
def query() -> Query:
    """Return a made-up person whose every field would stand out in a log."""
    return Query(
        product=Product.BANK4, name="测试甲", id_card="11010119900101001X", account_no="6217000000000000007", mobile="13800000001"
    )


@pytest.fixture
def leaks_nothing(query: Query, caplog: pytest.LogCaptureFixture):
    """Return a check that no error in a chain, and nothing logged, shows the person or the AppCode."""
    import logging
    import traceback
    from urllib.parse import quote

    caplog.set_level(logging.DEBUG)
    canaries = [query.name, query.id_card, query.account_no, query.mobile, quote(query.name), "test-appcode"]

    def check(error: BaseException) -> None:
        shown = "".join(traceback.format_exception(error)) + caplog.text
        link: BaseException | None = error
        while link is not None:
            shown += f"{link} {link!r} {link.args} {vars(link)}"
            link = link.__cause__ or link.__context__
        assert [canary for canary in canaries if canary in shown] == []

    return check
