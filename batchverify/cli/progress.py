"""Progress on stderr, and Ctrl-C: once drains and settles, twice leaves."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from types import FrameType
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from batchverify.rules.prices import yuan
from batchverify.rules.windows import beijing_time
from batchverify.words import Lang, label_of_status

if TYPE_CHECKING:
    from batchverify.pool import Progress, StopSwitch


_PAUSE = (
    "Waiting until {} (Beijing time): the vendor, or the rate, allows no ask before.",
    "暂停至 {}（北京时间）：服务商或限速在此之前不允许调用。",
)


class Bar:
    """One bar: done of total, yuan spent of the cap, a count for each status. Silent where stderr is no terminal."""

    def __init__(self, *, lang: Lang, unit_price: Decimal) -> None:
        self._lang = lang
        self._unit_price = unit_price
        self._bar: Any = None
        self._told: str = ""

    def start(self, *, total: int, cap_asks: int | None) -> None:
        """Begin a run of `total` questions."""
        self._cap = "" if cap_asks is None else f"/{yuan(cap_asks * self._unit_price)}"
        self._bar = tqdm(total=total, disable=None, unit="ask", dynamic_ncols=True)

    def show(self, progress: Progress) -> None:
        """Draw the newest figures."""
        if self._bar is None:
            return
        statuses = " ".join(
            f"{label_of_status(status, self._lang)} {count}" for status, count in sorted(progress.statuses.items())
        )
        if progress.waits_until is not None:
            self._tell_pause(beijing_time(progress.waits_until)[11:19])
        with suppress(OSError):  # a terminal that is gone is no reason to leave what was asked
            self._bar.set_postfix_str(f"¥{yuan(progress.billed * self._unit_price)}{self._cap} {statuses}", refresh=False)
            self._bar.update(progress.done - self._bar.n)

    def _tell_pause(self, until: str) -> None:
        """Say once that nothing is asked until then, above the bar; also where there is no terminal and so no bar."""
        if until != self._told:
            self._told = until
            with suppress(OSError):
                tqdm.write(_PAUSE[self._lang is Lang.ZH].format(until), file=sys.stderr)

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
