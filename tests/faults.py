"""The fault matrix: everything that may go wrong, what must come of it, and which tests prove it.

The one thing to know: a test says by `@proves(Danger.X)` which row it proves, `case` being the id of a parametrized one.
`proofs` reads these marks from the source, so README's table cannot name a test that is not there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path

import pytest

from batchverify.sandbox.faults import Fault
from tests.marks import TESTS, Proof, by_row, case_in, marked

_HELD = "in doubt, one ask; never sent again by itself"
_FREE = "not billed; asked again later, each attempt one ask"
_STOPS = "exit 4 within what is in flight, partial result; once it is mended `resume` repeats nothing"
_UNSENT = "not billed; five tries, then failed and named"
_UNTRUSTED = f"nothing leaves; {_UNSENT}; there is no switch to look away"
_HOME_FAILS = "exit 5, no ask after it, nothing lost; goes on once there is room"


class Danger(Enum):
    """A row of the matrix: what happens, and what must come of it."""

    KILLED_BEFORE_INTENT = "kill -9 before the intent is durable", "asked later, for nothing"
    KILLED_AFTER_INTENT = "kill -9 after the intent, before a byte leaves", "in doubt; never sent again by itself"
    KILLED_IN_FLIGHT = "kill -9 while the ask is under way", "in doubt; never sent again by itself"
    KILLED_BEFORE_SETTLEMENT = "kill -9 after the answer, before it is written down", "in doubt; never sent again by itself"
    KILLED_WRITING = "kill -9 while the result is written", "no file, the old one or the whole new one; `render` draws it, 0 asks"
    KILLED_IN_RECOVERY = "kill -9 during recovery, three times over", "recovered once, counted once"
    KILLED_AT_RANDOM = "kill -9 at any instant, again and again", "no row lost, nothing paid twice without a flag"
    CTRL_C = "Ctrl-C", "drained and written, exit 130, nothing in doubt"
    SIGTERM = "SIGTERM", "drained and written, exit 130, nothing in doubt"
    HUNG_UP = "the terminal hangs up", "drained and written, nothing in doubt"
    STOPPED_TWICE = "Ctrl-C twice", "leaves at once, exit 130; what is in flight is in doubt"
    SLEPT = "SIGSTOP past the lease", "another run calls it lost; after waking it sends nothing"
    FULL_AT_START = "disk full before the first ask", "noticed by a real synced write, nothing sent"
    FULL_LEDGER = "disk full under the ledger", _HOME_FAILS
    FULL_OUTPUT = "disk full under the result", "exit 5, no half of a file, every answer kept; `render` draws it, 0 asks"
    READ_ONLY = "home is read-only", "exit 5, nothing sent"
    EIO = "the disk fails under the ledger (EIO)", _HOME_FAILS
    CLOCK_FORWARD = "clock set forward during a run", "rates, deadlines and bill as if it had not been"
    CLOCK_BACK = "clock set back during a run", "rates, deadlines and bill as if it had not been"
    CLOCK_FORWARD_BETWEEN = "clock set forward between runs", "no lock and no day ends sooner"
    CLOCK_BACK_BETWEEN = "clock set back between runs", "no lock and no day ends sooner, nothing bought again"
    POWER_CUT = (
        "the power goes, and the disk keeps nothing unsynced",
        "no ask that had left is forgotten; goes on, nothing paid twice",
    )
    DAMAGED = "ledger damaged", "refused, exit 5, left as it is; `doctor` says so"
    TWO_PROCESSES = "two processes on one home", "each question once, one bill"
    MANY_PROCESSES = "many processes on one home", "each question once, one rate over all"
    RESET_UNREAD = "connection reset before the ask is read", "in doubt, written once; never sent again by itself"
    RESET_BEFORE = "connection reset before the vendor saw the ask", _HELD
    RESET_AFTER = "connection reset after the ask", _HELD
    CLOSED_AFTER = "connection closed without an answer", _HELD
    STALE = "kept connection closed by the server", "the answer counts; the next ask takes another connection, sent once"
    DIES_UNDER_ASK = "kept connection dies under an ask", _HELD
    SLOW_DRIP = "answer drips byte by byte", f"ends at the total deadline; {_HELD}"
    NEVER = "never answers", f"ends at the total deadline; {_HELD}"
    TRUNCATED_LENGTH = "answer cut, with length", _HELD
    TRUNCATED_CHUNKED = "answer cut, in chunks", _HELD
    WRONG_LENGTH = "answer longer than its length", _HELD
    HTML = "HTML page with 200", _HELD
    NOT_JSON = "no JSON", _HELD
    GZIP_BOMB = "gzip bomb", f"never unpacked; {_HELD}"
    HUGE_BODY = "answer of 1 MiB", f"read to 64 KiB; {_HELD}"
    WRONG_ECHO = "answer about another person", f"attached to no row, stops the run; {_HELD}"
    NUMBER_FOR_STRING = "number where a text belongs", _HELD
    NAN = "NaN", _HELD
    DUPLICATE_KEYS = "a key twice", _HELD
    UNKNOWN_STATUS = "status nobody knows", _HELD
    STATUS_9999 = "status 9999", _HELD
    REDIRECT = "redirect", f"not followed; {_HELD}"
    ERROR_500 = "500 of the gateway", _HELD
    ERROR_500_PLAIN = "500 of the vendor", _HELD
    ERROR_502 = "502 of the gateway", _HELD
    ERROR_502_PLAIN = "502 of the vendor", _HELD
    ERROR_503 = "503 of the gateway", _FREE
    ERROR_503_PLAIN = "503 of the vendor", _HELD
    BREAKER_503 = "the gateway's own breaker is open", f"waits as long as it says; {_FREE}"
    ERROR_504 = "504", _HELD
    THROTTLE_429 = "429", _FREE
    THROTTLE_403 = "403 throttle, the old style", _FREE
    THROTTLE_BURST = "burst of throttles", "all rows finish, never more than the rate allows"
    BURST_5XX = "burst of 5xx", "five sent before the breaker opens"
    TOO_MUCH_DOUBT = "too much in doubt", "the run stops, what is left is not run"
    QUOTA = "package used up in the middle", _STOPS
    QUOTA_EXPIRED = "package expires", _STOPS
    REVOKED = "AppCode revoked in the middle", _STOPS
    UNAUTHORIZED = "AppCode of another product", _STOPS
    ARREARS = "account in arrears in the middle", _STOPS
    BUDGET = "budget reached", "stops exactly at the cap"
    DNS = "name does not resolve", _UNSENT
    REFUSED_PORT = "nobody listens", _UNSENT
    TLS_EXPIRED = "TLS: certificate expired", _UNTRUSTED
    TLS_WRONG_HOST = "TLS: certificate of another host", _UNTRUSTED
    TLS_SELF_SIGNED = "TLS: signed by nobody we trust", _UNTRUSTED
    TLS_PLAIN_PORT = "TLS: the port speaks plain HTTP", _UNTRUSTED
    DUPLICATES = "duplicates in a file", "one ask, every row annotated"
    DUPLICATES_ACROSS = "duplicates across files", "one ask, every row annotated"
    DUPLICATES_WRITTEN = "duplicates written differently", "one ask, every row annotated"
    SAME_ID = "one ID number with many cards", "one at a time"
    SAME_CARD = "one card with many names", "one at a time, four asks a day"
    LOCKED = "203", "ID number locked in every file, other rows go on, exit 3 with the time"
    LOCKED_RESTART = "203, then a restart", "still locked"
    INPUT_EDITED = "input edited during a run", "noticed by its hash; the changed file is not written to"
    MANY_ROWS = "a hundred thousand rows and more", "memory stays within a bound"

    def __init__(self, fault: str, outcome: str) -> None:
        self.fault = fault
        self.outcome = outcome


#: What the sandbox does to one ask, and the row of the matrix it is.
STRUCK: Mapping[Fault, Danger] = {
    fault: Danger["CLOSED_AFTER" if fault is Fault.CLOSE_AFTER else fault.name.replace("QUOTA_EXHAUSTED", "QUOTA")]
    for fault in Fault
}


def proves(*dangers: Danger, case: str = "") -> pytest.MarkDecorator:
    """Mark a test as the proof of these rows; `case` is the id of the parametrized test that proves them."""
    if not dangers or not all(isinstance(danger, Danger) for danger in dangers):
        raise TypeError("Name the rows of the fault matrix that the test proves.")
    return pytest.mark.fault(*dangers, case=case)


def proves_each(struck: Mapping[Fault, Danger]) -> pytest.MarkDecorator:
    """Mark a test with one case for each fault of the sandbox, whose id is the fault's word."""
    return pytest.mark.fault(*struck.values(), case="")


def proofs(folder: Path = TESTS) -> dict[Danger, list[Proof]]:
    """Read from the source which tests prove which rows, in the order of the rows and of the files."""
    return by_row(Danger, marked(_read, by="proves", folder=folder))


def _read(mark: ast.expr, test: str) -> Iterator[tuple[Danger, str]]:
    match mark:
        case ast.Call(func=ast.Name(id="proves"), args=args, keywords=keywords):
            for arg in args:
                if not isinstance(arg, ast.Attribute):
                    raise TypeError(f"{test} does not name the rows it proves as Danger.X.")
                yield Danger[arg.attr], case_in(keywords)
        case ast.Call(func=ast.Name(id="proves_each"), args=[ast.Name(id="STRUCK")]):
            yield from ((danger, fault.value) for fault, danger in STRUCK.items())
        case _:
            pass
