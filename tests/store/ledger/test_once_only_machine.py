"""Any order of reserving, settling, dying, recovering and clock jumps, on one ledger with two runs."""

from __future__ import annotations

import sqlite3
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from batchverify.model import AttemptState
from batchverify.store.ledger import Granted

CAP = 6
# Expiry is allowed to buy again, and tested elsewhere.
EVER = (10_000, 10_000)
FREEZE = timedelta(hours=12, minutes=10)
DRAWN = {
    ("open", "answered"),
    ("open", "not_billed"),
    ("open", "in_doubt"),
    ("in_doubt", "not_billed"),
}


def test_no_order_of_events_breaks_an_invariant(make):  # noqa: C901 - a machine is one class of many rules
    """Invariants 3, 4, 6, 8 and 9 of RELIABILITY §3, against a model that knows nothing of SQL."""

    class Machine(RuleBasedStateMachine):
        @initialize()
        def open_ledger(self):
            self.folder = tempfile.TemporaryDirectory()
            self.desk = make.Desk(Path(self.folder.name) / "ledger.sqlite")
            self.runs = [self.desk.start(cap_asks=CAP, reuse_days=EVER), self.desk.start(reuse_days=EVER)]
            self.open: dict[int, tuple] = {}
            self.paid: dict[bytes, int] = {}
            self.frozen: dict[bytes, float] = {}
            self.states: dict[int, str] = {}

        @rule(
            run=st.integers(0, 1),
            wanted=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=6),
        )
        def reserve(self, run, wanted):
            wants = [make.want(f"{q}{p}{c}", person=str(p), card=str(c)) for q, p, c in wanted]
            for want, grant in zip(wants, self.desk.reserve(*wants, run=self.runs[run]), strict=True):
                if isinstance(grant, Granted):
                    assert want.key not in self.paid, "an answered or doubtful question was asked again"
                    assert self.frozen.get(want.id_tag, 0.0) <= self.desk.monotonic, "a locked ID number was asked for"
                    assert all(
                        want.key != other.key and want.id_tag != other.id_tag and want.card_tag != other.card_tag
                        for other in self.open.values()
                    ), "a question, ID number or card was in flight twice"
                    self.open[grant.attempt] = want

        @precondition(lambda self: self.open)
        @rule(pick=st.randoms(use_true_random=False), how=st.sampled_from(["answered", "203", "not_billed", "in_doubt"]))
        def settle(self, pick, how):
            number = pick.choice(sorted(self.open))
            want = self.open.pop(number)
            if how == "203":
                settlement = make.answered(number, code="203", lock_until=self.desk.now + FREEZE)
                self.frozen[want.id_tag] = self.desk.monotonic + FREEZE.total_seconds()
            elif how == "answered":
                settlement = make.answered(number)
                self.paid[want.key] = number
            else:
                settlement = make.ended(number, AttemptState(how))
                if how == "in_doubt":
                    self.paid[want.key] = number
            assert self.desk.settle(settlement) == []
            assert self.desk.settle(settlement) == [number]

        @rule(seconds=st.sampled_from([1, 40, 3_600, 50_000]))
        def pass_time(self, seconds):
            self.desk.pass_time(seconds)

        @rule(days=st.sampled_from([-400, -1, 1, 20]))
        def jump_clock(self, days):
            self.desk.now += timedelta(days=days)

        @rule(dead=st.booleans())
        def recover(self, dead):
            self.desk.recover(dead=dead)
            for number, want in list(self.open.items()):
                if self.attempt(number)[0] == "in_doubt":
                    self.paid[want.key] = number
                    del self.open[number]
            if dead:
                assert self.open == {}
                self.runs = [self.desk.start(cap_asks=CAP, reuse_days=EVER), self.desk.start(reuse_days=EVER)]
            assert self.desk.recover(dead=False) == 0

        def attempt(self, number):
            return self.query("SELECT state, released FROM attempt WHERE number = ?", number)[0]

        def query(self, statement, *values):
            with sqlite3.connect(self.desk.path) as con:
                found = con.execute(statement, values).fetchall()
            con.close()
            return found

        @invariant()
        def only_drawn_transitions(self):
            now = dict(self.query("SELECT number, state FROM attempt"))
            for number, state in self.states.items():
                assert now[number] == state or (state, now[number]) in DRAWN
            self.states = now

        @invariant()
        def spent_and_reserved_stay_below_the_cap_and_are_true(self):
            counted = {
                run: (spent, flying)
                for run, spent, flying in self.query(
                    "SELECT run, sum(state <> 'open' AND billed <> '0'), sum(state = 'open') FROM attempt GROUP BY run"
                )
            }
            for number, spent, reserved, cap in self.query("SELECT number, spent, reserved, cap_asks FROM run"):
                assert (spent, reserved) == counted.get(number, (0, 0))
                assert cap is None or spent + reserved <= cap
            totals = (sum(spent for spent, _ in counted.values()), sum(flying for _, flying in counted.values()))
            assert self.query("SELECT spent, reserved FROM purse") == [totals]

        @invariant()
        def every_chain_holds(self):
            assert all(self.desk.ledger.audit().verify_chain(run.id) for run in self.desk.ledger.runs(self.desk.job.id))

        def teardown(self):
            if hasattr(self, "desk"):
                self.desk.ledger.close()
                self.folder.cleanup()

    Machine.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
    case = Machine.TestCase("runTest")
    case.runTest()


@pytest.mark.parametrize("qps", [1, 10, 50])
def test_no_one_second_window_exceeds_the_rate_even_with_jitter(desk, make, qps):
    run = desk.start(qps=qps)
    sent = []
    for step in range(600):
        grants = desk.reserve(*(make.want(f"{step} {number}") for number in range(5)), run=run)
        # The worst jitter: alternately none and all of the 80 ms that the rate allows for.
        sent += [desk.monotonic + 0.08 * (step % 2) for grant in grants if isinstance(grant, Granted)]
        desk.pass_time(0.0073)
    sent.sort()

    assert max(sum(start <= at < start + 1.0 for at in sent) for start in sent) <= qps
    assert len(sent) >= int(600 * 0.0073 * qps / 1.2)
