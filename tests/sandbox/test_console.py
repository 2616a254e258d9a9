from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta, timezone

import pytest

from batchverify.sandbox import Settings, Vendor, question_digest
from batchverify.sandbox.console import respond

SAMPLE_TARGET = "/IDCard?idCard=511126199511111111&name=%E5%BC%A0%E4%B8%89"


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2018, 3, 19, 10, 55, tzinfo=timezone(timedelta(hours=8)))

    def __call__(self) -> float:
        return self.at.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vendor(clock) -> Vendor:
    return Vendor(Settings(quota=10), wall=clock, monotonic=clock)


def get(vendor, target):
    answer = respond(vendor, method="GET", target=target, body=b"")
    assert answer.http == 200
    return json.loads(answer.body)


def post(vendor, target, body):
    answer = respond(vendor, method="POST", target=target, body=json.dumps(body).encode())
    return answer.http, json.loads(answer.body)


def ask(vendor, times=1):
    for _ in range(times):
        reply = vendor.ask(SAMPLE_TARGET, "sandbox")
        vendor.finish(reply, vendor.bill)
    return reply.delivery


def test_the_bill_can_be_read_over_http(sandbox, wire):
    wire.ask("/IDCard")
    wire.answer()
    wire.ask("/nowhere")
    wire.answer()
    wire.send(b"GET /console/bill?asks=1 HTTP/1.1\r\n\r\n")

    bill = wire.answer().json()

    digest = question_digest("id2", name="张三", id_card="511126199511111111").hex()
    asks = bill.pop("asks")
    assert bill == {
        "total": 2,
        "billed": 1,
        "by_status": {"01": 1, "404 I404NF": 1},
        "per_question": {digest: 1},
        "in_flight": 0,
        "max_in_flight": 1,
        "max_in_flight_per_id": 1,
        "max_in_flight_per_card": 0,
        "max_per_second": 2,
        "asked_while_locked": 0,
        "redirects_followed": 0,
    }
    assert [(one["number"], one["product"], one["question"], one["http"], one["billed"]) for one in asks] == [
        (1, "id2", digest, 200, True),
        (2, "", "", 404, False),
    ]


def test_the_bill_holds_no_name_number_or_app_code(vendor):
    ask(vendor)

    text = json.dumps(get(vendor, "/console/bill?asks=1"), ensure_ascii=False)

    assert [secret for secret in ("张三", "511126", "sandbox") if secret in text] == []


def test_the_asks_are_only_told_on_demand(vendor):
    assert "asks" not in get(vendor, "/console/bill")
    assert "asks" not in get(vendor, "/console/bill?asks=0")


def test_usage_is_told_as_the_vendors_page_shows_it(vendor, clock):
    ask(vendor, 3)
    clock.at += timedelta(minutes=20)
    ask(vendor)

    usage = get(vendor, "/console/usage")

    assert [(line["处理时间"], line["备注"], line["消耗"]) for line in usage] == [
        ("2018-03-19 11:10:01 - 2018-03-19 11:20:01", "套餐包消耗", "1次"),
        ("2018-03-19 10:50:01 - 2018-03-19 11:00:01", "套餐包消耗", "3次"),
    ]
    assert len({line["流水编号"] for line in usage}) == 2


def test_usage_can_be_exported_for_reconciling(vendor):
    ask(vendor, 3)

    answer = respond(vendor, method="GET", target="/console/usage?format=csv", body=b"")

    assert answer.content_type == "text/csv; charset=GBK"
    rows = list(csv.reader(io.StringIO(answer.body.decode("gbk"), newline="")))
    assert rows[0] == ["流水编号", "处理时间", "备注", "消耗"]
    assert rows[1][1:] == ["2018-03-19 10:50:01 - 2018-03-19 11:00:01", "套餐包消耗", "3次"]


def test_faults_can_be_scripted_and_ended(vendor):
    assert post(vendor, "/console/faults", [{"fault": "status_9999", "at": [2], "billed": False}]) == (200, {"ok": True})
    ask(vendor, 3)
    post(vendor, "/console/faults", [])
    ask(vendor, 2)

    assert [(one.fault, one.billed) for one in vendor.bill.asks()] == [("", True), ("status_9999", False)] + [("", True)] * 3


def test_the_quota_can_be_set_and_topped_up(vendor, clock):
    ask(vendor)
    post(vendor, "/console/quota", {"set": 2})
    post(vendor, "/console/quota", {"top_up": 5, "expires_in_seconds": 60})

    wallet = get(vendor, "/console/wallet")

    assert (wallet["left"], wallet["standing"]) == (7, "valid")
    assert [(package["total"], package["expires_at"]) for package in wallet["packages"]] == [(5, clock() + 60), (2, None)]


def test_the_app_code_can_be_revoked_reset_and_made_valid(vendor):
    post(vendor, "/console/appcode", {"standing": "revoked"})
    assert b"A401AC" in ask(vendor).payload
    post(vendor, "/console/appcode", {"standing": "valid"})
    assert b'"status":"01"' in ask(vendor).payload
    post(vendor, "/console/appcode", {"reset": "another"})
    assert b"A400AC" in ask(vendor).payload


def test_latency_and_clock_can_be_turned(vendor, clock):
    post(vendor, "/console/latency", {"seconds": 0.5})
    post(vendor, "/console/clock", {"advance_seconds": 3600})

    assert vendor.ask(SAMPLE_TARGET, "sandbox").after_seconds == 0.5
    assert vendor.now() == clock() + 3600


def test_reset_empties_the_bill(vendor):
    ask(vendor)
    post(vendor, "/console/reset", {})

    assert get(vendor, "/console/bill")["total"] == 0


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/console/faults", [{"fault": "flood"}], "'flood' is not a valid Fault"),
        ("/console/faults", [{}], "'fault'"),
        ("/console/faults", [{"fault": "nan", "when": 3}], "Rule.__init__() got an unexpected keyword argument 'when'"),
        ("/console/quota", {}, "'top_up'"),
        ("/console/appcode", {"standing": "odd"}, "'odd' is not a valid Standing"),
        ("/console/latency", {"seconds": "soon"}, "could not convert string to float: 'soon'"),
    ],
)
def test_what_makes_no_sense_is_said_to_make_none(vendor, path, body, reason):
    assert post(vendor, path, body) == (400, {"error": f"{path} cannot make sense of this: {reason}"})


def test_a_body_that_is_no_json_is_refused(vendor):
    answer = respond(vendor, method="POST", target="/console/quota", body=b"{")

    assert answer.http == 400


@pytest.mark.parametrize(
    ("method", "path", "http", "message"),
    [
        ("POST", "/console/bill", 405, "/console/bill is for GET."),
        ("GET", "/console/faults", 405, "/console/faults is for POST."),
        ("GET", "/console/", 404, "The console has ['/console/appcode', '/console/bill', '/console/clock', "),
    ],
)
def test_a_wrong_path_or_method_is_told_the_right_one(vendor, method, path, http, message):
    answer = respond(vendor, method=method, target=path, body=b"")

    assert answer.http == http
    assert json.loads(answer.body)["error"].startswith(message)


def test_console_requests_are_no_asks(sandbox, wire):
    body = b'{"top_up": 1}'
    wire.send(b"POST /console/quota HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    assert wire.answer().json() == {"ok": True}
    assert sandbox.bill.total() == 0
    assert sandbox.vendor.wallet.left(now=sandbox.vendor.now()) == 1_000_001


def test_a_console_body_over_a_megabyte_is_not_kept(wire):
    wire.send(b"POST /console/quota HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n" + b" " * 3_000_000)

    assert wire.answer().status == 400
