"""The vendor without a socket: what is refused, what is billed, what locks."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest

from batchverify.sandbox import Fault, Rule, Settings, Standing, Vendor, digest, question_digest
from batchverify.sandbox.deliveries import Delivery

SAMPLE = {"accountNo": "621411111111149563", "idCard": "511126199511111111", "name": "张三"}
SOMEBODY_ELSE = {"accountNo": "6217000000000007", "idCard": "110101199003070011", "name": "李四"}
LOCKED_CARD = "6217000000000537"


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.seconds = 1_521_427_801.0

    def __call__(self) -> float:
        return self.seconds


def a_vendor(clock: Clock | None = None, **settings) -> Vendor:
    clock = clock or Clock()
    return Vendor(Settings(**settings), wall=clock, monotonic=clock)


def ask(vendor: Vendor, path: str = "/bank3Check", *, app_code: str | None = "sandbox", method: str = "GET", **fields) -> str:
    """Ask, take the ask out of flight, return status line and status or error code."""
    reply = vendor.ask(f"{path}?{urlencode(SAMPLE | fields)}", app_code, method=method)
    vendor.finish(reply, vendor.bill)
    return said(reply.delivery)


def said(delivery: Delivery) -> str:
    text = delivery.payload.decode()
    http = text.split(" ", 2)[1]
    found = re.search(r'"status":"(\w+)"|X-Ca-Error-Code: (\w+)', text)
    return f"{http} {found[1] or found[2]}" if found else http


def test_a_question_is_answered_billed_and_taken_from_the_package():
    vendor = a_vendor(quota=10)

    assert ask(vendor) == "200 01"

    (written,) = vendor.bill.asks()
    assert written.billed
    assert written.question == question_digest(
        "bank3", name=SAMPLE["name"], id_card=SAMPLE["idCard"], account_no=SAMPLE["accountNo"]
    )
    assert (written.id_digest, written.card_digest) == (digest(SAMPLE["idCard"]), digest(SAMPLE["accountNo"]))
    assert vendor.wallet.left(now=vendor.now()) == 9


@pytest.mark.parametrize(
    ("how", "answer"),
    [
        ({"app_code": None}, "400 A400AC"),
        ({"app_code": "wrong"}, "400 A400AC"),
        ({"path": "/bank3check"}, "404 I404NF"),
        ({"method": "POST"}, "404 I404NF"),
        ({"path": "/bankCheck4"}, "400"),
    ],
)
def test_what_the_gateway_turns_away_is_written_down_and_not_billed(how, answer):
    vendor = a_vendor(quota=10)

    assert ask(vendor, **how) == answer

    assert (vendor.bill.total(), vendor.bill.billed(), vendor.wallet.left(now=vendor.now())) == (1, 0, 10)


def test_names_of_parameters_are_case_sensitive():
    reply = a_vendor().ask("/IDCard?idcard=511126199511111111&name=a", "sandbox")

    assert "X-Ca-Error-Message: Invalid Param Location" in reply.delivery.payload.decode()


def test_an_empty_parameter_is_there_and_is_judged_by_the_vendor():
    assert ask(a_vendor(), name="") == "200 204"


def test_percent_and_plus_are_decoded_as_in_a_form():
    vendor = a_vendor()

    vendor.ask("/IDCard?idCard=511126199001010011&name=%41+B%2BC", "sandbox")

    assert vendor.bill.asks()[0].question == question_digest("id2", name="A B+C", id_card="511126199001010011")


def test_the_quota_counts_billed_answers_and_a_top_up_goes_on():
    vendor = a_vendor(quota=2)

    assert [ask(vendor) for _ in range(3)] == ["200 01", "200 01", "403 B403MQ"]
    vendor.top_up(1)
    assert [ask(vendor) for _ in range(2)] == ["200 01", "403 B403MQ"]
    assert (vendor.bill.total(), vendor.bill.billed()) == (5, 3)


def test_free_statuses_cost_nothing():
    vendor = a_vendor(quota=5, free_statuses=frozenset({"204"}))

    assert [ask(vendor, name=""), ask(vendor)] == ["200 204", "200 01"]
    assert (vendor.bill.billed(), vendor.wallet.left(now=vendor.now())) == (1, 4)


def test_a_package_expires_with_the_vendors_clock():
    vendor = a_vendor(quota=0)
    vendor.top_up(5, expires_in_seconds=60)

    assert ask(vendor) == "200 01"
    vendor.advance(60)
    assert ask(vendor) == "403 B403ME"


def test_the_standing_and_the_app_code_can_change_while_it_runs():
    vendor = a_vendor()

    vendor.set_standing(Standing.ARREARS)
    assert ask(vendor) == "403 B403OD"
    vendor.reset_app_code("another")
    assert [ask(vendor), ask(vendor, app_code="another")] == ["400 A400AC", "200 01"]


def test_a_203_locks_the_id_for_every_card_and_asking_again_prolongs_it():
    vendor = a_vendor(lock_seconds=100)

    assert ask(vendor, accountNo=LOCKED_CARD) == "200 203"
    vendor.advance(99)
    assert ask(vendor) == "200 203"
    vendor.advance(99)
    assert ask(vendor) == "200 203"
    assert ask(vendor, **SOMEBODY_ELSE) == "200 01"
    vendor.advance(100)
    assert ask(vendor) == "200 01"
    assert vendor.bill.asked_while_locked == 2


def test_the_risk_limit_counts_asks_about_one_id():
    vendor = a_vendor(risk_limit=2, lock_seconds=100)

    assert [ask(vendor) for _ in range(3)] == ["200 01", "200 01", "200 203"]
    assert ask(vendor, **SOMEBODY_ELSE) == "200 01"
    vendor.advance(100)
    assert [ask(vendor) for _ in range(3)] == ["200 01", "200 01", "200 203"]
    assert vendor.bill.asked_while_locked == 0


def test_too_many_asks_in_one_second_are_throttled():
    clock = Clock()
    vendor = a_vendor(clock, qps_limit=2)

    assert [ask(vendor) for _ in range(3)] == ["200 01", "200 01", "429 T429US"]
    clock.seconds += 1
    assert ask(vendor) == "200 01"


def test_latency_and_jitter_delay_answers_and_not_refusals():
    vendor = a_vendor(latency_seconds=0.05, jitter_seconds=0.01, quota=20)
    target = f"/bank3Check?{urlencode(SAMPLE)}"

    delays = [vendor.ask(target, "sandbox").after_seconds for _ in range(20)]

    assert all(0.05 <= delay <= 0.06 for delay in delays)
    assert len(set(delays)) == 20
    assert vendor.ask(target, "sandbox").after_seconds == 0


def test_faults_do_not_strike_asks_that_the_gateway_turns_away():
    vendor = a_vendor()
    vendor.script_faults(Rule(fault=Fault.STATUS_9999, at=(1,)))

    assert [ask(vendor, app_code="wrong"), ask(vendor), ask(vendor)] == ["400 A400AC", "200 9999", "200 01"]


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("overruled", [None, True, False])
def test_a_fault_is_billed_as_its_rule_says_and_named_in_the_bill(fault, overruled):
    vendor = a_vendor(quota=5)
    vendor.script_faults(Rule(fault=fault, times=1, billed=overruled))

    vendor.ask(f"/bank3Check?{urlencode(SAMPLE)}", "sandbox")

    (written,) = vendor.bill.asks()
    assert written.fault == fault.value
    assert written.billed is (fault.is_billed if overruled is None else overruled)
    assert vendor.wallet.left(now=vendor.now()) == 5 - written.billed


def test_a_free_status_stays_free_under_a_fault_unless_the_rule_says_otherwise():
    vendor = a_vendor(free_statuses=frozenset({"9999"}))
    vendor.script_faults(Rule(fault=Fault.STATUS_9999, times=1), Rule(fault=Fault.STATUS_9999, billed=True))

    ask(vendor)
    ask(vendor)

    assert [written.billed for written in vendor.bill.asks()] == [False, True]


def test_a_reset_before_the_vendor_neither_counts_nor_locks():
    vendor = a_vendor()
    vendor.script_faults(Rule(fault=Fault.RESET_BEFORE, times=1))
    vendor.ask(f"/bank3Check?{urlencode(SAMPLE | {'accountNo': LOCKED_CARD})}", "sandbox")

    assert ask(vendor) == "200 01"


def test_request_ids_are_upper_case_uuids_and_differ():
    vendor = a_vendor()
    for _ in range(20):
        ask(vendor)

    ids = {written.request_id for written in vendor.bill.asks()}

    assert len(ids) == 20
    assert all(re.fullmatch(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", one) for one in ids)


def test_a_reset_is_a_fresh_start():
    vendor = a_vendor(quota=1, lock_seconds=1e9)
    ask(vendor, accountNo=LOCKED_CARD)
    vendor.script_faults(Rule(fault=Fault.STATUS_9999))
    vendor.latency_seconds = 9

    vendor.reset()

    assert ask(vendor) == "200 01"
    assert (vendor.bill.total(), vendor.latency_seconds) == (1, 0)


def test_the_same_question_always_gets_the_same_bytes():
    vendors = [Vendor(Settings(), wall=Clock(), monotonic=Clock(), request_ids="00000000-0000-4000-8000-") for _ in range(2)]

    first, second = (vendor.ask(f"/bank3Check?{urlencode(SAMPLE)}", "sandbox").delivery for vendor in vendors)

    assert first == second
