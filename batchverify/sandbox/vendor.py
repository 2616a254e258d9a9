"""The vendor: one ask in, one delivery out, and the bill written in between.

The one thing to know: everything that decides money happens in `Vendor.ask`, under one lock, before a byte of the answer
leaves. Sockets are the server's, so the whole vendor can be tried without one.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import NamedTuple
from urllib.parse import unquote_plus

from batchverify.sandbox import deliveries
from batchverify.sandbox.bill import Bill, digest, question_digest
from batchverify.sandbox.deliveries import Delivery
from batchverify.sandbox.faults import Fault, Rule, Script
from batchverify.sandbox.gateway import KEEP_ALIVE_SECONDS, Dates, GatewayError, Refusal
from batchverify.sandbox.verdicts import LOCKED, PRODUCTS, Product, answer_to, verdict_on
from batchverify.sandbox.wallet import Package, Standing, Wallet

_BY_PATH = {product.path: product for product in PRODUCTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the vendor is set up. Seconds are real ones; `None` is no limit.

    `free_statuses` cost nothing, `risk_limit` is the number of asks about one ID before it gets 203, `lock_seconds` how
    long a 203 lasts, `qps_limit` the asks in one second before the gateway throttles, `keep_alive_seconds` how long an idle connection is kept, `seed` that
    of the jitter.
    """

    app_code: str = "sandbox"
    latency_seconds: float = 0.0
    jitter_seconds: float = 0.0
    quota: int = 1_000_000
    free_statuses: frozenset[str] = frozenset()
    risk_limit: int | None = None
    lock_seconds: float = 43_200.0
    qps_limit: int | None = None
    keep_alive_seconds: float = float(KEEP_ALIVE_SECONDS)
    seed: int = 0


class Reply(NamedTuple):
    """What the server is to do for one ask, and after how long. The digests are handed back to `Vendor.finish`."""

    delivery: Delivery
    after_seconds: float
    id_digest: bytes
    card_digest: bytes


class _Question(NamedTuple):
    """An ask as read. `missing` says that a parameter is not there at all."""

    product: Product
    fields: dict[str, str]
    missing: bool
    digest: bytes
    id_digest: bytes
    card_digest: bytes


