"""The account fails in the middle of a run, and an ID number is locked: exit codes, what was sent, and how it goes on."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest

from tests.campaigns.people import people, person, read_result, write_sheet
from tests.campaigns.processes import ended, wait_until
from tests.faults import Danger, proves

ROWS, IN_FLIGHT = 50, 4


def _quota(vendor):
    vendor.post("quota", {"set": 0})
    yield 403, "B403MQ"
    vendor.post("quota", {"top_up": 1000})


def _standing(word, code, http=403):
    def change(vendor):
        vendor.post("appcode", {"standing": word})
        yield http, code
        vendor.post("appcode", {"standing": "valid"})

    return change


TROUBLES = {
    "quota": _quota,
    "revoked": _standing("revoked", "A401AC", 401),
    "arrears": _standing("arrears", "B403OD"),
}


@pytest.mark.slow
@pytest.mark.parametrize("trouble", TROUBLES)
@proves(Danger.QUOTA, case="quota")
@proves(Danger.REVOKED, case="revoked")
@proves(Danger.ARREARS, case="arrears")
def test_an_account_that_fails_in_the_middle_ends_the_run_with_4_and_once_it_is_mended_resume_repeats_nothing(
    desk, vendor, trouble
):
    vendor.post("latency", {"seconds": 0.04})
    source = write_sheet(desk.folder / "people.csv", people(ROWS))
    process = desk.begin("run", source, "--yes", "--concurrency", str(IN_FLIGHT))
    assert wait_until(lambda: vendor.total() >= 20, process=process)
    change = TROUBLES[trouble](vendor)
    http, code = next(change)

    stopped = ended(process)

    assert stopped.code == 4, stopped.err
    refused = [ask for ask in vendor.bill()["asks"] if not ask["billed"]]
    assert {(ask["http"], ask["code"]) for ask in refused} == {(http, code)}
    assert 1 <= len(refused) <= IN_FLIGHT
    result = desk.folder / "people.verified.csv"
    answered = vendor.bill()["billed"]
    assert Counter(row["bv_status"] for row in read_result(result)) == {"matched": answered, "not_run": ROWS - answered}

    next(change, None)
    vendor.post("latency", {"seconds": 0})
    assert stopped.next_arguments[0] == "resume"
    assert desk.run(*stopped.next_arguments, "--yes").code == 0
    bill = vendor.bill()
    assert (bill["billed"], bill["total"]) == (ROWS, ROWS + len(refused))
    assert Counter(ask["question"] for ask in bill["asks"] if ask["billed"]).most_common(1)[0][1] == 1
    assert Counter(row["bv_status"] for row in read_result(result)) == {"matched": ROWS}


@pytest.mark.slow
@proves(Danger.LOCKED)
def test_after_a_203_the_id_number_is_locked_in_every_file_other_rows_go_on_and_exit_3_names_the_time(desk, vendor):
    locked = person(1, "53")
    again = person(2)
    other_card = type(locked)(name=locked.name, id_card=locked.id_card, account_no=again.account_no)
    write_sheet(desk.folder / "first.csv", [locked, person(3)])
    write_sheet(desk.folder / "second.csv", [other_card, person(4)])

    first, second = desk.run("run", "first.csv", "--yes"), desk.run("run", "second.csv", "--yes")

    assert (first.code, second.code) == (3, 3)
    for name in ("first", "second"):
        held, free = read_result(desk.folder / f"{name}.verified.csv")
        assert (held["bv_status"], free["bv_status"]) == ("locked", "matched")
        until = datetime.fromisoformat(held["bv_retry_at"])
        assert until.utcoffset() == timedelta(hours=8)
        assert timedelta(hours=12) < until - datetime.now(until.tzinfo) <= timedelta(hours=12, minutes=10)
    assert first.next_arguments[0] == second.next_arguments[0] == "rerun"
    # A rerun of what is locked leaves it alone, in a process that has nothing but the ledger to know it by.
    assert desk.run(*second.next_arguments, "--yes").code == 3
    assert vendor.total() == 3
