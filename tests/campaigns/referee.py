"""Who watches while a world runs: what each ask may leave on, and what must be true of the ledger after every commit.

The one thing to know: the referee reads the file over a connection of its own, so it sees what is durable and nothing
else, and its clock is the world's true one. What it notes in `broken` are sentences; none is well.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from batchverify.model import Attempt, AttemptState
from batchverify.store.ledger import Run
from batchverify.store.ledger.rate import JITTER_SECONDS

_NEWEST = "SELECT number, run, state, id_tag, reserved_mono FROM attempt WHERE key = ? ORDER BY number DESC LIMIT 1"
# Not what the ledger has as locked, but what the vendor has said.
_LOCKED = "SELECT number, id_tag FROM attempt WHERE state = 'answered' AND code = '203'"
# Counted anew from the attempts, not by the counters that the product keeps.
_TAKEN = """
SELECT run, sum(state = 'open' OR state <> 'not_billed' AND billed <> '0'), sum(state = 'open') FROM attempt GROUP BY run
"""
_TWICE = """
SELECT 'question' FROM attempt WHERE released = 0 GROUP BY key HAVING count(*) > 1
UNION ALL SELECT 'ID number' FROM attempt WHERE state = 'open' GROUP BY id_tag HAVING count(*) > 1
UNION ALL SELECT 'card' FROM attempt WHERE state = 'open' AND card_tag IS NOT NULL GROUP BY card_tag HAVING count(*) > 1
"""
_SETTLED = "SELECT state, code FROM attempt WHERE number = ?"
#: Instants of the world are sums of floats.
_TINY = 1e-6
#: What a lock must last: the vendor's 12 hours and what clocks may differ by.
LOCK_SECONDS = 43_800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """What the machine's clocks say: how many boots there were, how far ahead the wall clock is, and the monotonic one."""

    boots: int
    wall_offset: float
    monotonic: float