class Vendor:
    """The vendor's whole state: bill, wallet, script of faults, locks.

    `wall` and `monotonic` are its clocks; `advance` moves the wall clock, so that expiry and locks need no waiting.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        request_ids: str = "",
    ) -> None:
        self.settings = settings or Settings()
        self.latency_seconds = self.settings.latency_seconds
        self.jitter_seconds = self.settings.jitter_seconds
        self._wall = wall
        self._monotonic = monotonic
        self._request_ids = (request_ids or str(uuid.uuid4()))[:24].upper()
        self._lock = threading.Lock()
        self._dates = Dates()
        self.reset()

    def reset(self) -> None:
        """Start again as set up: an empty bill, a full wallet, no faults, no locks."""
        with self._lock:
            self.latency_seconds, self.jitter_seconds = self.settings.latency_seconds, self.settings.jitter_seconds
            self._offset_seconds = 0.0
            self._random = random.Random(self.settings.seed)  # noqa: S311 - jitter, not a secret
            self.bill = Bill(request_ids=self._request_ids)
            self.wallet = Wallet(app_code=self.settings.app_code)
            self.wallet.top_up(self.settings.quota, now=self.now())
            self._script = Script()
            self._asks_per_id: dict[bytes, int] = {}
            self._locked_until: dict[bytes, float] = {}
            self._second, self._asks_in_second = -1, 0

    def now(self) -> float:
        """Return the vendor's Unix time."""
        return self._wall() + self._offset_seconds

    def date(self) -> str:
        """Return the vendor's time as its `Date` header spells it."""
        with self._lock:
            return self._dates.text(self.now())

    def advance(self, seconds: float) -> None:
        """Move the vendor's wall clock."""
        self._offset_seconds += seconds

    def script_faults(self, *rules: Rule) -> None:
        """Put these rules in the place of all earlier ones; asks are counted from 1 again."""
        with self._lock:
            self._script = Script(rules=rules)

    def top_up(self, calls: int, *, expires_in_seconds: float = inf) -> Package:
        """Buy a package."""
        with self._lock:
            return self.wallet.top_up(calls, now=self.now(), expires_at=self.now() + expires_in_seconds)

    def set_quota(self, calls: int) -> None:
        """Put one package of that many calls in the place of all."""
        with self._lock:
            self.wallet.set_left(calls, now=self.now())

    def set_standing(self, standing: Standing) -> None:
        """Revoke the AppCode, put the account in arrears, or make all well again."""
        with self._lock:
            self.wallet.standing = standing

    def reset_app_code(self, app_code: str) -> None:
        """Give the account another AppCode; the one before is unknown from now on."""
        with self._lock:
            self.wallet.app_code, self.wallet.standing = app_code, Standing.VALID

    def finish(self, reply: Reply, bill: Bill) -> None:
        """Take an ask out of flight, on the bill it was written to."""
        with self._lock:
            bill.finish(reply.id_digest, reply.card_digest)

    def ask(self, target: str, app_code: str | None, *, method: str = "GET") -> Reply:
        """Answer one ask: `target` is path and query as on the request line, `app_code` what stood behind `APPCODE `."""
        path, _, query = target.partition("?")
        product = _BY_PATH.get(path) if method == "GET" else None
        question = _read(product, query) if product is not None else None
        with self._lock:
            number, now = self.bill.total() + 1, self.now()
            date, request_id = self._dates.text(now), self.bill.request_id(number)
            if question is None:
                return self._refuse(Refusal.UNKNOWN_PATH.value, None, now=now, date=date, request_id=request_id)
            error = self._turned_away(question, app_code, now=now)
            if error is not None:
                return self._refuse(error, question, now=now, date=date, request_id=request_id)
            return self._answer(question, now=now, date=date, request_id=request_id)

    def _turned_away(self, question: _Question, app_code: str | None, *, now: float) -> GatewayError | None:
        error = self.wallet.refusal(app_code, now=now)
        if error is None and question.missing:
            error = Refusal.MISSING_PARAMETER.value
        if error is None and self.settings.qps_limit is not None:
            second = int(self._monotonic())
            if second != self._second:
                self._second, self._asks_in_second = second, 0
            self._asks_in_second += 1
            if self._asks_in_second > self.settings.qps_limit:
                error = Refusal.THROTTLED.value
        return error

    def _refuse(self, error: GatewayError, question: _Question | None, *, now: float, date: str, request_id: str) -> Reply:
        self._write(question, now=now, http=error.http, code=error.code, billed=False, fault="")
        delivery = deliveries.refusal(error, date=date, request_id=request_id)
        return self._reply(question, delivery, after_seconds=0.0)

    def _answer(self, question: _Question, *, now: float, date: str, request_id: str) -> Reply:
        rule = self._script.strike(question.digest)
        status = self._status(question, now=now) if rule is None or rule.fault is not Fault.RESET_BEFORE else ""
        fields = answer_to(question.product, question.fields, status=status)
        if rule is None:
            http, code, billed = 200, status, status not in self.settings.free_statuses
            delivery = deliveries.answer(fields, date=date, request_id=request_id)
        else:
            http, code = deliveries.said_under(rule.fault, status)
            billed = rule.is_billed and (rule.billed is not None or code not in self.settings.free_statuses)
            delivery = deliveries.faulty(rule, fields, date=date, request_id=request_id)
        if billed:
            self.wallet.use_one(now=now)
        self._write(question, now=now, http=http, code=code, billed=billed, fault=rule.fault.value if rule else "")
        after_seconds = self.latency_seconds
        if self.jitter_seconds:
            after_seconds += self._random.uniform(0, self.jitter_seconds)
        return self._reply(question, delivery, after_seconds=after_seconds)

    def _status(self, question: _Question, *, now: float) -> str:
        """Return the verdict, or 203 for an ID that is locked or has been asked about too often."""
        id_digest, limit = question.id_digest, self.settings.risk_limit
        is_locked = self._locked_until.get(id_digest, 0.0) > now
        if is_locked:
            self.bill.asked_while_locked += 1
            status = LOCKED
        elif limit is not None and self._asks_per_id.get(id_digest, 0) >= limit:
            self._asks_per_id.pop(id_digest)
            status = LOCKED
        else:
            status = verdict_on(question.product, question.fields)
        if status == LOCKED:
            self._locked_until[id_digest] = now + self.settings.lock_seconds
        elif limit is not None:
            self._asks_per_id[id_digest] = self._asks_per_id.get(id_digest, 0) + 1
        return status

    def _write(self, question: _Question | None, *, now: float, http: int, code: str, billed: bool, fault: str) -> None:
        word = question.product.word if question else ""
        digests = (question.digest, question.id_digest, question.card_digest) if question else (b"", b"", b"")
        number = self.bill.total() + 1
        self.bill.write((number, now, self._monotonic(), word, *digests, http, code, billed, fault), billed=billed)

    def _reply(self, question: _Question | None, delivery: Delivery, *, after_seconds: float) -> Reply:
        id_digest, card_digest = (question.id_digest, question.card_digest) if question else (b"", b"")
        self.bill.start(id_digest, card_digest)
        return Reply(delivery, after_seconds, id_digest, card_digest)


def _read(product: Product, query: str) -> _Question:
    """Read a query string. Of a parameter given twice the last counts; parameters nobody asked for are ignored."""
    given = {}
    for pair in query.split("&"):
        # By hand, as parse_qsl alone would be a quarter of an answer's cost.
        name, _, value = pair.partition("=")
        given[name] = unquote_plus(value) if "%" in value or "+" in value else value
    fields = {name: given.get(name, "") for name in product.fields}
    id_number, card = fields["idCard"], fields.get("accountNo", "")
    asked = question_digest(
        product.word, name=fields["name"], id_card=id_number, account_no=card, mobile=fields.get("mobile", "")
    )
    missing = not given.keys() >= fields.keys()
    return _Question(product, fields, missing, asked, digest(id_number) if id_number else b"", digest(card) if card else b"")
