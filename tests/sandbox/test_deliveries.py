"""Each fault byte by byte, as a client with nothing but a socket sees it."""

from __future__ import annotations

import gzip
import json
import re
import time

import pytest

from batchverify.sandbox import Fault, Rule, deliveries

OURS = {"accountNo": "6217000000000007", "idCard": "11010119900307001X", "name": "李四·A"}


@pytest.fixture
def struck(sandbox, wire):
    """Strike the next ask with a fault and send it; in the end the bill must show that one ask and no other."""

    def strike(fault: Fault, **conditions):
        sandbox.vendor.script_faults(Rule(fault=fault, times=1, **conditions))
        wire.ask("/bank3Check", OURS)
        return wire

    yield strike
    assert len([ask for ask in sandbox.bill.asks() if ask.fault]) == 1


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE, Fault.RESET_AFTER])
def test_a_reset_is_a_reset_without_a_byte(struck, fault):
    wire = struck(fault)

    with pytest.raises(ConnectionResetError):
        wire.rest()


def test_a_close_is_clean_and_without_a_byte(struck):
    assert struck(Fault.CLOSE_AFTER).rest() == b""


def test_a_kept_connection_can_die_under_a_later_ask(sandbox, wire):
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, at=(2,)))
    wire.ask("/bank3Check")
    assert wire.answer().status == 200
    wire.ask("/bank3Check")

    with pytest.raises(ConnectionResetError):
        wire.rest()
    assert sandbox.bill.total() == 2


def test_stale_is_a_whole_answer_and_then_the_end(struck):
    wire = struck(Fault.STALE)

    answer = wire.answer()

    assert (answer.json()["status"], answer.headers["Connection"]) == ("01", "keep-alive")
    assert wire.rest() == b""


def test_a_drip_is_the_right_answer_slowly(sandbox, struck):
    before = time.monotonic()
    wire = struck(Fault.SLOW_DRIP, seconds=0.001)

    assert wire.answer().json()["status"] == "01"
    assert time.monotonic() - before > 0.2
    wire.ask("/IDCard")
    assert wire.answer().status == 200
    assert sandbox.bill.in_flight() == 0


def test_a_drip_drips_one_byte_a_second_unless_told_otherwise(struck):
    wire = struck(Fault.SLOW_DRIP)

    with pytest.raises(TimeoutError):
        wire.rest(timeout_seconds=0.2)
    assert wire._read == b"H"


def test_never_stays_silent_and_open(sandbox, struck):
    wire = struck(Fault.NEVER)

    with pytest.raises(TimeoutError):
        wire.rest(timeout_seconds=0.2)
    assert sandbox.bill.in_flight() == 1


def test_a_truncated_body_ends_before_its_length(struck):
    head, _, body = struck(Fault.TRUNCATED_LENGTH).rest().partition(b"\r\n\r\n")
    length = int(re.search(rb"Content-Length: (\d+)", head)[1])

    assert len(body) == length // 2


def test_a_truncated_chunked_body_has_no_last_chunk(struck):
    head, _, body = struck(Fault.TRUNCATED_CHUNKED).rest().partition(b"\r\n\r\n")
    size, _, chunk = body.partition(b"\r\n")

    assert b"Transfer-Encoding: chunked" in head
    assert b"Content-Length" not in head
    assert len(chunk) == int(size, 16) + 2


def test_a_wrong_length_leaves_bytes_on_the_kept_connection(struck):
    wire = struck(Fault.WRONG_LENGTH)

    with pytest.raises(json.JSONDecodeError):
        wire.answer().json()
    wire.ask("/nowhere", headers="Connection: close\r\n")
    assert wire.rest().startswith(b'Code":"X"}HTTP/1.1 404')


def test_a_page_is_html_with_200(struck):
    answer = struck(Fault.HTML).answer()

    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
    assert answer.body.startswith(b"<!DOCTYPE html>")


def test_a_body_may_claim_to_be_json_and_not_be(struck):
    answer = struck(Fault.NOT_JSON).answer()

    assert answer.headers["Content-Type"].startswith("application/json")
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_bomb_is_small_on_the_wire_and_large_behind_gzip(struck):
    answer = struck(Fault.GZIP_BOMB).answer()

    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.body) < 65_536
    assert len(gzip.decompress(answer.body)) > 16 << 20


def test_a_huge_body_is_right_and_a_megabyte(struck):
    answer = struck(Fault.HUGE_BODY).answer()

    assert len(answer.body) == 1 << 20
    assert answer.json()["status"] == "01"


