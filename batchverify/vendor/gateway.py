"""What a refusal of the gateway means for the bill: HTTP status and headers to one of the errors.

The one thing to know: a refusal is "surely not billed" only where the gateway itself says so, by its `X-Ca-Error-Code` or
`X-Ca-Error-Message`; everything else may have reached the vendor's back end and is in doubt. The rules are VENDOR §4.
The message header is matched and never repeated: the gateway puts the AppCode into it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType

from batchverify.errors import AccountOverdue, AskError, BadRequest, InDoubt, KeyRejected, QuotaExhausted, Refused, Throttled

#: How long the gateway's breaker stays open once it opened (VENDOR §4, D503CB).
BREAKER_SECONDS = 90.0

#: A longer wait is a broken header, not a wish: a run would sleep through the night on a typing error.
MAX_RETRY_AFTER_SECONDS = 3600.0
_LONGEST_DATE = 64

_MADE_BY_GATEWAY = re.compile(r"[A-Z0-9_.-]{1,24}", re.ASCII)
# At least 32 characters: no ID or card number that some middle box might echo here passes for a request id.
_REQUEST_ID = re.compile(r"[0-9A-Fa-f-]{32,36}", re.ASCII)


class _Meaning(StrEnum):
    QUOTA = "quota"
    QUOTA_EXPIRED = "quota_expired"
    OVERDUE = "overdue"
    APP_CODE = "app_code"
    NOT_BOUGHT = "not_bought"
    BAD_REQUEST = "bad_request"
    THROTTLED = "throttled"


_BY_CODE = {
    "A400AC": _Meaning.APP_CODE,
    "A401AC": _Meaning.APP_CODE,
    "I403AA": _Meaning.NOT_BOUGHT,
    "I404NF": _Meaning.BAD_REQUEST,
    "B403MQ": _Meaning.QUOTA,
    "B403ME": _Meaning.QUOTA_EXPIRED,
    "B403OD": _Meaning.OVERDUE,
    "B403MO": _Meaning.OVERDUE,
}

# Old and new styles both occur, and old ones come without a code.
_BY_MESSAGE = (
    ("invalid appcode", _Meaning.APP_CODE),
    ("unauthorized", _Meaning.NOT_BOUGHT),
    ("invalid url", _Meaning.BAD_REQUEST),
    ("api not found", _Meaning.BAD_REQUEST),
    ("invalid param location", _Meaning.BAD_REQUEST),
    ("api market subscription quota exhausted", _Meaning.QUOTA),
    ("quota exhausted", _Meaning.QUOTA),
    ("api market subscription expired", _Meaning.QUOTA_EXPIRED),
    ("quota expired", _Meaning.QUOTA_EXPIRED),
    ("provider account overdue", _Meaning.OVERDUE),
    ("user arrears", _Meaning.OVERDUE),
    ("throttled by", _Meaning.THROTTLED),
)

# Class, `bv_code` and text of each refusal that stops the run.
_STOPS: Mapping[_Meaning, tuple[type[Refused], str, str]] = MappingProxyType(
    {
        _Meaning.QUOTA: (QuotaExhausted, "quota", "The package is used up. Buy another one or top it up"),
        _Meaning.QUOTA_EXPIRED: (QuotaExhausted, "quota_expired", "The package has expired. Buy another one"),
        _Meaning.OVERDUE: (AccountOverdue, "overdue", "The vendor's or the buyer's account is in debt. Settle it in the console"),
        _Meaning.APP_CODE: (KeyRejected, "app_code", "The gateway does not know the AppCode. Copy it again from the console"),
        _Meaning.NOT_BOUGHT: (
            KeyRejected,
            "app_code",
            "The AppCode was not bought for this product. Use the AppCode of its order",
        ),
        _Meaning.BAD_REQUEST: (
            BadRequest,
            "bad_request",
            "The gateway knows no such path or misses a parameter. Check the endpoint",
        ),
    },
)


def refusal(http_status: int, headers: Mapping[str, str]) -> AskError:
    """Sort an answer that is not a 200 by what it means for the bill (VENDOR §4).

    `headers` has lower-case names, or ignores case. The error is returned, not raised.

    >>> type(refusal(403, {"x-ca-error-code": "B403MQ"})).__name__
    'QuotaExhausted'
    >>> type(refusal(500, {"x-ca-error-code": "X500ER"})).__name__
    'InDoubt'
    """
    code = headers.get("x-ca-error-code", "").strip().upper()
    request_id = request_id_of(headers)
    # A code of another shape is text of unknown origin, so it is not shown; it was made by the gateway all the same.
    shown = f"HTTP {http_status}, {code}" if _MADE_BY_GATEWAY.fullmatch(code) else f"HTTP {http_status}"
    if http_status == HTTPStatus.SERVICE_UNAVAILABLE and code:
        pause = BREAKER_SECONDS if code == "D503CB" else None
        return Throttled(
            f"The gateway holds the vendor's service back for now ({shown}). The row is asked again later; nothing was billed.",
            code="unavailable",
            request_id=request_id,
            retry_after_seconds=_retry_after_seconds(headers, otherwise=pause),
        )
    if not HTTPStatus.BAD_REQUEST <= http_status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return _in_doubt(http_status, shown=shown, request_id=request_id)
    meaning = _meaning(http_status, code=code, message=headers.get("x-ca-error-message", "").strip().lower())
    match meaning:
        case _Meaning.THROTTLED:
            return Throttled(
                f"The gateway's rate limit was reached ({shown}). The row is asked again later; nothing was billed.",
                code="throttled",
                request_id=request_id,
                retry_after_seconds=_retry_after_seconds(headers, otherwise=None),
            )
        case None if code:
            return Refused(
                f"The gateway refused the ask for a reason this version does not know ({shown}). "
                "Nothing was billed; look the code up in the console of the API market, then resume.",
                code="bad_request",
                request_id=request_id,
            )
        case None:
            return _in_doubt(http_status, shown=shown, request_id=request_id)
        case _:
            return _stop(meaning, shown=shown, request_id=request_id)


def request_id_of(headers: Mapping[str, str]) -> str:
    """Return the gateway's request id, which its support asks for; "" where there is none of the right shape.

    >>> request_id_of({"x-ca-request-id": "0B0C6A5E-0000-4000-8000-000000000001"})
    '0B0C6A5E-0000-4000-8000-000000000001'
    """
    text = headers.get("x-ca-request-id", "")
    return text if _REQUEST_ID.fullmatch(text) else ""


def http_date(text: str) -> datetime | None:
    """Read an HTTP date as aware UTC; None where it is none.

    >>> http_date("Tue, 24 Nov 2026 02:50:01 GMT")
    datetime.datetime(2026, 11, 24, 2, 50, 1, tzinfo=datetime.timezone.utc)
    >>> http_date("yesterday")
    """
    # Cut: whoever answers chooses its length, and a day of a thousand digits overflows where the ask has left already.
    try:
        at = parsedate_to_datetime(text[:_LONGEST_DATE])
        # "-0000" comes back naive and means UTC (RFC 5322 §3.3).
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _meaning(http_status: int, *, code: str, message: str) -> _Meaning | None:
    if code in _BY_CODE:
        return _BY_CODE[code]
    if http_status == HTTPStatus.TOO_MANY_REQUESTS or code.startswith("T429"):
        return _Meaning.THROTTLED
    return next((meaning for prefix, meaning in _BY_MESSAGE if message.startswith(prefix)), None)


def _stop(meaning: _Meaning, *, shown: str, request_id: str) -> Refused:
    """Build the error of a refusal that every other ask would meet too."""
    kind, code, text = _STOPS[meaning]
    return kind(f"{text}, then resume ({shown}). This ask was not billed.", code=code, request_id=request_id)


def _in_doubt(http_status: int, *, shown: str, request_id: str) -> InDoubt:
    match http_status:
        case HTTPStatus.GATEWAY_TIMEOUT:
            code, text = "gateway_timeout", "The vendor's back end did not answer the gateway in time"
        case status if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            code, text = "redirect", "The answer was a redirect, which is never followed"
        case _:
            code, text = "server_error", "The answer was neither a verdict nor a refusal by the gateway"
    return InDoubt(
        f"{text} ({shown}). The ask may have been billed; compare the vendor's usage.", code=code, request_id=request_id
    )


def _retry_after_seconds(headers: Mapping[str, str], *, otherwise: float | None) -> float | None:
    """Return the wait that `Retry-After` wishes, given in seconds or as a date measured against the answer's own `Date`."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        # Cut first: a number of a thousand digits is no wait either.
        return min(float(text[:9]), MAX_RETRY_AFTER_SECONDS)
    until, sent_at = http_date(text), http_date(headers.get("date", ""))
    if until is None or sent_at is None:
        return otherwise
    return min(max((until - sent_at).total_seconds(), 0.0), MAX_RETRY_AFTER_SECONDS)
