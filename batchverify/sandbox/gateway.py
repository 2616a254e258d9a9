"""What the gateway in front of the vendor says when it says no, and the HTTP around everything that is said.

The one thing to know: an error has an empty body; status and `X-Ca-*` headers carry it all. Some errors come without a
code, because old and new styles both occur, and a client must know either.
"""

from __future__ import annotations

from email.utils import formatdate
from enum import Enum
from typing import NamedTuple


class GatewayError(NamedTuple):
    """HTTP status, `X-Ca-Error-Code` ("" where the gateway sends none) and `X-Ca-Error-Message`."""

    http: int
    code: str
    message: str


class Refusal(Enum):
    """Everything the gateway answers without asking the vendor. None of it is billed."""

    UNKNOWN_APP_CODE = GatewayError(400, "A400AC", "Invalid AppCode `not exists`")
    REVOKED_APP_CODE = GatewayError(401, "A401AC", "Invalid AppCode `not exists`")
    UNKNOWN_PATH = GatewayError(404, "I404NF", "Invalid Url")
    MISSING_PARAMETER = GatewayError(400, "", "Invalid Param Location")
    UNAUTHORIZED = GatewayError(403, "I403AA", "Unauthorized")
    QUOTA_EXHAUSTED = GatewayError(403, "B403MQ", "Api Market Subscription quota exhausted")
    QUOTA_EXPIRED = GatewayError(403, "B403ME", "Api Market Subscription expired")
    ARREARS = GatewayError(403, "B403OD", "Provider Account Overdue")
    THROTTLED = GatewayError(429, "T429US", "Throttled by USER Flow Control")
    THROTTLED_OLD = GatewayError(403, "", "Throttled by APP Flow Control")


KEEP_ALIVE_SECONDS = 25
JSON_TYPE = "application/json; charset=UTF-8"

_REASONS = {
    200: "OK",
    302: "Found",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    414: "URI Too Long",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


class Dates:
    """Spells the `Date` header once a second instead of once an ask."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def text(self, at: float) -> str:
        """Return a Unix time as HTTP spells it.

        >>> Dates().text(1521427801.7)
        'Mon, 19 Mar 2018 02:50:01 GMT'
        """
        second = int(at)
        if second != self._second:
            self._second, self._text = second, formatdate(second, usegmt=True)
        return self._text


def head(http: int, *, date: str, request_id: str, length: int | None, content_type: str = JSON_TYPE, extra: str = "") -> bytes:
    """Return status line and headers, the blank line included. `extra` are whole lines; no length means chunked."""
    sized = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return (
        f"HTTP/1.1 {http} {_REASONS[http]}\r\nDate: {date}\r\nContent-Type: {content_type}\r\n{sized}\r\n"
        f"Connection: keep-alive\r\nKeep-Alive: timeout={KEEP_ALIVE_SECONDS}\r\nX-Ca-Request-Id: {request_id}\r\n{extra}\r\n"
    ).encode("latin-1")


def error_head(error: GatewayError, *, date: str, request_id: str, extra: str = "") -> bytes:
    """Return a whole gateway error: a head, and no body.

    >>> error = error_head(Refusal.QUOTA_EXHAUSTED.value, date="now", request_id="ID").decode().splitlines()
    >>> error[0], error[3], error[-2:]
    ('HTTP/1.1 403 Forbidden', 'Content-Length: 0', ['X-Ca-Error-Message: Api Market Subscription quota exhausted', ''])
    """
    code = f"X-Ca-Error-Code: {error.code}\r\n" if error.code else ""
    message = f"X-Ca-Error-Message: {error.message}\r\n" if error.message else ""
    return head(error.http, date=date, request_id=request_id, length=0, extra=f"{code}{message}{extra}")
