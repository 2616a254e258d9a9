"""What goes over the wire: head, order, keep-alive, and each fault byte by byte."""

from __future__ import annotations

import asyncio
import re
import time
from email.utils import parsedate_to_datetime

import pytest

from batchverify.sandbox import Fault, Rule, Settings, Vendor, running, start

ORDER = ["status", "msg", "idCard", "accountNo", "name", "bank", "cardName", "cardType"]
ORDER += ["sex", "area", "province", "city", "prefecture", "birthday", "addrCode", "lastCode"]
OURS = {"accountNo": "6217000000000007", "idCard": "11010119900307001X", "name": "李四·A", "mobile": "13800138001"}


def eventually(claim, *, within_seconds: float = 3) -> bool:
    """Wait for the server's thread to get there."""
    end = time.monotonic() + within_seconds
    while not claim() and time.monotonic() < end:
        time.sleep(0.002)
    return claim()


# Answers


@pytest.mark.parametrize("path", ["/bank3Check", "/bank3CheckNew", "/bankCheck4", "/bankCheck4New", "/IDCard"])
def test_fields_come_in_the_vendors_order_as_texts_and_unescaped(wire, path):
    wire.ask(path, OURS)

    answer = wire.answer()

    without = {"accountNo", "bank", "cardName", "cardType"} if path == "/IDCard" else set()
    assert list(answer.json()) == [name for name in ORDER if name not in without]
    assert all(isinstance(value, str) for value in answer.json().values())
    assert "李四·A".encode() in answer.body
    assert answer.body.startswith(b'{"status":"01","msg":"')


def test_the_vendors_sample_gets_the_vendors_answer(wire):
    wire.ask("/bank3Check")

    assert list(wire.answer().json().values()) == [
        *("01", "验证通过", "511126199511111111", "621411111111149563", "张三", "中国建设银行", "龙卡通", "借记卡"),
        *("男", "四川省乐山市夹江县", "四川省", "乐山市", "夹江县", "1995-11-11", "511126", "1"),
    ]


def test_a_mismatch_echoes_and_leaves_the_eleven_fields_empty(wire):
    wire.ask("/bank3Check", OURS | {"accountNo": "6217000000000027"})

    answer = wire.answer().json()

    assert list(answer) == ORDER
    assert list(answer.values()) == ["02", "验证不通过", OURS["idCard"], "6217000000000027", OURS["name"]] + [""] * 11


def test_every_answer_has_a_date_and_a_request_id_that_the_bill_knows(sandbox, wire):
    before = int(time.time())
    wire.ask("/bank3Check")
    wire.ask("/nowhere")
    answers = [wire.answer(), wire.answer()]

    assert [answer.headers["X-Ca-Request-Id"] for answer in answers] == [ask.request_id for ask in sandbox.bill.asks()]
    assert all(re.fullmatch(r"[0-9A-F-]{36}", answer.headers["X-Ca-Request-Id"]) for answer in answers)
    assert all(before <= parsedate_to_datetime(answer.headers["Date"]).timestamp() <= time.time() for answer in answers)


def test_a_used_up_package_looks_like_the_real_dump(sandbox, wire):
    sandbox.vendor.set_quota(0)
    wire.ask("/bank3Check")

    answer = wire.answer()

    assert (answer.status, answer.body) == (403, b"")
    del answer.headers["Date"], answer.headers["X-Ca-Request-Id"]
    assert answer.headers == {
        "Content-Type": "application/json; charset=UTF-8",
        "Content-Length": "0",
        "Connection": "keep-alive",
        "Keep-Alive": "timeout=25",
        "X-Ca-Error-Code": "B403MQ",
        "X-Ca-Error-Message": "Api Market Subscription quota exhausted",
    }


def test_a_missing_parameter_has_a_message_and_no_code(wire):
    wire.ask("/bankCheck4")

    answer = wire.answer()

    assert (answer.status, answer.headers["X-Ca-Error-Message"]) == (400, "Invalid Param Location")
    assert "X-Ca-Error-Code" not in answer.headers


@pytest.mark.parametrize(
    "header", ["", "Authorization: appcode sandbox\r\n", "Authorization: APPCODE  sandbox\r\n", "Authorization: sandbox\r\n"]
)
def test_only_appcode_with_one_space_is_an_authorization(wire, header):
    wire.ask("/bank3Check", app_code=None, headers=header)

    answer = wire.answer()

    assert (answer.status, answer.headers["X-Ca-Error-Code"]) == (400, "A400AC")


def test_the_name_of_the_authorization_header_may_be_spelled_any_way(wire):
    wire.ask("/bank3Check", app_code=None, headers="authorization: APPCODE sandbox\r\n")

    assert wire.answer().json()["status"] == "01"


def test_an_ask_is_written_down_when_it_is_read_even_if_the_client_leaves(sandbox, dial):
    sandbox.vendor.latency_seconds = 5
    wire = dial(sandbox.endpoint)
    wire.ask("/bank3Check")
    assert eventually(lambda: sandbox.bill.in_flight() == 1)
    wire.close()

    assert eventually(lambda: sandbox.bill.in_flight() == 0)
    assert (sandbox.bill.total(), sandbox.bill.billed()) == (1, 1)