@dataclass(slots=True, kw_only=True)
class Referee:
    """Judges one world. `keys` are the ledger's keys by the target that asks for them."""

    con: sqlite3.Connection
    keys: dict[bytes, bytes]
    clocks: Callable[[], Clocks]
    broken: list[str] = field(default_factory=list)
    #: By attempt: whether the vendor has billed it; None while it has not arrived.
    sent: dict[int, bool | None] = field(default_factory=dict)
    #: When asks left, and how long after the slot that the rate gave them.
    departures: list[tuple[float, float]] = field(default_factory=list)
    #: Asks for a locked ID number after a restart with a clock that was set forward: nothing on the machine can tell.
    excused: int = 0
    _limits: dict[int, tuple[int, int]] = field(default_factory=dict)
    _locks: dict[bytes, tuple[float, Clocks]] = field(default_factory=dict)
    _locking: set[int] = field(default_factory=set)
    _seen: int = 0

    def began(self, run: Run, *, cap: int, concurrency: int) -> None:
        """Note a run that has begun, what it may take and what it may have in flight."""
        self._limits[run.number] = cap, concurrency

    def left(self, target: bytes, *, at: float, run: int, may_be_in_doubt: bool, failure_known_since: float | None) -> int:
        """Judge an ask as it leaves (invariants 2 and 12); returns its attempt, 0 where there is none."""
        found = self.con.execute(_NEWEST, (self.keys[target],)).fetchone()
        if found is None:
            self._note(at, "An ask left without an intent.")
            return 0
        number, owner, state, id_tag, slot = found
        self.departures.append((at, self.clocks().monotonic - slot))
        if number in self.sent:
            self._note(at, f"Attempt {number} left twice.")
        if owner != run:
            self._note(at, f"Run {run} sent attempt {number}, which is run {owner}'s.")
        if state != AttemptState.OPEN and not (may_be_in_doubt and state == AttemptState.IN_DOUBT):
            self._note(at, f"Attempt {number} left when it was {state}.")
        if failure_known_since is not None and at > failure_known_since + _TINY:
            self._note(at, f"Attempt {number} left {at - failure_known_since:.3f} s after the ledger was known to have failed.")
        if state == AttemptState.OPEN:
            self._judge_lock(at, number, id_tag)
        self.sent.setdefault(int(number), None)
        return int(number)

    def arrived(self, attempt: int, *, billed: bool) -> None:
        """Note that the vendor has counted an ask."""
        self.sent[attempt] = billed or bool(self.sent.get(attempt))

    def look(self, at: float) -> None:
        """Judge the file as it stands (invariants 3, 6 and the half of 7 that is about what is in flight)."""
        (version,) = self.con.execute("PRAGMA data_version").fetchone()
        if version == self._seen:
            return
        self._seen = version
        for run, taken, flying in self.con.execute(_TAKEN).fetchall():
            cap, most = self._limits.get(run, (0, 0))
            if taken > cap:
                self._note(at, f"Run {run} took {taken} of {cap}.")
            if flying > most:
                self._note(at, f"Run {run} has {flying} in flight of {most}.")
        for (kind,) in self.con.execute(_TWICE).fetchall():
            self._note(at, f"A {kind} is held twice.")
        for number, id_tag in self.con.execute(_LOCKED).fetchall():
            if number not in self._locking:
                self._locking.add(number)
                self._locks[id_tag] = at, self.clocks()

    def remembered(self, attempts: Sequence[Attempt]) -> None:
        """Judge what is written behind the ledger: only what stands in it."""
        for attempt in attempts:
            found = self.con.execute(_SETTLED, (attempt.number,)).fetchone()
            if found != (attempt.state, attempt.code):
                self.broken.append(f"Attempt {attempt.number} was remembered as {attempt.state} {attempt.code}, and is {found}.")

    def judge_ends(self) -> None:
        """Judge what became of each attempt (invariant 5, one by one)."""
        for number, state, code, billed in self.con.execute("SELECT number, state, code, billed FROM attempt").fetchall():
            was_billed = self.sent.get(number)
            if was_billed and billed == "0":
                self.broken.append(f"Attempt {number} was billed, and the ledger has it as {state} ({code}), not billed.")
            if state == AttemptState.ANSWERED and was_billed is None:
                self.broken.append(f"Attempt {number} has an answer, and never arrived.")
            if billed == "1" and not was_billed:
                self.broken.append(f"Attempt {number} was not billed, and the ledger has it as {state} ({code}), billed.")

    def judge_rate(self, qps: float) -> int:
        """Judge the rate of all processes together (the other half of invariant 7): of asks that left when they were to leave.

        One whose connection took long may leave late while the rate is not short, and then makes a second too full. Returns
        how many of the asks were one too many for that reason.
        """
        punctual = [at for at, late in self.departures if late <= JITTER_SECONDS]
        if (most := _most_in_a_second(punctual)) > qps:
            self.broken.append(f"{most} asks left on time within one second, and {qps:g} may.")
        return max(0, _most_in_a_second([at for at, _ in self.departures]) - int(qps))

    def _judge_lock(self, at: float, attempt: int, id_tag: bytes) -> None:
        """No ask for an ID number that stands locked in the ledger (invariant 9)."""
        locked_at, then = self._locks.get(id_tag, (-LOCK_SECONDS, self.clocks()))
        if at - locked_at >= LOCK_SECONDS - 1:
            return
        now = self.clocks()
        if now.boots > then.boots and now.wall_offset > then.wall_offset:
            self.excused += 1
        else:
            self._note(at, f"Attempt {attempt} left {at - locked_at:.0f} s after its ID number was locked.")

    def _note(self, at: float, what: str) -> None:
        self.broken.append(f"At {at:.3f}: {what}")


def _most_in_a_second(instants: Sequence[float]) -> int:
    first = most = 0
    for last, at in enumerate(instants):
        while at - instants[first] >= 1.0 - _TINY:
            first += 1
        most = max(most, last - first + 1)
    return most
