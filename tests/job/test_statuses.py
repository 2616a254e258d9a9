"""What each answer and each fault becomes beside its row, and that an attempt is one ask on the wire."""

import pytest

from batchverify.job import Asking, Options
from batchverify.model import AttemptState, CheckLevel, Product
from batchverify.sandbox import Fault, Rule
from batchverify.store.ledger import Ledger
from tests.builders import a_card, a_row, an_id, rows
from tests.faults import Danger, proves

#: Of RELIABILITY §2: a fault that strikes one ask, the row's status and code, and how many asks it took.
FAULTS = {
    Fault.RESET_BEFORE: ("in_doubt", "reset", 1),
    Fault.RESET_AFTER: ("in_doubt", "reset", 1),
    Fault.CLOSE_AFTER: ("in_doubt", "reset", 1),
    Fault.STALE: ("matched", "01", 1),
    Fault.SLOW_DRIP: ("in_doubt", "timeout", 1),
    Fault.NEVER: ("in_doubt", "timeout", 1),
    Fault.TRUNCATED_LENGTH: ("in_doubt", "truncated", 1),
    Fault.TRUNCATED_CHUNKED: ("in_doubt", "truncated", 1),
    Fault.WRONG_LENGTH: ("in_doubt", "not_json", 1),
    Fault.HTML: ("in_doubt", "html", 1),
    Fault.NOT_JSON: ("in_doubt", "not_json", 1),
    Fault.GZIP_BOMB: ("in_doubt", "wrong_encoding", 1),
    Fault.HUGE_BODY: ("in_doubt", "too_large", 1),
    Fault.WRONG_ECHO: ("in_doubt", "bad_echo", 1),
    Fault.NUMBER_FOR_STRING: ("in_doubt", "not_json", 1),
    Fault.NAN: ("in_doubt", "not_json", 1),
    Fault.DUPLICATE_KEYS: ("in_doubt", "not_json", 1),
    Fault.UNKNOWN_STATUS: ("in_doubt", "unknown_status", 1),
    Fault.STATUS_9999: ("in_doubt", "service_error", 1),
    Fault.REDIRECT: ("in_doubt", "redirect", 1),
    Fault.THROTTLE_429: ("matched", "01", 2),
    Fault.THROTTLE_403: ("matched", "01", 2),
    Fault.ERROR_500: ("in_doubt", "server_error", 1),
    Fault.ERROR_500_PLAIN: ("in_doubt", "server_error", 1),
    Fault.ERROR_502: ("in_doubt", "server_error", 1),
    Fault.ERROR_502_PLAIN: ("in_doubt", "server_error", 1),
    Fault.ERROR_503: ("matched", "01", 2),
    Fault.ERROR_503_PLAIN: ("in_doubt", "server_error", 1),
    Fault.BREAKER_503: ("matched", "01", 2),
    Fault.ERROR_504: ("in_doubt", "gateway_timeout", 1),
    Fault.QUOTA_EXHAUSTED: ("not_run", "quota", 1),
    Fault.QUOTA_EXPIRED: ("not_run", "quota_expired", 1),
    Fault.REVOKED: ("not_run", "app_code", 1),
    Fault.UNAUTHORIZED: ("not_run", "app_code", 1),
    Fault.ARREARS: ("not_run", "overdue", 1),
}


def test_every_fault_of_the_sandbox_is_drawn():
    assert set(FAULTS) == set(Fault)


@pytest.mark.parametrize("fault", Fault)
def test_a_fault_becomes_what_is_drawn_and_each_attempt_is_one_ask(desk, sandbox, fault):
    status, code, asks = FAULTS[fault]
    # The gateway's own breaker would last 90 s if it named no time.
    seconds = 1 if fault is Fault.BREAKER_503 else None
    sandbox.vendor.script_faults(Rule(fault=fault, at=(1,), seconds=seconds))

    patience = 0.2 if fault in {Fault.NEVER, Fault.SLOW_DRIP} else 5.0
    result = desk.verify([a_row()], deadline_seconds=patience)

    assert (result.statuses, result.column("bv_code")) == ([status], [code])
    assert sandbox.bill.total() == asks
    assert result.json["asks"]["sent"] == asks
    assert sandbox.bill.redirects_followed == 0
    # The vendor's count lies between what is certain and what may be.
    told = result.json["asks"]
    assert told["billed"] <= sandbox.bill.billed() <= told["billed"] + told["in_doubt"]
    assert result.column("bv_billed") == [{"in_doubt": "?", "matched": "1", "not_run": "0"}[status]]
    ending = {"matched": "complete", "in_doubt": "open_rows", "not_run": "vendor_stop"}[status]
    assert result.json["ending"] == ending


