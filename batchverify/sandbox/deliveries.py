"""An answer as bytes, and what a fault makes of them. Pure: the server only carries it out.

The one thing to know: a faulty delivery is as right as it can be but for the one thing its name says.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from enum import Enum, auto
from functools import cache
from typing import NamedTuple

from batchverify.sandbox.faults import Fault, Rule
from batchverify.sandbox.gateway import JSON_TYPE, GatewayError, Refusal, error_head, head

HUGE_BYTES = 1 << 20
BOMB_BYTES = 16 << 20
REDIRECT_PATH = "/console/redirected"
SHORT_BY_BYTES = 10


class Ending(Enum):
    """What becomes of the connection once the bytes are out."""

    KEEP = auto()
    CLOSE = auto()
    RESET = auto()
    HANG = auto()
    DRIP = auto()


class Delivery(NamedTuple):
    """The bytes to send and the ending. `step_seconds` is the pause between two bytes of a drip."""

    payload: bytes
    ending: Ending = Ending.KEEP
    step_seconds: float = 0.0


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_OK = "X-Ca-Error-Message: OK\r\n"

_ERRORS = {
    Fault.THROTTLE_429: Refusal.THROTTLED.value,
    Fault.THROTTLE_403: Refusal.THROTTLED_OLD.value,
    Fault.ERROR_500: GatewayError(500, "X500ER", "Internal Error"),
    Fault.ERROR_500_PLAIN: GatewayError(500, "", ""),
    Fault.ERROR_502: GatewayError(502, "D502FC", "Backend service returned a broken answer"),
    Fault.ERROR_502_PLAIN: GatewayError(502, "", ""),
    Fault.ERROR_503: GatewayError(503, "D503BB", "Service Unavailable"),
    Fault.ERROR_503_PLAIN: GatewayError(503, "", ""),
    Fault.BREAKER_503: GatewayError(503, "D503CB", "Backend circuit breaker is open"),
    Fault.ERROR_504: GatewayError(504, "D504TO", "Backend service request timeout"),
    Fault.QUOTA_EXHAUSTED: Refusal.QUOTA_EXHAUSTED.value,
    Fault.QUOTA_EXPIRED: Refusal.QUOTA_EXPIRED.value,
    Fault.REVOKED: Refusal.REVOKED_APP_CODE.value,
    Fault.UNAUTHORIZED: Refusal.UNAUTHORIZED.value,
    Fault.ARREARS: Refusal.ARREARS.value,
}
_SILENT = frozenset({Fault.RESET_BEFORE, Fault.RESET_AFTER, Fault.CLOSE_AFTER, Fault.NEVER})
_SAID = {Fault.UNKNOWN_STATUS: "77", Fault.STATUS_9999: "9999"}


def said_under(fault: Fault, status: str) -> tuple[int, str]:
    """Return the HTTP status and code that the bill notes for a fault, given the status without it.

    >>> said_under(Fault.NEVER, "01"), said_under(Fault.THROTTLE_429, "01"), said_under(Fault.HTML, "02")
    ((0, ''), (429, 'T429US'), (200, '02'))
    """
    if fault in _SILENT:
        return 0, ""
    if fault is Fault.REDIRECT:
        return 302, ""
    if (error := _ERRORS.get(fault)) is not None:
        return error.http, error.code
    return 200, _SAID.get(fault, status)


def answer(fields: Mapping[str, str], *, date: str, request_id: str) -> Delivery:
    """Return a right answer."""
    return _with_body(_encode(fields).encode(), date=date, request_id=request_id)


def refusal(error: GatewayError, *, date: str, request_id: str) -> Delivery:
    """Return a gateway error."""
    return Delivery(error_head(error, date=date, request_id=request_id))


def faulty(rule: Rule, fields: Mapping[str, str], *, date: str, request_id: str) -> Delivery:
    """Return what the rule's fault makes of a right answer."""
    if (error := _ERRORS.get(rule.fault)) is not None:
        after = f"Retry-After: {rule.seconds:g}\r\n" if rule.seconds is not None else ""
        return Delivery(error_head(error, date=date, request_id=request_id, extra=after))
    if (strange := _strange_body(rule.fault, fields)) is not None:
        return _with_body(strange, date=date, request_id=request_id)
    right = answer(fields, date=date, request_id=request_id)
    if (cut_off := _cut_off(rule, right.payload)) is not None:
        return cut_off
    return _wrong_head(rule.fault, _encode(fields).encode(), date=date, request_id=request_id)


