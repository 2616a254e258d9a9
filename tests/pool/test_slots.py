"""A slot of the shared rate is for now: an ask that misses it is not sent into the second of the asks behind it."""

from __future__ import annotations

import time
from datetime import timedelta

from batchverify.errors import NotSent
from batchverify.model import Answer, Reply
from batchverify.store.ledger import Reuse, RunKind, RunSpec
from tests.builders import rows

QPS = 40.0


class Patient:
    """Answers 01, and writes down how long each ask may wait before it leaves. The first `late` tries of row `of` come too late."""

    def __init__(self, *, late: int = 0, of: str = "") -> None:
        self.waits: list[float] = []
        self.waits_of_late: list[float] = []
        self._late, self._of = late, of

    async def ask(self, query, *, send_before):
        wait = send_before - time.monotonic()
        self.waits.append(wait)
        if query.id_card == self._of:
            self.waits_of_late.append(wait)
            if len(self.waits_of_late) <= self._late:
                raise NotSent("Too late.", code="late")
        return Reply(answer=Answer(status="01", message="", details={}), request_id="", vendor_at=None)


def _at_a_low_rate(gate) -> None:
    """Put a run of 40 asks a second in the place of the gate's own."""
    clock = gate.realm.clock
    reuse = Reuse(matched_after=clock.now() - timedelta(days=1), other_after=clock.now())
    spec = RunSpec(kind=RunKind.RESUME, reuse=reuse, lock=gate.run.spec.lock, boot=clock.boot, qps=QPS)
    gate.run = gate.realm.ledger.start_run(gate.job.id, spec, now=clock.now(), monotonic=clock.monotonic())


def test_while_the_rate_is_short_an_ask_leaves_at_once_or_not_at_all(gate):
    _at_a_low_rate(gate)
    asker = Patient()

    assert gate.ask(asker, rows(30)) == ""
    assert len(asker.waits) == 30
    # The first ones are sent before anybody had to wait for a slot: they keep the 5 s of the gate.
    assert max(asker.waits[8:]) < 1


def test_where_the_rate_is_not_short_nobody_is_hurried(gate):
    asker = Patient()

    assert gate.ask(asker, rows(12)) == ""
    assert min(asker.waits) > 4


def test_each_try_that_came_too_late_has_more_patience_and_costs_nothing(gate):
    _at_a_low_rate(gate)
    people = rows(30)
    asker = Patient(late=3, of=people[15]["idCard"])

    assert gate.ask(asker, people) == ""
    assert len(asker.waits_of_late) == 4
    assert asker.waits_of_late[-1] > asker.waits_of_late[0] + 0.3, "0.08 s doubled three times is 0.64 s."
    assert gate.told[-1].billed == 30
