"""Storms: random sheets under random faults, and the invariants of RELIABILITY §3 after each pass. The seed names the storm."""

import random
from collections import Counter

import pytest

from batchverify.job import Bounds
from batchverify.job.passes import OPEN_WITHOUT_DOUBT
from batchverify.model import RowStatus
from batchverify.sandbox import Fault, Rule, question_digest
from tests.builders import a_card, a_row

#: Faults that take no real time. The gateway's own breaker would hold the run for 90 s.
QUICK = [fault for fault in Fault if fault not in {Fault.NEVER, Fault.SLOW_DRIP, Fault.BREAKER_503}]
VERDICTS = {"00": "matched", "02": "mismatched", "52": "unverifiable", "54": "invalid", "53": "locked"}
#: Cards come again more often than a vendor would have it.
PATIENT = {"asks_per_card_per_day": 100, "breaker_pause_seconds": 0.01}
FINAL = {"matched", "mismatched", "unverifiable", "invalid", "blocked"}


def a_storm(seed):
    """Return a sheet in which people, cards and whole rows come again, and the faults that meet it."""
    chance = random.Random(seed)
    people = []
    for _ in range(60):
        person, card = chance.randint(1, 14), chance.randint(1, 25)
        verdict = chance.choices(list(VERDICTS), weights=[12, 3, 2, 2, seed % 2])[0]
        row = a_row(person, accountNo=a_card(card, verdict=verdict))
        people.append(row | {"idCard": ""} if chance.random() < 0.05 else row)
    faults = [Rule(fault=fault, probability=0.08, seed=seed + number) for number, fault in enumerate(chance.sample(QUICK, 4))]
    return people, faults


def expected(row):
    """Return what the vendor says of a row, by the digits of its card."""
    return "blocked" if not row["idCard"] else VERDICTS[row["accountNo"][-3:-1]]


def _locking(people):
    """Return the questions that the vendor answers with 203."""
    return {
        question_digest("bank3", name=row["name"], id_card=row["idCard"], account_no=row["accountNo"])
        for row in people
        if expected(row) == "locked"
    }


def check(result, people, sandbox, *, accepted):
    bill, told = sandbox.bill, result.json["asks"]
    # 1: every row has exactly one outcome, and the sums of its summary agree (the desk has looked).
    assert Counter(result.statuses) == result.counts()
    assert len(result.statuses) == len(people)
    # 3, 9: one at a time for each ID number and each card, none for a locked one. Of a 203 that a fault has swallowed nobody knows.
    assert (bill.max_in_flight_per_id, bill.max_in_flight_per_card) == (1, 1)
    assert not bill.asked_while_locked or any(ask.fault and ask.question in _locking(people) for ask in bill.asks())
    # 4: nothing is bought twice, unless a person has accepted it.
    assert all(count <= 1 + accepted for count in bill.per_question().values())
    # 5: the vendor's count lies between what is certain and what may be.
    assert told["billed"] <= bill.billed() <= told["billed"] + told["in_doubt"]
    assert told["sent"] >= bill.total()
    # 14: an answer stands only beside the question that it answers.
    for row, status in zip(people, result.statuses, strict=True):
        assert status in {expected(row), "locked", "in_doubt", "failed", "not_run"}
    # 13: what is open names the command that goes on.
    assert (result.json["next"] is None) == (set(result.statuses) <= FINAL)


@pytest.mark.parametrize("seed", range(10))
def test_in_a_storm_nothing_is_lost_and_nothing_is_paid_twice(desk, sandbox, seed):
    people, faults = a_storm(seed)
    sandbox.vendor.script_faults(*faults)
    cap = Bounds(max_asks=20) if seed % 3 == 0 else None

    result = desk.verify(people, bounds=cap, **PATIENT)
    check(result, people, sandbox, accepted=0)
    check(desk.resume(result.job, **PATIENT), people, sandbox, accepted=0)

    sandbox.vendor.script_faults()
    calm = desk.rerun(result.job, what=OPEN_WITHOUT_DOUBT, **PATIENT)
    check(calm, people, sandbox, accepted=0)
    assert set(calm.statuses) <= FINAL | {"locked", "in_doubt"}

    settled = desk.rerun(result.job, what=OPEN_WITHOUT_DOUBT | {RowStatus.IN_DOUBT}, **PATIENT)
    check(settled, people, sandbox, accepted=1)
    # Only a lock keeps a doubt: the person of such a row got a 203 beside another card.
    locked = {row["idCard"] for row, status in zip(people, settled.statuses, strict=True) if status == "locked"}
    for row, status in zip(people, settled.statuses, strict=True):
        assert status in FINAL | {"locked"} or (status == "in_doubt" and row["idCard"] in locked)
    drawn = desk.render(result.job)
    assert drawn.json == settled.json
