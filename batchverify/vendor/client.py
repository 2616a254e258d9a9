"""One ask to the vendor, from a query to a reply or to an error sorted by what it means for the bill.

The one thing to know: this is the only importer of httpx, and it uses its requests, responses and transport interface, never
its connection pool, which is quadratic in the number of connections, nor its client, which logs the whole URL. All asks of a
client differ in their target only, so httpx writes the request once, and reads the head of an answer that is no verdict.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from types import TracebackType
from typing import Self

import httpx

from batchverify.errors import AskError, InDoubt, NotSent, SettingsError
from batchverify.model import Query, Reply, Secret
from batchverify.vendor import gateway
from batchverify.vendor.answers import parse_answer
from batchverify.vendor.products import Endpoint, request_target
from batchverify.vendor.wire import Left, NeverLeft, RawAnswer, Wire, tls_context

DEADLINE_SECONDS = 15.0

_HEADER_SAFE = re.compile(r"[\x21-\x7e]+", re.ASCII)
_OK = 200

_NEVER_LEFT = {
    "dns": "Its name could not be resolved. Check the network and the endpoint setting",
    "connect": "It could not be reached. Check the network, the firewall and the endpoint setting",
    "connect_timeout": "It did not take the connection in time. Check the network, the firewall and the endpoint setting",
    "tls": "Its certificate or its TLS could not be verified. Check this machine's clock and trusted certificates, and for a proxy in between",
    "busy": "All connections of this client are in use. Allow it more connections or ask less at once",
    "late": "The ask was ready only after the instant until which it may be sent. It is reserved anew",
    "closed": "The client is closed. Open another one",
}
_LEFT = {
    "timeout": "No whole answer came before the deadline",
    "reset": "The connection ended without an answer",
    "truncated": "The connection ended in the middle of the answer, or the answer had no length",
    "too_large": "The answer was larger than 64 KiB",
    "wrong_encoding": "The answer was compressed, which was not asked for",
    "not_http": "The answer was no HTTP",
}
# Words of the wire that differ for an engineer and not for a clerk are shown under one `bv_code`.
_SHOWN_CODES = {"connect_timeout": "connect", "busy": "late", "closed": "late", "not_http": "not_json"}


class WireTransport(httpx.AsyncBaseTransport):
    """`Wire` as a transport of httpx, for GET without a body.

    Raises `NeverLeft` and `Left`, not httpx's own errors: their tree does not tell the two apart.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raw = await self.exchange(request.url.raw_path, fields_of(request))
        return httpx.Response(raw.status, headers=raw.headers, stream=httpx.ByteStream(raw.body))

    async def exchange(self, target: bytes, fields: bytes, *, send_before: float | None = None) -> RawAnswer:
        """The same without httpx's objects, which cost as much as all the rest of an ask."""
        return await self._wire.exchange(b"GET %b HTTP/1.1\r\n%b" % (target, fields), send_before=send_before)

    async def aclose(self) -> None:
        await self._wire.close()


def fields_of(request: httpx.Request) -> bytes:
    """Write out the fields of a request and the empty line that ends them."""
    return b"".join([b"%b: %b\r\n" % field for field in request.headers.raw]) + b"\r\n"


class Client:
    """Asks one endpoint with one AppCode over at most `connections` connections. Use it as an async context manager.

    `deadline_seconds` is the total time of an ask from its send. `monotonic` is the clock of `send_before`, in seconds.
    Raises `SettingsError` for an AppCode that no header can carry.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        app_code: Secret,
        *,
        connections: int,
        deadline_seconds: float = DEADLINE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not _HEADER_SAFE.fullmatch(app_code.reveal()):
            raise SettingsError("The AppCode is empty or holds a space or a character that no header can carry. Set it again.")
        self._host = endpoint.host
        url = httpx.URL(endpoint.origin)
        headers = {
            "Host": url.netloc.decode(),
            "Authorization": f"APPCODE {app_code.reveal()}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "batchverify",
        }
        # The target is no part of this URL: httpx shows URLs in reprs, and taking one apart costs more than the ask's I/O.
        self._fields = fields_of(httpx.Request("GET", url, headers=headers))
        wire = Wire(
            endpoint.host,
            endpoint.port,
            tls=tls_context() if endpoint.is_tls else None,
            connections=connections,
            deadline_seconds=deadline_seconds,
            monotonic=monotonic,
        )
        self._transport = WireTransport(wire)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._transport.aclose()

    async def ask(self, query: Query, *, send_before: float | None = None) -> Reply:
        """Send one ask, exactly once, and return the vendor's reply.

        `send_before` is the monotonic instant after which it is not sent any more (`NotSent`, code "late"). Raises, for the
        bill: `NotSent`, `Throttled`, `Refused` and its subclasses (not billed), `InDoubt` (perhaps billed), `EchoMismatch`
        (perhaps billed, and the run must stop). A cancelled ask may have been billed.
        """
        target = request_target(query).encode("ascii")
        try:
            raw = await self._transport.exchange(target, self._fields, send_before=send_before)
        except NeverLeft as error:
            raise NotSent(
                f"The ask was not sent to {self._host!r}. {_NEVER_LEFT[error.code]}. Nothing was billed.",
                code=_SHOWN_CODES.get(error.code, error.code),
            ) from None
        except Left as error:
            date, request_id = _two_headers(error.headers)
            raise InDoubt(
                f"The ask to {self._host!r} was sent. {_LEFT[error.code]}. It may have been billed; compare the vendor's usage.",
                code=_SHOWN_CODES.get(error.code, error.code),
                request_id=gateway.request_id_of({"x-ca-request-id": request_id}),
                vendor_at=_vendor_at(date),
            ) from None
        date, request_id = _two_headers(raw.headers)
        request_id, vendor_at = gateway.request_id_of({"x-ca-request-id": request_id}), _vendor_at(date)
        try:
            if raw.status != _OK:
                raise gateway.refusal(raw.status, httpx.Response(raw.status, headers=raw.headers).headers)
            answer = parse_answer(raw.body, query=query, request_id=request_id)
        except AskError as error:
            error.vendor_at = vendor_at
            raise
        return Reply(answer=answer, request_id=request_id, vendor_at=vendor_at)


def _two_headers(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, str]:
    """Give the two fields of an answer that are kept, `Date` and the request id; one that comes twice is of no use.

    >>> _two_headers([(b"date", b"Tue, 24 Nov 2026 02:50:01 GMT"), (b"X-Ca-Request-Id", b"A"), (b"X-Ca-Request-Id", b"B")])
    ('Tue, 24 Nov 2026 02:50:01 GMT', 'A, B')
    """
    found: dict[bytes, str] = {}
    for name, value in headers:
        lower = name.lower()
        if lower in {b"date", b"x-ca-request-id"}:
            text = value.decode("latin-1")
            found[lower] = f"{found[lower]}, {text}" if lower in found else text
    return found.get(b"date", ""), found.get(b"x-ca-request-id", "")


# A Date has whole seconds: the asks of one second share the reading of it.
_vendor_at = lru_cache(maxsize=8)(gateway.http_date)
