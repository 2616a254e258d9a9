"""The one thread that asks: cases in turn, in the order in which they were confirmed, each until it rests.

The one thing to know: one case at a time. Two would not be faster, for all asks of a home share one rate, and each would hold the other's
people busy; and whoever stops one knows what is in flight.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from batchverify.desk import confirming
from batchverify.desk.passing import LEAVE, PAUSE, Passing, carry_out
from batchverify.desk.room import Room
from batchverify.desk.shapes import Case, Stage
from batchverify.errors import BatchVerifyError, HomeError

#: How often approvals are looked for that somebody gave at a terminal.
_LOOK_SECONDS = 2.0


class Turns:
    """The queue of a desk, and the case that is being asked."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._shelf = room.shelf
        self._passing: Passing | None = None
        self._is_closing = False
        # Signals are for the main thread; nothing here touches them.
        self._thread = threading.Thread(target=self._work, name="desk", daemon=True)

    def start(self) -> None:
        """Begin to ask what is in the queue."""
        self._thread.start()

    def close(self) -> None:
        """Drain what is in flight, and end. A case that is not done stays in the queue."""
        with self._shelf.turn:
            self._is_closing = True
            if self._passing is not None:
                self._passing.halt(LEAVE)
            self._shelf.turn.notify_all()
        self._thread.join()

    def leave(self) -> None:
        """Do not wait for what is in flight any more: it is in doubt."""
        with self._shelf.turn:
            if self._passing is not None:
                self._passing.halt(LEAVE)
                self._passing.halt_at_once()

    def passing(self, name: str) -> Passing | None:
        """The case of that id, if it is the one that is being asked."""
        passing = self._passing
        return passing if passing is not None and passing.case.id == name else None

    def halt(self, name: str, why: str) -> Case:
        """Hold a case up, wherever it is. Raises InputError where there is nothing to hold up."""
        with self._shelf.turn:
            passing = self.passing(name)
            if passing is None:
                stage = Stage.PAUSED if why == PAUSE else Stage.STOPPED
                return self._shelf.change(name, lambda now: confirming.halted(now, stage))
            passing.halt(why)
            passing.tell()
            return self._shelf.case(name)

    def _work(self) -> None:
        while (passing := self._next()) is not None:
            try:
                carry_out(passing)
            except HomeError:
                continue  # not even where it stands could be written: `_looked_at` says so as soon as that can be
            finally:
                with self._shelf.turn:
                    self._passing = None
                    passing.tell()

    def _next(self) -> Passing | None:
        """Wait for a case to ask; None once the desk closes."""
        with self._shelf.turn:
            while not self._is_closing:
                # Whoever changes a case wakes this thread; only what happens elsewhere has to be looked for.
                patience: float | None = _LOOK_SECONDS
                try:
                    cases = [self._looked_at(case) for case in self._shelf.cases()]
                    if not any(case.stage is Stage.WAITING for case in cases):
                        patience = None
                    self._passing = self._first_of(cases)
                except BatchVerifyError:
                    self._passing = None  # the disk may come back, and what was erased meanwhile is not there the next time
                    patience = _LOOK_SECONDS
                if self._passing is not None:
                    return self._passing
                self._shelf.turn.wait(patience)
            return None

    def _looked_at(self, case: Case) -> Case:
        """A case as it stands once somebody has looked at what nobody here has done."""
        if case.stage is Stage.ASKING:  # nobody asks it: the home failed as it ended
            return self._shelf.change(case.id, confirming.given_up)
        if confirming.is_approved(self._room, case):
            return self._shelf.change(case.id, confirming.released)
        return case

    def _first_of(self, cases: Sequence[Case]) -> Passing | None:
        queue = sorted((case for case in cases if case.stage is Stage.QUEUED), key=_place)
        if not queue:
            return None
        case = self._shelf.change(queue[0].id, lambda now: replace(now, stage=Stage.ASKING, problem=""))
        if case.confirmed is None:  # pragma: no cover - nothing gets into the queue unconfirmed
            return None
        return Passing(room=self._room, case=case, confirmed=case.confirmed)


def _place(case: Case) -> tuple[datetime, str]:
    return (case.changed_at if case.confirmed is None else case.confirmed.at, case.id)
