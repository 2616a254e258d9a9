"""A client of nothing but a socket, so that a test sees each byte the sandbox sends."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import pytest

SAMPLE = {"accountNo": "621411111111149563", "idCard": "511126199511111111", "name": "张三"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self):
        return json.loads(self.body)


class Wire:
    """One connection. `ask` sends a GET, `answer` reads one whole answer, `rest` whatever comes until the end."""

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=5)
        self._read = b""

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def ask(self, path: str, fields=SAMPLE, *, app_code: str | None = "sandbox", headers: str = "") -> None:
        query = "&".join(f"{name}={quote(value)}" for name, value in fields.items())
        authorization = f"Authorization: APPCODE {app_code}\r\n" if app_code is not None else ""
        self.send(f"GET {path}?{query} HTTP/1.1\r\nHost: localhost\r\n{authorization}{headers}\r\n".encode())

    def answer(self) -> Answer:
        while b"\r\n\r\n" not in self._read:
            self._more()
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        length = int(headers["Content-Length"])
        while len(self._read) < length:
            self._more()
        body, self._read = self._read[:length], self._read[length:]
        return Answer(status=int(first.split()[1]), headers=headers, body=body)

    def rest(self, *, timeout_seconds: float = 5) -> bytes:
        """Read to the clean end. A reset raises ConnectionResetError, silence TimeoutError."""
        self._socket.settimeout(timeout_seconds)
        while data := self._socket.recv(65_536):
            self._read += data
        return self._read

    def _more(self) -> None:
        data = self._socket.recv(65_536)
        if not data:
            raise EOFError("The connection ended within an answer.")
        self._read += data

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def dial() -> Iterator[Callable[[str], Wire]]:
    """Open connections to an endpoint, all closed when the test ends."""
    with ExitStack() as stack:

        def open_one(endpoint: str) -> Wire:
            wire = Wire(endpoint)
            stack.callback(wire.close)
            return wire

        yield open_one


@pytest.fixture
def wire(sandbox, dial) -> Wire:
    """Hold one connection to the sandbox of the test."""
    return dial(sandbox.endpoint)
