"""A month's work in any order: whatever is done next, every command says the same of the money, and the vendor agrees."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from batchverify.errors import InputError
from batchverify.job import Bounds, Delivery, Options
from batchverify.job.checking import check_report
from batchverify.job.realm import open_realm
from batchverify.job.reconciling import reconcile_exports
from batchverify.job.reporting import report_job
from batchverify.job.retention import forgetting, purging
from batchverify.job.usage import UsageBy, usage_of
from batchverify.job.wallet import enter_packages, holdings
from batchverify.model import Billed, RowStatus
from batchverify.rules.subject import numbers_of
from batchverify.rules.windows import BEIJING
from batchverify.sandbox import Fault, Rule
from batchverify.store.ledger import NewPackage
from batchverify.words import Lang
from tests.attacks.test_exports import a_csv, spelled
from tests.builders import a_row, an_id
from tests.campaigns.month import LeapingClock, TimedDesk

BEGIN = datetime(2027, 3, 1, 9, 0, tzinfo=BEIJING)
DOUBT = frozenset({RowStatus.IN_DOUBT})


class Month:
    """A desk, its vendor, and what has been done so far."""

    def __init__(self, desk, sandbox, clock, seed):
        self.desk, self.sandbox, self.clock = desk, sandbox, clock
        self.random = random.Random(seed)
        self.now = BEGIN
        self.jobs = []
        self.reports = []
        self.exports = 0

    def pass_time(self):
        self.now += timedelta(minutes=self.random.randrange(5, 2_000))
        self.clock.leap(self.now)

    def break_something(self):
        asks = self.random.sample(range(1, 7), 2)
        self.sandbox.vendor.script_faults(
            *(Rule(fault=Fault.RESET_AFTER, at=(at,), billed=self.random.random() < 0.5) for at in asks)
        )

    def verify(self):
        people = [a_row(self.random.randrange(1, 30), verdict=self.random.choice(["00", "00", "02"])) for _ in range(6)]
        people = [row | {"部门": f"部门{place % 3}"} for place, row in enumerate(people)]
        options = Options(delivery=Delivery(cost_by="部门"))
        self.jobs.append(self.desk.verify(people, options=options, bounds=Bounds(max_asks=self.random.choice([3, 9]))).job)

    def go_on(self):
        if self.jobs:
            job = self.random.choice(self.jobs)
            self.desk.rerun(job, what=self.random.choice([DOUBT, frozenset({RowStatus.NOT_RUN, RowStatus.FAILED})]))

    def come_back(self):
        if self.jobs:
            path = self.desk.render(self.random.choice(self.jobs)).path
            self.jobs.append(self.desk.rerun_from(path).job)

    def reconcile(self):
        counts = {one.starts_at: one.billed for one in self.sandbox.bill.windows() if one.billed}
        self.exports += 1
        lines = [(spelled(datetime.fromtimestamp(at, UTC)), "", f"{count}次") for at, count in counts.items()]
        path = a_csv(self.desk.folder / f"usage-{self.exports}.csv", *lines)
        reconcile_exports(
            [path],
            self.desk.session(),
            since=BEGIN - timedelta(days=1),
            until=self.now + timedelta(days=1),
            approve=lambda _: self.random.random() < 0.8,
        )

    def forget(self):
        with forgetting(self.desk.session(), numbers_of(an_id(self.random.randrange(1, 30)))) as erasing:
            erasing.go(None)

    def purge(self):
        with purging(self.desk.session()) as erasing:
            if erasing:
                erasing.go(None)

    def buy(self):
        size = self.random.choice([20, 100])
        enter_packages(self.desk.session(), [NewPackage(label="p", total=size, price=Decimal(size) / 5)], purchase=None)

    def report(self):
        if self.jobs:
            self.exports += 1
            target = self.desk.folder / f"report-{self.exports}.json"
            self.reports.append(report_job(self.random.choice(self.jobs), target, self.desk.session(), lang=Lang.EN))

    def step(self):
        self.pass_time()
        if self.random.random() < 0.3:
            self.break_something()
        chosen = self.random.choice(
            [self.verify, self.verify, self.go_on, self.come_back, self.reconcile, self.forget, self.purge, self.buy, self.report]
        )
        try:
            chosen()
        except InputError as error:
            if "closed" not in str(error):
                raise
        return chosen.__name__

    def check(self):
        usage = usage_of(self.desk.session(), since=None, until=None, by=UsageBy.JOB)
        by_window = usage_of(self.desk.session(), since=None, until=None, by=UsageBy.WINDOW)
        with open_realm(self.desk.home, simulated=True, clock=self.clock) as realm:
            bills = [row for job in realm.ledger.jobs() for row in realm.ledger.bill(job.id)]
            wallet = realm.ledger.wallet(now=self.now)
        certain = sum(row.asks for row in bills if row.billed is Billed.YES)
        doubt = sum(row.asks for row in bills if row.billed is Billed.UNKNOWN)
        assert (usage.certain, usage.doubt) == (by_window.certain, by_window.doubt) == (certain, doubt)
        assert certain <= self.sandbox.bill.billed() <= certain + doubt
        packages = holdings(self.desk.session()).packages
        assert wallet.left is None or wallet.left == sum(package.left for package in packages)
        for path in self.reports:
            assert check_report(path, self.desk.session(), key=None).wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_done_next_every_command_says_the_same_of_the_money(sandbox, home, tmp_path, seed):
    clock = LeapingClock(sandbox)
    clock.leap(BEGIN)
    desk = TimedDesk(folder=tmp_path, home=home, endpoint=sandbox.endpoint, clock=clock)
    month = Month(desk, sandbox, clock, seed)
    done = []
    for _ in range(14):
        done.append(month.step())
        try:
            month.check()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, after {done}: {error}") from error
