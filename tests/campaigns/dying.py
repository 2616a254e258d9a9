"""The command line, dying or falling asleep at one exact place: `python -m tests.campaigns.dying POINT ARGUMENT...`.

The one thing to know: no step is left out or done otherwise. Each goes its way as ever, and before or after it the process
kills itself with the signal that no `finally` and no handler survives, so what is on the disk is what a crash leaves.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

#: What a process that slept through its lease wakes up with: its clock has gone on.
ASLEEP_SECONDS = 31.0
_ROWS_WRITTEN = 3
_ASKS_BEFORE_SLEEP = 9


def die() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def before_intent() -> None:
    """Die when asks are granted and the transaction that grants them is not committed."""
    from batchverify.store.ledger.gate import Gate

    reserve = Gate.reserve

    def reserve_and_die(self: Any, *arguments: Any, **words: Any) -> Any:
        grants = reserve(self, *arguments, **words)
        if grants:
            die()
        return grants

    Gate.reserve = reserve_and_die  # type: ignore[method-assign]


def after_intent() -> None:
    """Die when the intents are durable and no byte has left."""
    from batchverify.vendor.client import WireTransport

    async def die_before_sending(*_arguments: Any, **_words: Any) -> Any:
        die()

    WireTransport.exchange = die_before_sending  # type: ignore[method-assign]


def before_settlement() -> None:
    """Die when an answer was read and nothing of it is written down."""
    from batchverify.store.ledger.gate import Gate

    settle = Gate.settle

    def die_and_settle(self: Any, settlements: Any) -> Any:
        if settlements:
            die()
        return settle(self, settlements)

    Gate.settle = die_and_settle  # type: ignore[method-assign]


def in_recovery() -> None:
    """Die when lost runs were ended and the transaction that ends them is not committed."""
    from batchverify.store.ledger import jobs

    end_lost = jobs.end_lost

    def end_and_die(*arguments: Any, **words: Any) -> int:
        ended = end_lost(*arguments, **words)
        if ended:
            die()
        return ended

    jobs.end_lost = end_and_die


def in_the_middle_of_the_result() -> None:
    """Die when some rows of the result are written."""
    from batchverify.tables import csv_writer

    rows = csv_writer._rows

    def some_rows(*arguments: Any, **words: Any) -> Any:
        for number, row in enumerate(rows(*arguments, **words)):
            if number == _ROWS_WRITTEN:
                die()
            yield row

    csv_writer._rows = some_rows


def before_the_result_has_its_name() -> None:
    """Die when the whole result is on the disk, and still hidden."""
    _die_at_the_rename(late=False)


def after_the_result_has_its_name() -> None:
    """Die when the result has its name, and the ledger does not know of it."""
    _die_at_the_rename(late=True)


def _die_at_the_rename(*, late: bool) -> None:
    renamed: list[bool] = []

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename" and ".verified." in str(arguments[1]):
            if not late:
                die()
            renamed.append(True)
        elif event == "open" and renamed:
            die()  # the folder is opened next, to make the new name durable

    sys.addaudithook(look)


def with_a_new_key_prepared() -> None:
    """Die when the new key is in the key file, and the ledger is under the old one."""
    from batchverify.store.ledger.renewing import Renewal

    Renewal.renew = lambda *_arguments, **_words: die()  # type: ignore[method-assign,assignment,return-value]


def in_the_renewal() -> None:
    """Die when every code is wrapped anew, and the transaction is not committed."""
    from batchverify.store.ledger import renewing

    attempts = renewing._attempts

    def renew_and_die(*arguments: Any, **words: Any) -> Any:
        attempts(*arguments, **words)
        die()

    renewing._attempts = renew_and_die


def with_a_new_key_in_the_ledger() -> None:
    """Die when the ledger is under the new key, and the cache is not."""
    from batchverify.store.cache import Cache

    Cache.clear = lambda _self: die()  # type: ignore[method-assign]


def before_the_old_key_goes() -> None:
    """Die when nothing is under the old key any more, and it is still in the key file."""
    from batchverify.store.key_ring import KeyRing

    KeyRing.settled = lambda _self: die()  # type: ignore[method-assign,assignment,return-value]


def asleep() -> None:
    """Stop at the send of one ask, its intent being durable, until somebody wakes the process; its clock has gone on by then."""
    real, slept, asks = time.monotonic, [0.0], [0]
    # Before anything of ours is imported, as a clock is taken where it is found.
    time.monotonic = lambda: real() + slept[0]
    from batchverify.vendor.client import WireTransport

    exchange = WireTransport.exchange

    async def sleep_and_send(self: Any, *arguments: Any, **words: Any) -> Any:
        asks[0] += 1
        if asks[0] == _ASKS_BEFORE_SLEEP:
            os.kill(os.getpid(), signal.SIGSTOP)
            slept[0] = ASLEEP_SECONDS
        return await exchange(self, *arguments, **words)

    WireTransport.exchange = sleep_and_send  # type: ignore[method-assign]


POINTS = {
    point.__name__: point
    for point in (
        before_intent,
        after_intent,
        before_settlement,
        in_recovery,
        in_the_middle_of_the_result,
        before_the_result_has_its_name,
        after_the_result_has_its_name,
        with_a_new_key_prepared,
        in_the_renewal,
        with_a_new_key_in_the_ledger,
        before_the_old_key_goes,
        asleep,
    )
}

if __name__ == "__main__":
    point, sys.argv[:2] = POINTS[sys.argv[1]], ["batchverify"]
    point()
    from batchverify.cli import main

    main()
