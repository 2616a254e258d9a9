"""The sandbox's own bill: every ask that was received, whether it cost something, and what was in flight beside it.

The one thing to know: an ask is written down, and billed, when it has been read, before anything is answered. Whatever
becomes of the connection afterwards, the bill stands, as it would at the vendor.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import NamedTuple

WINDOW_SECONDS = 600


class Ask(NamedTuple):
    """One ask as received. Digests are 16 bytes of SHA-256: enough to say which row, nothing to read."""

    number: int
    received_at: float
    monotonic: float
    product: str
    question: bytes
    id_digest: bytes
    card_digest: bytes
    http: int
    """HTTP status of the answer, 0 where none was given."""
    code: str
    """The vendor's status on an HTTP 200, else the gateway's error code, else ""."""
    billed: bool
    fault: str
    request_id: str


class Window(NamedTuple):
    """One line of the vendor's usage detail: asks billed within ten minutes, by Unix time."""

    starts_at: int
    ends_at: int
    billed: int


def digest(text: str) -> bytes:
    """Return the 16 bytes by which the bill knows a text."""
    return hashlib.sha256(text.encode()).digest()[:16]


def question_digest(product: str, *, name: str, id_card: str, account_no: str = "", mobile: str = "") -> bytes:
    """Return the 16 bytes by which the bill knows a question: the product and the exact fields.

    >>> question_digest("id2", name="张三", id_card="511126199511111111").hex()
    '3a2b0200616dee6c76bf6a770a055e10'
    """
    return digest(f"{product}\x1f{name}\x1f{id_card}\x1f{account_no}\x1f{mobile}")


class Bill:
    """What was asked and what it costs. Counts are kept as asks come in, the rest is worked out when read.

    `request_ids` is the part that all request ids share; an ask's number is the rest.
    """

    def __init__(self, *, request_ids: str = "") -> None:
        self._request_ids = request_ids
        # Plain tuples: the garbage collector lets go of them, a million named ones it would walk again and again.
        self._asks: list[tuple[object, ...]] = []
        self._billed = 0
        self._in_flight = 0
        self._in_flight_by_digest: dict[bytes, int] = {}
        self.max_in_flight = 0
        self.max_in_flight_per_id = 0
        self.max_in_flight_per_card = 0
        self.asked_while_locked = 0
        self.redirects_followed = 0

    def request_id(self, number: int) -> str:
        """Return the `X-Ca-Request-Id` of the ask with this number: an upper-case UUID."""
        return f"{self._request_ids}{number:012X}"

    def write(self, ask: tuple[object, ...], *, billed: bool) -> None:
        """Append an ask, given as the fields of `Ask` in order but for the request id."""
        self._asks.append(ask)
        self._billed += billed

    def start(self, id_digest: bytes, card_digest: bytes) -> None:
        """Count an ask as in flight."""
        self._in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self._in_flight)
        if id_digest:
            self.max_in_flight_per_id = max(self.max_in_flight_per_id, self._one_more(id_digest))
        if card_digest:
            self.max_in_flight_per_card = max(self.max_in_flight_per_card, self._one_more(card_digest))

    def finish(self, id_digest: bytes, card_digest: bytes) -> None:
        """Count an ask as answered or its connection as gone."""
        self._in_flight -= 1
        for key in (id_digest, card_digest):
            left = self._in_flight_by_digest.pop(key, 0) - 1
            if left > 0:
                self._in_flight_by_digest[key] = left

    def _one_more(self, key: bytes) -> int:
        count = self._in_flight_by_digest.get(key, 0) + 1
        self._in_flight_by_digest[key] = count
        return count

    def total(self) -> int:
        """Return the number of asks received, whatever became of them."""
        return len(self._asks)

    def billed(self) -> int:
        """Return the number of asks that cost one call of the package."""
        return self._billed

    def in_flight(self) -> int:
        """Return the number of asks received and not yet answered."""
        return self._in_flight

    def asks(self) -> tuple[Ask, ...]:
        """Return every ask in the order of arrival."""
        # The copy in between is one step for the interpreter, so that another thread may write meanwhile.
        return tuple(Ask._make((*fields, self.request_id(number))) for number, fields in enumerate(tuple(self._asks), 1))

    def by_status(self) -> dict[str, int]:
        """Return asks by what was said: "01", "403 B403MQ", "302", or "none" where nothing came back."""
        return dict(Counter(_said(ask) for ask in self.asks()))

    def per_question(self) -> dict[str, int]:
        """Return how often each question was billed, by the hex of its digest. A 2 is a double charge."""
        return dict(Counter(ask.question.hex() for ask in self.asks() if ask.billed))

    def max_per_second(self) -> int:
        """Return the largest number of asks received within any one second."""
        times = [ask.monotonic for ask in self.asks()]
        most, first = 0, 0
        for last, time in enumerate(times):
            while time - times[first] >= 1:
                first += 1
            most = max(most, last - first + 1)
        return most

    def windows(self) -> list[Window]:
        """Return billed asks by ten-minute window, newest first; windows without use are absent, as at the vendor.

        Edges lie one second after each ten minutes of the clock; Beijing's eight hours are whole windows.
        """
        starts = Counter(window_start(ask.received_at) for ask in self.asks() if ask.billed)
        return [Window(start, start + WINDOW_SECONDS, starts[start]) for start in sorted(starts, reverse=True)]


def window_start(at: float) -> int:
    """Return the start of the usage window that a Unix time falls into.

    >>> window_start(1521427801.0), window_start(1521427800.9)  # 2018-03-19 10:50:01 and a moment before, in Beijing
    (1521427801, 1521427201)
    """
    return int((at - 1) // WINDOW_SECONDS) * WINDOW_SECONDS + 1


def _said(ask: Ask) -> str:
    if ask.http == 0:
        return "none"
    if ask.http == 200:
        return ask.code or "200"
    return f"{ask.http} {ask.code}".strip()