def _strange_body(fault: Fault, fields: Mapping[str, str]) -> bytes | None:
    """Return the body of the faults that lie in the body alone, else None."""
    text = _encode(fields)
    match fault:
        case Fault.NOT_JSON:
            text = "服务繁忙，请稍后再试"
        case Fault.HUGE_BODY:
            return text.encode().ljust(HUGE_BYTES)
        case Fault.WRONG_ECHO:
            text = _encode({**fields, "idCard": _someone_else(fields["idCard"])})
        case Fault.NUMBER_FOR_STRING:
            text = text.replace(f'"status":"{fields["status"]}"', f'"status":{int(fields["status"])}', 1)
        case Fault.NAN:
            text = _encode({**fields, "lastCode": float("nan")})
        case Fault.DUPLICATE_KEYS:
            contrary = "02" if fields["status"] == "01" else "01"
            text = f'{text[:-1]},"status":"{contrary}"}}'
        case Fault.UNKNOWN_STATUS | Fault.STATUS_9999:
            text = _encode({**fields, "status": _SAID[fault]})
        case _:
            return None
    return text.encode()


def _cut_off(rule: Rule, right: bytes) -> Delivery | None:
    """Return the delivery of the faults that lie in the connection, given the bytes of a right answer, else None."""
    match rule.fault:
        case Fault.RESET_BEFORE | Fault.RESET_AFTER:
            return Delivery(b"", Ending.RESET)
        case Fault.CLOSE_AFTER:
            return Delivery(b"", Ending.CLOSE)
        case Fault.NEVER:
            return Delivery(b"", Ending.HANG)
        case Fault.STALE:
            return Delivery(right, Ending.CLOSE)
        case Fault.SLOW_DRIP:
            return Delivery(right, Ending.DRIP, 1.0 if rule.seconds is None else rule.seconds)
        case _:
            return None


def _wrong_head(fault: Fault, body: bytes, *, date: str, request_id: str) -> Delivery:
    """Return the delivery of the faults that lie in the head or in what it says of the body."""
    half = len(body) // 2
    length: int | None = len(body)
    http, content_type, extra, ending = 200, JSON_TYPE, _OK, Ending.KEEP
    match fault:
        case Fault.TRUNCATED_LENGTH:
            body, ending = body[:half], Ending.CLOSE
        case Fault.TRUNCATED_CHUNKED:
            length, body, ending = None, b"%x\r\n%b\r\n" % (half, body[:half]), Ending.CLOSE
        case Fault.WRONG_LENGTH:
            length = len(body) - SHORT_BY_BYTES
        case Fault.HTML:
            body = "<!DOCTYPE html><html><title>登录</title><p>请先登录网络</p></html>".encode()
            length, content_type, extra = len(body), "text/html; charset=UTF-8", ""
        case Fault.GZIP_BOMB:
            body = _bomb()
            length, extra = len(body), f"Content-Encoding: gzip\r\n{_OK}"
        case Fault.REDIRECT:
            http, length, body, extra = 302, 0, b"", f"Location: {REDIRECT_PATH}\r\n"
        case _:
            raise AssertionError(f"No delivery is written for the fault {fault!r}.")
    top = head(http, date=date, request_id=request_id, length=length, content_type=content_type, extra=extra)
    return Delivery(top + body, ending)


def _with_body(body: bytes, *, date: str, request_id: str) -> Delivery:
    return Delivery(head(200, date=date, request_id=request_id, length=len(body), extra=_OK) + body)


def _someone_else(id_number: str) -> str:
    """Return another ID number of the same length: the tenth digit, a year of birth, is another.

    >>> _someone_else("511126199511111111")
    '511126199611111111'
    """
    digit = id_number[9:10]
    return f"{id_number[:9]}{(int(digit) + 1) % 10}{id_number[10:]}" if digit.isdecimal() else f"{id_number}0"


@cache
def _bomb() -> bytes:
    return gzip.compress(b'{"status":"01"' + b" " * BOMB_BYTES + b"}", compresslevel=9, mtime=0)
