"""The end of a job, told to another program: a signed POST without a person, a name or a file in it.

The one thing to know: whoever uploads names the address, so it is taken only on hosts of the setting `webhook_hosts`, and nothing
is followed from there: no redirect, no proxy. The receiver checks the signature and then asks the API, with a token of its own.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import logging
import ssl
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from queue import Queue
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from batchverify.desk import Case, Stage
from batchverify.errors import BatchVerifyError, InputError
from batchverify.rules.windows import beijing_time
from batchverify.settings import Settings
from batchverify.vendor.wire import tls_context

if TYPE_CHECKING:
    from batchverify.desk import Desk

_log = logging.getLogger(__name__)

#: How long is waited before each try: somebody may be restarting what listens there.
WAITS_SECONDS: Final = (0.0, 5.0, 60.0, 600.0)
_PATIENCE_SECONDS: Final = 10.0
_LONGEST_ADDRESS: Final = 500
_SUCCESS: Final = range(200, 300)
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_TOLD: Final = frozenset({Stage.ENDED, Stage.STOPPED, Stage.REFUSED})


def check_address(address: str, settings: Settings) -> SplitResult:
    """The parts of an address that may be told.

    Raises:
        InputError: It is not one that may be told. Nothing was sent.
    """
    try:
        parts = urlsplit(address)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if (
        not host
        or len(address) > _LONGEST_ADDRESS
        or not address.isascii()
        or any(character <= " " or character == "\\" for character in address)
        or parts.username is not None
        or parts.password is not None
        or parts.fragment
        or parts.scheme not in {"https", "http"}
    ):
        raise InputError("The address to notify is no https address of a host and a path. Nothing was kept.")
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise InputError("The address to notify is http, which anybody between can change. Use https. Nothing was kept.")
    named = f"[{host}]" if ":" in host else host
    usual = 80 if parts.scheme == "http" else 443
    wanted = {f"{named}:{port or usual}"} | ({named} if port in {None, usual} else set())
    if not wanted & {one.lower() for one in settings.webhook_hosts}:
        raise InputError(
            "The host to notify is not in the setting 'webhook_hosts', or not with that port. Whoever keeps this server adds it there. Nothing was kept."
        )
    if settings.webhook_secret is None:
        raise InputError(
            "The setting 'webhook_secret' is missing, and without it nobody could tell who notifies. Whoever keeps this server sets "
            "it. Nothing was kept."
        )
    return parts


def message_of(case: Case) -> dict[str, object]:
    """What is told of a job's end: how it stands, counts, and nothing of any row or file."""
    summary = case.summary or {}
    asks = summary.get("asks", {})
    return {
        "event": "job.over",
        "job": case.id,
        "stage": case.stage,
        "ending": case.ending,
        "simulated": case.simulated,
        "status": summary.get("status", {}),
        "billed": asks.get("billed", 0),
        "in_doubt": asks.get("in_doubt", 0),
        "at": beijing_time(case.changed_at),
        "version": case.version,
    }


def signature_of(secret: str, timestamp: str, body: bytes) -> str:
    """The signature that a receiver computes likewise and compares.

    >>> signature_of("a secret", "1764000000", b"{}")[:20]
    'sha256=648350b0b8d82'
    """
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class Hooks:
    """Tells the ends of a desk's jobs, one after another, in a thread of its own."""

    def __init__(self, desk: Desk, *, now: Callable[[], datetime], waits_seconds: tuple[float, ...] = WAITS_SECONDS) -> None:
        self._desk = desk
        self._now = now
        self._waits = waits_seconds
        self._queue: Queue[str | None] = Queue()
        self._closing = threading.Event()
        self._end = desk.subscribe(self._queue.put)
        for case in desk.cases():  # what ended while no server ran, or was not reached
            self._queue.put(case.id)
        self._thread = threading.Thread(target=self._work, name="hooks", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Tell nothing more. What was not told is told at the next start."""
        self._end()
        self._closing.set()
        self._queue.put(None)
        self._thread.join(_PATIENCE_SECONDS)

    def _work(self) -> None:
        while (case_id := self._queue.get()) is not None and not self._closing.is_set():
            try:
                case = self._desk.case(case_id)
            except InputError:
                continue  # removed meanwhile
            try:
                if case.notify and not case.is_told and case.stage in _TOLD and self._tell(case):
                    self._desk.told(case_id)
            except BatchVerifyError as error:
                _log.warning("A webhook was not sent: %s", error)

    def _tell(self, case: Case) -> bool:
        """Tell an end, with a few tries; True also where nobody can be told, for then there is nothing to repeat."""
        try:
            parts = check_address(case.notify, self._desk.settings)
        except InputError as error:
            _log.warning("The end of %s is told to nobody: %s", case.id, error)
            return True
        secret = self._desk.settings.webhook_secret
        body = json.dumps(message_of(case), ensure_ascii=False, separators=(",", ":")).encode()
        problem = ""
        for seconds in self._waits:
            if self._closing.wait(seconds):
                return False
            timestamp = str(int(self._now().timestamp()))
            headers = {
                "Content-Type": "application/json",
                "User-Agent": "batchverify",
                "X-Batchverify-Delivery": f"{case.id}-{case.version}",
                "X-Batchverify-Timestamp": timestamp,
                "X-Batchverify-Signature": signature_of(secret.get_secret_value() if secret else "", timestamp, body),
            }
            problem = _posted(parts, body, headers)
            if not problem:
                return True
        _log.warning("The end of %s could not be told: %s", case.id, problem)
        return True


def _posted(parts: SplitResult, body: bytes, headers: Mapping[str, str]) -> str:
    """Send it once; "" where it was taken, else what went wrong, without the address: it may hold a token."""
    host = parts.hostname or ""
    if parts.scheme == "https":
        # As towards the vendor: this machine's own authorities, no key log, whatever the environment says.
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, parts.port, timeout=_PATIENCE_SECONDS, context=tls_context()
        )
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=_PATIENCE_SECONDS)
    # A receiver that drips would hold the others up for ever: each read of a socket has its own patience.
    watch = threading.Timer(_PATIENCE_SECONDS, lambda: connection.sock and connection.sock.close())
    watch.daemon = True
    watch.start()
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body=body, headers=dict(headers))
        status = connection.getresponse().status
    except (OSError, ssl.SSLError, http.client.HTTPException) as error:
        return f"{type(error).__name__}."
    finally:
        watch.cancel()
        connection.close()
    return "" if status in _SUCCESS else f"The receiver answered {status}."
