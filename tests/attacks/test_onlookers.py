"""Whoever looks on fails or presses Ctrl-C in a Python program: what is in flight is settled first, and nothing is in doubt."""

import signal
from collections.abc import Callable

import pytest

from batchverify.errors import HomeError
from batchverify.pool import Progress
from batchverify.store.ledger import Ledger
from tests.builders import rows

PEOPLE = 300


class TheirOwnError(Exception):
    """An error of the program that uses this one."""


def raises(error: type[BaseException]) -> Callable[[Progress], None]:
    def look(progress: Progress) -> None:
        if progress.done >= 20 and progress.in_flight:
            raise error

    return look


def interrupts() -> Callable[[Progress], None]:
    pressed = []

    def look(progress: Progress) -> None:
        if progress.done >= 20 and progress.in_flight and not pressed:
            pressed.append(progress.done)
            signal.raise_signal(signal.SIGINT)

    return look


@pytest.mark.parametrize(
    ("look", "error"),
    [
        (raises(TheirOwnError), TheirOwnError),
        (raises(HomeError), HomeError),
        (raises(KeyboardInterrupt), KeyboardInterrupt),
        (interrupts(), KeyboardInterrupt),
    ],
    ids=["an error", "one of ours", "an interrupt", "Ctrl-C"],
)
def test_what_is_in_flight_is_settled_first(desk, sandbox, look, error):
    sandbox.vendor.latency_seconds = 0.03
    path = desk.sheet(rows(PEOPLE))
    desk.onlooker.on_progress = look

    with pytest.raises(error):
        desk.verify(path, concurrency=10)

    stopped_after = sandbox.bill.total()
    assert 20 <= stopped_after < PEOPLE
    with Ledger.open(desk.home / "sandbox" / "ledger.sqlite", create=False, simulated=True) as ledger:
        (job,) = ledger.jobs()
        assert {row.state.value: row.asks for row in ledger.bill(job.id)} == {"answered": stopped_after}
    assert desk.verify(path).counts() == {"matched": PEOPLE}
    assert sandbox.bill.total() == PEOPLE
