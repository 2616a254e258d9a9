"""The console beside the vendor, JSON over HTTP under /console/: read the bill, script faults, turn the account's knobs.

The one thing to know: it asks for no AppCode and is no part of the vendor; it exists for tests, benchmarks and people on
this machine, and its requests are not asks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from math import inf
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from batchverify.sandbox import account
from batchverify.sandbox.bill import Ask, Bill
from batchverify.sandbox.deliveries import REDIRECT_PATH
from batchverify.sandbox.faults import Fault, Rule
from batchverify.sandbox.gateway import JSON_TYPE
from batchverify.sandbox.vendor import Vendor
from batchverify.sandbox.wallet import Standing


class ConsoleAnswer(NamedTuple):
    """HTTP status, body and content type."""

    http: int
    body: bytes
    content_type: str = JSON_TYPE


def respond(vendor: Vendor, *, method: str, target: str, body: bytes) -> ConsoleAnswer:
    """Answer one console request. A wrong path is 404, a wrong method 405, a body that makes no sense 400 with the reason."""
    path, _, query = target.partition("?")
    wanted = parse_qs(query)
    if path == REDIRECT_PATH:
        vendor.bill.redirects_followed += 1
        return _json({"redirected": True})
    read, write = _READERS.get(path), _WRITERS.get(path)
    try:
        if method == "GET" and path == "/console/usage" and "format" in wanted:
            export = account.export_usage(vendor, wanted, form=wanted["format"][0])
            return ConsoleAnswer(200, export.body, export.content_type)
        if method == "GET" and read is not None:
            return _json(read(vendor, wanted))
        if method == "POST" and write is not None:
            write(vendor, json.loads(body or b"{}"))
            return _json({"ok": True})
    except (KeyError, TypeError, ValueError) as error:
        return _json({"error": f"{path} cannot make sense of this: {error}"}, http=400)
    if read is None and write is None:
        return _json({"error": f"The console has {sorted({*_READERS, *_WRITERS})}."}, http=404)
    return _json({"error": f"{path} is for {'GET' if read else 'POST'}."}, http=405)


def summary(bill: Bill, *, with_asks: bool = False) -> dict[str, Any]:
    """Return the bill as /console/bill gives it; `asks` only on demand."""
    told: dict[str, Any] = {
        "total": bill.total(),
        "billed": bill.billed(),
        "by_status": bill.by_status(),
        "per_question": bill.per_question(),
        "in_flight": bill.in_flight(),
        "max_in_flight": bill.max_in_flight,
        "max_in_flight_per_id": bill.max_in_flight_per_id,
        "max_in_flight_per_card": bill.max_in_flight_per_card,
        "max_per_second": bill.max_per_second(),
        "asked_while_locked": bill.asked_while_locked,
        "redirects_followed": bill.redirects_followed,
    }
    if with_asks:
        told["asks"] = [_ask(ask) for ask in bill.asks()]
    return told


def _ask(ask: Ask) -> dict[str, Any]:
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in ask._asdict().items()}


def _read_bill(vendor: Vendor, wanted: Mapping[str, list[str]]) -> object:
    return summary(vendor.bill, with_asks=wanted.get("asks") == ["1"])


def _read_wallet(vendor: Vendor, _: Mapping[str, list[str]]) -> object:
    packages = [
        {**asdict(package), "expires_at": None if package.expires_at == inf else package.expires_at}
        for package in vendor.wallet.packages()
    ]
    return {"left": vendor.wallet.left(now=vendor.now()), "standing": vendor.wallet.standing, "packages": packages}


def _write_faults(vendor: Vendor, body: Any) -> None:
    """Take a list of rules: `[{"fault": "reset_after", "at": [3], "billed": false}]`; an empty one ends all faults."""
    vendor.script_faults(*(Rule(**{**rule, "fault": Fault(rule["fault"]), "at": tuple(rule.get("at", ()))}) for rule in body))


def _write_quota(vendor: Vendor, body: Any) -> None:
    """Take `{"top_up": 100, "expires_in_seconds": 60}` or `{"set": 100}`."""
    if "set" in body:
        vendor.set_quota(int(body["set"]))
    else:
        vendor.top_up(int(body["top_up"]), expires_in_seconds=float(body.get("expires_in_seconds", inf)))


def _write_app_code(vendor: Vendor, body: Any) -> None:
    """Take `{"standing": "valid|revoked|unauthorized|arrears"}` or `{"reset": "another-code"}`."""
    if "reset" in body:
        vendor.reset_app_code(str(body["reset"]))
    else:
        vendor.set_standing(Standing(body["standing"]))


def _write_latency(vendor: Vendor, body: Any) -> None:
    """Take `{"seconds": 0.05, "jitter_seconds": 0.01}`."""
    vendor.latency_seconds, vendor.jitter_seconds = float(body["seconds"]), float(body.get("jitter_seconds", 0))


def _write_clock(vendor: Vendor, body: Any) -> None:
    """Take `{"advance_seconds": 43200}`."""
    vendor.advance(float(body["advance_seconds"]))


def _write_reset(vendor: Vendor, _: Any) -> None:
    vendor.reset()


_READERS: Mapping[str, Callable[[Vendor, Mapping[str, list[str]]], object]] = {
    "/console/bill": _read_bill,
    "/console/usage": account.usage_page,
    "/console/packages": lambda vendor, wanted: account.packages_page(vendor, page=max(1, int(wanted.get("page", ["1"])[0]))),
    "/console/notices": lambda vendor, _: account.notices_page(vendor),
    "/console/wallet": _read_wallet,
}
_WRITERS: Mapping[str, Callable[[Vendor, Any], None]] = {
    "/console/faults": _write_faults,
    "/console/quota": _write_quota,
    "/console/appcode": _write_app_code,
    "/console/latency": _write_latency,
    "/console/clock": _write_clock,
    "/console/reset": _write_reset,
}


def _json(value: object, *, http: int = 200) -> ConsoleAnswer:
    return ConsoleAnswer(http, json.dumps(value, ensure_ascii=False).encode())