def test_a_wrong_echo_names_another_id_and_nothing_else(sandbox, struck):
    wrong = struck(Fault.WRONG_ECHO).answer().json()

    assert wrong["idCard"] != OURS["idCard"]
    assert len(wrong["idCard"]) == 18
    assert (wrong["status"], wrong["name"], wrong["accountNo"]) == ("01", OURS["name"], OURS["accountNo"])


def test_a_wrong_echo_of_no_id_is_wrong_too(sandbox, wire):
    sandbox.vendor.script_faults(Rule(fault=Fault.WRONG_ECHO))
    wire.ask("/IDCard", {"idCard": "", "name": "张三"})

    assert wire.answer().json()["idCard"] == "0"


def test_a_status_may_come_as_a_number(struck):
    assert struck(Fault.NUMBER_FOR_STRING).answer().body.startswith(b'{"status":1,"msg"')


def test_a_value_may_be_nan(struck):
    assert struck(Fault.NAN).answer().body.endswith(b'"lastCode":NaN}')


@pytest.mark.parametrize(("card", "pair"), [("6217000000000007", ["01", "02"]), ("6217000000000027", ["02", "01"])])
def test_a_key_may_come_twice_and_contradict_itself(sandbox, wire, card, pair):
    sandbox.vendor.script_faults(Rule(fault=Fault.DUPLICATE_KEYS))
    wire.ask("/bank3Check", OURS | {"accountNo": card})

    pairs = json.loads(wire.answer().body, object_pairs_hook=list)

    assert [value for name, value in pairs if name == "status"] == pair


@pytest.mark.parametrize(("fault", "status"), [(Fault.UNKNOWN_STATUS, "77"), (Fault.STATUS_9999, "9999")])
def test_a_status_may_be_strange(struck, fault, status):
    answer = struck(fault).answer()

    assert (answer.status, answer.json()["status"], answer.json()["idCard"]) == (200, status, OURS["idCard"])


def test_a_redirect_leads_to_a_place_that_counts_who_follows(sandbox, struck):
    wire = struck(Fault.REDIRECT)
    answer = wire.answer()
    assert (answer.status, answer.headers["Location"]) == (302, "/console/redirected")
    assert sandbox.bill.redirects_followed == 0

    wire.ask("/console/redirected")

    assert wire.answer().json() == {"redirected": True}
    assert sandbox.bill.redirects_followed == 1


@pytest.mark.parametrize(
    ("fault", "status", "headers"),
    [
        (Fault.THROTTLE_429, 429, ("T429US", "Throttled by USER Flow Control")),
        (Fault.THROTTLE_403, 403, (None, "Throttled by APP Flow Control")),
        (Fault.ERROR_500, 500, ("X500ER", "Internal Error")),
        (Fault.ERROR_500_PLAIN, 500, (None, None)),
        (Fault.ERROR_502, 502, ("D502FC", "Backend service returned a broken answer")),
        (Fault.ERROR_502_PLAIN, 502, (None, None)),
        (Fault.ERROR_503, 503, ("D503BB", "Service Unavailable")),
        (Fault.ERROR_503_PLAIN, 503, (None, None)),
        (Fault.BREAKER_503, 503, ("D503CB", "Backend circuit breaker is open")),
        (Fault.ERROR_504, 504, ("D504TO", "Backend service request timeout")),
        (Fault.QUOTA_EXHAUSTED, 403, ("B403MQ", "Api Market Subscription quota exhausted")),
        (Fault.QUOTA_EXPIRED, 403, ("B403ME", "Api Market Subscription expired")),
        (Fault.REVOKED, 401, ("A401AC", "Invalid AppCode `not exists`")),
        (Fault.UNAUTHORIZED, 403, ("I403AA", "Unauthorized")),
        (Fault.ARREARS, 403, ("B403OD", "Provider Account Overdue")),
    ],
)
def test_an_error_is_all_head_and_no_body(sandbox, struck, fault, status, headers):
    answer = struck(fault).answer()

    assert (answer.status, answer.body) == (status, b"")
    assert (answer.headers.get("X-Ca-Error-Code"), answer.headers.get("X-Ca-Error-Message")) == headers
    assert (sandbox.bill.asks()[0].http, sandbox.bill.asks()[0].code) == (status, headers[0] or "")
    assert "Retry-After" not in answer.headers


def test_a_throttle_may_say_when_to_come_again(struck):
    assert struck(Fault.THROTTLE_429, seconds=2).answer().headers["Retry-After"] == "2"


def test_a_fault_that_nobody_wrote_a_delivery_for_is_a_bug():
    with pytest.raises(AssertionError, match=r"No delivery is written for the fault <Fault.NEVER: 'never'>\."):
        deliveries._wrong_head(Fault.NEVER, b"{}", date="", request_id="")
