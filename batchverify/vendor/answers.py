"""A body to an answer, or to the reason why it is none.

The one thing to know: the ask was sent and perhaps billed, so every doubt here is `InDoubt`, and an answer that speaks of
someone else is `EchoMismatch`. Errors are raised outside of `except` blocks: the errors of the JSON and UTF-8 readers carry
the whole body, and a context would carry them along.
"""

from __future__ import annotations

import json
import re
from typing import Any, Never

from batchverify.errors import EchoMismatch, InDoubt
from batchverify.model import Answer, Query
from batchverify.rules.verdicts import KNOWN_STATUSES

#: The fields kept beside a row, in the order of the wire (VENDOR §2).
DETAIL_FIELDS = (
    "bank",
    "cardName",
    "cardType",
    "sex",
    "area",
    "province",
    "city",
    "prefecture",
    "birthday",
    "addrCode",
    "lastCode",
)

SERVICE_ERROR = "9999"

_SHORT_STATUS = re.compile(r"[0-9A-Za-z]{1,8}", re.ASCII)


def parse_answer(body: bytes, *, query: Query, request_id: str = "") -> Answer:
    """Read the body of a 200 strictly: UTF-8, one JSON object, no duplicate keys, strings only, echo equal to `query`.

    Raises `InDoubt` (perhaps billed) with code "html", "not_json", "unknown_status" or "service_error", and `EchoMismatch`
    with code "bad_echo". `request_id` goes into the errors.

    >>> from batchverify.model import Product
    >>> asked = Query(product=Product.ID2, name="张三", id_card="110101199003070011")
    >>> answer = parse_answer('{"status":"01","msg":"实名认证通过！","name":"张三","sex":"男"}'.encode(), query=asked)
    >>> answer.status, answer.message
    ('01', '实名认证通过！')
    """
    fields = _read_object(body)
    if fields is None:
        code = "html" if body.lstrip()[:1] == b"<" else "not_json"
        raise InDoubt(_text("The answer was no plain JSON object"), code=code, request_id=request_id)
    texts = {name: fields.get(name, "") for name in ("msg", *DETAIL_FIELDS)}
    echoes = _echoes(fields, query)
    status = fields.get("status")
    if not isinstance(status, str) or not all(isinstance(text, str) for text in (*texts.values(), *(echo for echo, _ in echoes))):
        raise InDoubt(
            _text("The answer had no status, or something other than text where text belongs"),
            code="not_json",
            request_id=request_id,
        )
    if any(echo != asked for echo, asked in echoes):
        raise EchoMismatch(
            "The answer speaks of another person or card than was asked about. It is attached to no row, and the run stops. "
            "The ask may have been billed; report the request id to the vendor.",
            code="bad_echo",
            request_id=request_id,
        )
    if status == SERVICE_ERROR:
        raise InDoubt(_text("The vendor's service failed (status 9999)"), code="service_error", request_id=request_id)
    # The table of the product: a status that only another product has is no verdict here.
    if status not in KNOWN_STATUSES[query.product]:
        shown = status if _SHORT_STATUS.fullmatch(status) else "(not shown)"
        raise InDoubt(_text(f"The vendor's status {shown} is not known"), code="unknown_status", request_id=request_id)
    return Answer(status=status, message=texts.pop("msg"), details={name: text for name, text in texts.items() if text})


def _text(what: str) -> str:
    return f"{what}. The ask may have been billed; compare the vendor's usage."


def _echoes(fields: dict[str, Any], query: Query) -> list[tuple[Any, str]]:
    """Pair each echoed field that is present with what was asked. `mobile` and `traceId` are not evidence (VENDOR §2)."""
    asked = (("idCard", query.id_card), ("accountNo", query.account_no), ("name", query.name))
    return [(fields[name], value) for name, value in asked if name in fields]


def _read_object(body: bytes) -> dict[str, Any] | None:
    try:
        text = body.decode()
        found = _DECODER.decode(text)
        if "\\u" in text:
            # A lone surrogate is valid JSON and breaks whatever stores or writes it later.
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("An object has a key twice.")
    return fields


def _no_constant(_name: str) -> Never:
    raise ValueError("NaN and Infinity are not JSON.")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