def test_the_gateway_is_not_asked_again_before_the_instant_it_names(desk, sandbox):
    sandbox.vendor.script_faults(Rule(fault=Fault.BREAKER_503, at=(1,), seconds=1))

    result = desk.verify([a_row()])

    first, second = sandbox.bill.asks()
    assert second.monotonic - first.monotonic >= 1
    assert (result.statuses, result.column("bv_billed")) == (["matched"], ["1"])
    assert result.json["asks"] | {"saved": {}} == {"sent": 2, "billed": 1, "free": 0, "not_billed": 1, "in_doubt": 0, "saved": {}}


def test_a_wrong_echo_is_attached_to_no_row_and_stops_the_run(desk, sandbox):
    sandbox.vendor.script_faults(Rule(fault=Fault.WRONG_ECHO, at=(1,)))

    result = desk.verify(rows(60), concurrency=1)

    assert sandbox.bill.total() == 1
    assert result.statuses == ["in_doubt"] + ["not_run"] * 59
    assert set(result.column("bv_code")) == {"bad_echo"}
    assert not result.rows[0]["bv_sex"]
    assert result.json["ending"] == "open_rows"


def test_no_match_and_could_not_ask_are_never_confused(desk, sandbox):
    people = [a_row(1, verdict="02"), a_row(2), a_row(3)]
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, at=(2,)))

    result = desk.verify(people, concurrency=1)

    assert result.statuses == ["mismatched", "in_doubt", "matched"]
    assert result.json["status"]["mismatched"] == 1
    assert "no match" not in result.rows[1]["bv_message"].lower()


@pytest.mark.parametrize(
    ("verdict", "status", "code"),
    [("00", "matched", "01"), ("02", "mismatched", "02"), ("52", "unverifiable", "202"), ("53", "locked", "203"),
     ("54", "invalid", "204"), ("55", "invalid", "205"), ("56", "invalid", "206")],
)  # fmt: skip
def test_an_answer_becomes_its_status(verify, verdict, status, code):
    result = verify([a_row(verdict=verdict)])

    assert (result.statuses, result.column("bv_code"), result.column("bv_billed")) == ([status], [code], ["1"])
    assert (result.json["ending"] == "complete") == (status != "locked")


def test_a_lost_card_is_a_problem_of_the_card(verify):
    detail = Options(asking=Asking(product=Product.BANK3_DETAIL))

    result = verify([a_row(verdict="09")], options=detail)

    assert (result.statuses, result.json["product"]) == (["card_problem"], "bank3-detail")


def test_auto_asks_for_each_row_what_its_fields_allow(desk, sandbox):
    people = [a_row(1, mobile="13800000001"), a_row(2, mobile=""), a_row(3, accountNo="", mobile="")]

    result = desk.verify(people, options=Options(asking=Asking(product=None)))

    assert sorted(ask.product for ask in sandbox.bill.asks()) == ["bank3", "bank4", "id2"]
    assert result.json["product"] == "auto"
    assert result.counts() == {"matched": 3}


def test_a_blocked_row_is_never_sent(desk, sandbox):
    people = [a_row(1, idCard=""), a_row(2, idCard=an_id(2)[:-1] + "?"), a_row(3, accountNo="6217"), a_row(4)]

    result = desk.verify(people)

    assert result.statuses == ["blocked", "blocked", "blocked", "matched"]
    assert sandbox.bill.total() == 1
    assert result.json["asks"]["saved"]["blocked"] == 3
    assert result.json["ending"] == "complete"


def test_checks_off_sends_what_looks_wrong(desk, sandbox):
    wrong = an_id(1)[:-1] + ("0" if an_id(1)[-1] != "0" else "1")

    result = desk.verify([a_row(1, idCard=wrong)], options=Options(asking=Asking(checks=CheckLevel.OFF)))

    assert (sandbox.bill.total(), result.counts()) == (1, {"matched": 1})


def test_another_kind_of_certificate_is_blocked(desk, sandbox):
    result = desk.verify([a_row(1, 证件类型="护照"), a_row(2, 证件类型="身份证")])

    assert result.column("bv_code") == ["other_certificate", "01"]
    assert sandbox.bill.total() == 1


def test_blank_rows_and_sums_are_no_questions(desk, sandbox):
    blank = dict.fromkeys(("name", "idCard", "accountNo"), "")

    result = desk.verify([a_row(1), blank, a_row(2)])

    assert result.json["rows"]["total"] == 2
    assert result.statuses == ["matched", "", "matched"]