def test_half_an_ask_is_no_ask(sandbox, dial):
    wire = dial(sandbox.endpoint)
    wire.send(b"GET /bank3Check?accountNo=1 HTTP/1.1\r\nHost: local")
    wire.close()
    dial(sandbox.endpoint).ask("/bank3Check")

    assert eventually(lambda: sandbox.bill.total() == 1)


def test_an_ask_that_comes_in_pieces_is_one_ask(sandbox, wire):
    for byte in b"GET /IDCard?idCard=511126199511111111&name=a HTTP/1.1\r\nAuthorization: APPCODE sandbox\r\n\r\n":
        wire.send(bytes([byte]))

    assert wire.answer().json()["status"] == "01"
    assert sandbox.bill.total() == 1


def test_asks_sent_at_once_are_answered_one_after_the_other(sandbox, wire):
    sandbox.vendor.latency_seconds = 0.01
    for number in range(5):
        wire.ask("/bank3Check", OURS | {"name": f"测试{number}"})

    assert [wire.answer().json()["name"] for _ in range(5)] == [f"测试{number}" for number in range(5)]
    assert sandbox.bill.max_in_flight == 1


def test_latency_is_waited_out(sandbox, wire):
    sandbox.vendor.latency_seconds = 0.05
    before = time.monotonic()
    wire.ask("/bank3Check")
    wire.answer()

    assert time.monotonic() - before >= 0.05


def test_in_flight_is_counted_per_id_and_per_card(sandbox, dial):
    sandbox.vendor.latency_seconds = 5
    for number in (0, 1, 1):
        dial(sandbox.endpoint).ask("/bank3Check", OURS | {"idCard": f"1101011990030700{number}X"})

    assert eventually(lambda: sandbox.bill.in_flight() == 3)
    assert (sandbox.bill.max_in_flight, sandbox.bill.max_in_flight_per_card) == (3, 3)
    assert sandbox.bill.max_in_flight_per_id == 2


# Connections


def test_a_client_that_says_close_is_closed(wire):
    wire.ask("/bank3Check", headers="Connection: close\r\n")

    answer = wire.answer()

    assert answer.headers["Connection"] == "close"
    assert "Keep-Alive" not in answer.headers
    assert wire.rest() == b""


def test_an_idle_connection_is_closed_after_its_time(dial):
    with running(Settings(keep_alive_seconds=0.05)) as vendor:
        wire = dial(vendor.endpoint)
        wire.ask("/bank3Check")
        wire.answer()

        assert wire.rest() == b""


def test_a_connection_that_waits_for_its_answer_is_not_idle(dial):
    with running(Settings(keep_alive_seconds=0.03, latency_seconds=0.15)) as vendor:
        wire = dial(vendor.endpoint)
        wire.ask("/bank3Check")

        assert wire.answer().status == 200


def test_what_is_not_http_is_refused_and_no_ask(sandbox, wire):
    wire.send(b"HELLO\r\n\r\n")

    assert wire.answer().status == 400
    assert wire.rest() == b""
    assert sandbox.bill.total() == 0


def test_a_head_over_8_kilobytes_is_refused_and_no_ask(sandbox, wire):
    wire.ask("/bank3Check", OURS | {"name": "a" * 9_000})

    assert wire.answer().status == 414
    assert wire.rest() == b""
    assert sandbox.bill.total() == 0


def test_a_post_to_the_vendor_is_an_unknown_path(sandbox, wire):
    wire.send(b"POST /bank3Check HTTP/1.1\r\nContent-Length: 2\r\nAuthorization: APPCODE sandbox\r\n\r\n{}")

    assert wire.answer().headers["X-Ca-Error-Code"] == "I404NF"
    assert sandbox.bill.billed() == 0


# The server itself


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_the_sandbox_is_for_this_machine_alone(host):
    with pytest.raises(ValueError) as error:
        asyncio.run(start(Vendor(), host=host))

    assert str(error.value) == f"The sandbox does not listen on {host!r}: it is for this machine alone. Give 127.0.0.1 or ::1."


@pytest.mark.parametrize(("host", "endpoint"), [("127.0.0.1", "http://127.0.0.1:"), ("::1", "http://[::1]:")])
def test_the_endpoint_is_a_url_of_the_address(host, endpoint):
    async def main() -> tuple[str, int]:
        server = await start(Vendor(), host=host)
        await server.close()
        return server.endpoint, server.port

    try:
        found, port = asyncio.run(main())
    except OSError:
        pytest.skip(f"This machine has no {host}.")
    assert found == f"{endpoint}{port}"


@pytest.mark.parametrize("fault", [None, Fault.RESET_AFTER])
def test_the_server_runs_on_the_loop_of_the_standard_library_too(fault):
    async def main() -> bytes:
        vendor = Vendor()
        vendor.script_faults(*([Rule(fault=fault)] if fault else []))
        server = await start(vendor)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /IDCard?idCard=511126199511111111&name=a HTTP/1.1\r\nAuthorization: APPCODE sandbox\r\n\r\n")
        try:
            return await reader.readuntil(b"}")
        except ConnectionResetError:
            return b"reset"
        finally:
            await server.close()
            writer.close()

    assert asyncio.run(main()).endswith(b"}" if fault is None else b"reset")


def test_closing_the_server_ends_its_connections(dial):
    with running() as vendor:
        wire = dial(vendor.endpoint)
        wire.ask("/bank3Check")
        wire.answer()

    with pytest.raises(ConnectionRefusedError):
        dial(vendor.endpoint)
    assert wire.rest() == b""
