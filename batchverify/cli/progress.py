"""Progress on stderr, and Ctrl-C: once drains and settles, twice leaves."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from types import FrameType
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from batchverify.words import Lang, label_of_status

if TYPE_CHECKING:
    from batchverify.pool import Progress, StopSwitch


class Bar:
    """One bar: done of total, yuan spent of the cap, a count for each status. Silent where stderr is no terminal."""

    def __init__(self, *, lang: Lang, unit_price: Decimal) -> None:
        self._lang = lang
        self._unit_price = unit_price
        self._bar: Any = None

    def start(self, *, total: int, cap_asks: int | None) -> None:
        """Begin a run of `total` questions."""
        self._cap = "" if cap_asks is None else f"/{cap_asks * self._unit_price:.2f}"
        self._bar = tqdm(total=total, disable=None, unit="ask", dynamic_ncols=True)

    def show(self, progress: Progress) -> None:
        """Draw the newest figures."""
        if self._bar is None:
            return
        statuses = " ".join(
            f"{label_of_status(status, self._lang)} {count}" for status, count in sorted(progress.statuses.items())
        )
        with suppress(OSError):  # a terminal that is gone is no reason to leave what was asked
            self._bar.set_postfix_str(f"¥{progress.billed * self._unit_price:.2f}{self._cap} {statuses}", refresh=False)
            self._bar.update(progress.done - self._bar.n)

    def close(self) -> None:
        """Leave the last figures standing."""
        if self._bar is not None:
            self._bar.close()


def _stopping_signals() -> list[signal.Signals]:
    """The signals that stop a run; a hang-up only where nobody (nohup) has said that it means nothing."""
    hang_up = getattr(signal, "SIGHUP", None)  # Windows has none
    if hang_up is None or signal.getsignal(hang_up) is signal.SIG_IGN:
        return [signal.SIGINT, signal.SIGTERM]
    return [signal.SIGINT, signal.SIGTERM, hang_up]


@contextmanager
def stopping_on_signals(stop: StopSwitch) -> Iterator[None]:
    """Turn SIGINT, SIGTERM and a hang-up into requests to stop, for as long as the block runs in the main thread.

    Where nobody would obey, they interrupt at once: before the first ask (nothing is lost), and the second time while the
    result is written (it is there whole or not at all).
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def request(_number: int, _frame: FrameType | None) -> None:
        stop.request()
        if not stop.is_heard and (stop.level > 1 or not stop.has_begun):
            raise KeyboardInterrupt
        if stop.level == 1:
            with suppress(OSError):  # the terminal itself may be what is gone
                click.echo("\nStopping: what is in flight is awaited and written down. Once more to leave at once.", err=True)

    before = {number: signal.signal(number, request) for number in _stopping_signals()}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