@proves(Danger.DUPLICATES)
def test_duplicates_are_asked_once_and_name_the_row_that_was_asked(verify, sandbox):
    result = verify([a_row(1), a_row(2), a_row(1), a_row(1)])

    assert result.column("bv_duplicate_of") == ["", "", "2", "2"]
    assert result.column("bv_source") == ["asked-simulated", "asked-simulated", "duplicate-simulated", "duplicate-simulated"]
    assert result.column("bv_billed") == ["1", "1", "0", "0"]
    assert sandbox.bill.total() == 2
    assert result.json["asks"]["saved"] == {"duplicate": 2, "reused": 0, "blocked": 0}


@proves(Danger.SAME_ID)
def test_two_cards_of_one_person_are_never_asked_at_once(desk, sandbox):
    sandbox.vendor.latency_seconds = 0.01
    people = [a_row(person, accountNo=a_card(100 * person + card)) for card in range(6) for person in range(1, 5)]

    result = desk.verify(people)

    assert result.counts() == {"matched": 24}
    assert sandbox.bill.max_in_flight_per_id == 1
    assert sandbox.bill.max_in_flight > 1


@proves(Danger.SAME_CARD)
def test_two_names_of_one_card_are_never_asked_at_once(desk, sandbox):
    sandbox.vendor.latency_seconds = 0.01
    people = [a_row(10 * card + person, accountNo=a_card(card)) for person in range(4) for card in range(1, 6)]

    result = desk.verify(people)

    assert result.counts() == {"matched": 20}
    assert sandbox.bill.max_in_flight_per_card == 1
    assert sandbox.bill.max_in_flight > 1


def test_after_a_203_other_rows_with_the_id_are_locked_and_not_asked(desk, sandbox):
    people = [a_row(1, verdict="53"), a_row(1, accountNo=a_card(50)), a_row(1, accountNo=a_card(51)), a_row(2)]

    result = desk.verify(people)

    assert result.statuses == ["locked", "locked", "locked", "matched"]
    assert result.column("bv_code") == ["203", "id_locked", "id_locked", "01"]
    assert all(result.column("bv_retry_at")[:3])
    assert (sandbox.bill.total(), sandbox.bill.asked_while_locked) == (2, 0)
    assert result.json["ending"] == "open_rows"

    elsewhere = desk.verify([a_row(1, accountNo=a_card(60)), a_row(3)])
    again = desk.rerun(result.job)

    assert elsewhere.statuses == ["locked", "matched"]
    assert again.statuses == result.statuses
    assert again.column("bv_billed") == ["1", "0", "0", "1"]
    assert again.column("bv_retry_at") == result.column("bv_retry_at")
    assert (sandbox.bill.total(), sandbox.bill.asked_while_locked) == (3, 0)


@pytest.mark.parametrize("fault", [Fault.HTML, Fault.TRUNCATED_LENGTH, Fault.ERROR_504, Fault.UNKNOWN_STATUS])
def test_a_doubt_keeps_what_reconciling_needs(desk, sandbox, fault):
    """Run and request id, the vendor's time where its head came, and ours on both sides of it."""
    sandbox.vendor.script_faults(Rule(fault=fault))

    result = desk.verify([a_row(1)])

    (asked,) = sandbox.bill.asks()
    with Ledger.open(desk.home / "sandbox" / "ledger.sqlite", simulated=True) as ledger:
        (attempt,) = ledger.asks_of(result.job)
        (bill,) = ledger.bill(result.job)
    assert (attempt.state, attempt.run) == (AttemptState.IN_DOUBT, result.json["run"])
    assert attempt.request_id == asked.request_id
    assert attempt.vendor_at is not None
    assert abs(attempt.vendor_at.timestamp() - asked.received_at) <= 1
    assert attempt.reserved_at.timestamp() <= asked.received_at <= attempt.settled_at.timestamp()
    assert bill.at == attempt.vendor_at


def test_a_doubt_without_any_answer_keeps_our_time_on_both_sides(desk, sandbox):
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER))

    result = desk.verify([a_row(1)])

    (asked,) = sandbox.bill.asks()
    with Ledger.open(desk.home / "sandbox" / "ledger.sqlite", simulated=True) as ledger:
        (attempt,) = ledger.asks_of(result.job)
    assert (attempt.vendor_at, attempt.request_id) == (None, "")
    assert attempt.reserved_at.timestamp() <= asked.received_at <= attempt.settled_at.timestamp()
