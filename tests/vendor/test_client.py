"""Proof at the wire: what a server counted, beside what the client says about the bill."""

import asyncio
import json
import logging
import socket
import time
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import httpx
import pytest

from batchverify import words
from batchverify.errors import (
    AccountOverdue,
    BadRequest,
    EchoMismatch,
    InDoubt,
    KeyRejected,
    NotSent,
    QuotaExhausted,
    Refused,
    SettingsError,
    Throttled,
)
from batchverify.model import Product, Query, Secret
from batchverify.vendor.client import Client
from batchverify.vendor.products import parse_endpoint
from batchverify.vendor.wire import MAX_ANSWER_BYTES
from tests.faults import Danger, proves
from tests.threats import guards
from tests.vendor.raw_answers import APP_CODE, FIELDS, REQUEST_ID, answer, ask_once, chunked, client_of, refused, says, silence


def test_an_ask_brings_the_vendors_reply(listen, run, query, caplog):
    caplog.set_level(logging.DEBUG)
    server = listen(says(answer(more="X-Ca-Error-Message: OK\r\n")))

    reply = run(ask_once(server, query))

    assert (reply.answer.status, reply.answer.message, reply.answer.details) == ("01", "验证通过", {"sex": "女"})
    assert reply.request_id == REQUEST_ID
    assert reply.vendor_at == datetime(2026, 11, 24, 2, 50, 1, tzinfo=UTC)
    assert [record for record in caplog.records if record.name != "asyncio"] == []
    assert query.id_card not in caplog.text


def test_an_ask_looks_on_the_wire_as_the_vendor_documents_it(listen, run, query):
    server = listen(says(answer()))

    run(ask_once(server, query))

    [head] = server.requests
    line, *fields = head.decode("ascii").rstrip().split("\r\n")
    method, target, version = line.split(" ")
    assert (method, version) == ("GET", "HTTP/1.1")
    assert target.startswith("/bankCheck4?")
    assert parse_qsl(target.partition("?")[2]) == [
        ("accountNo", query.account_no),
        ("idCard", query.id_card),
        ("name", query.name),
        ("mobile", query.mobile),
    ]
    assert sorted(fields) == [
        "Accept-Encoding: identity",
        "Accept: application/json",
        "Authorization: APPCODE test-appcode",
        f"Host: 127.0.0.1:{server.port}",
        "User-Agent: batchverify",
    ]


def test_an_answer_without_date_or_request_id_is_still_an_answer(listen, run, query):
    server = listen(says(chunked(json.dumps(FIELDS).encode())))

    reply = run(ask_once(server, query))

    assert (reply.answer.status, reply.request_id, reply.vendor_at) == ("01", "", None)


def drip(peer):
    peer.read()
    for byte in answer():
        peer.send(bytes([byte]))
        time.sleep(0.03)


def reset_unread(peer):
    peer.wait_for_data()
    peer.reset()


def flood(peer):
    peer.read()
    peer.send(b"HTTP/1.1 200 OK\r\n")
    for number in range(1_000_000):
        peer.send(b"X-%d: 0123456789\r\n" % number)


BODY = json.dumps(FIELDS, ensure_ascii=False).encode()
HUGE = b'{"status":"01","more":"' + b"x" * MAX_ANSWER_BYTES + b'"}'
OTHER = {**FIELDS, "idCard": "11010119900101002X"}

# RELIABILITY §4, the rows of the network: script, class, code.
FAULTS = {
    "reset before the request is read": (reset_unread, InDoubt, "reset"),
    "reset after the request": (says(b"", then="reset"), InDoubt, "reset"),
    "closed without an answer": (says(b"", then="close"), InDoubt, "reset"),
    "never answers": (silence, InDoubt, "timeout"),
    "slow drip": (drip, InDoubt, "timeout"),
    "truncated with length": (says(answer(length=len(BODY) + 1), then="close"), InDoubt, "truncated"),
    "reset in the body": (says(answer(length=len(BODY) + 1), then="reset"), InDoubt, "truncated"),
    "whole body without length": (says(b"HTTP/1.1 200 OK\r\n\r\n" + BODY, then="close"), InDoubt, "truncated"),
    "whole body, HTTP/1.0": (says(b"HTTP/1.0 200 OK\r\n\r\n" + BODY, then="close"), InDoubt, "truncated"),
    "chunks without an end": (says(chunked(BODY, end=b""), then="close"), InDoubt, "truncated"),
    "cut in the head": (says(answer()[:40], then="close"), InDoubt, "truncated"),
    "length too short": (says(answer(length=len(BODY) - 1)), InDoubt, "not_json"),
    "HTML page": (says(answer(body=b"<!DOCTYPE html><title>Busy</title>")), InDoubt, "html"),
    "gzip": (says(answer(more="Content-Encoding: gzip\r\n")), InDoubt, "wrong_encoding"),
    "gzip that never ends": (says(answer(length=10**9, more="content-encoding: GZIP\r\n")), InDoubt, "wrong_encoding"),
    "huge body": (says(answer(body=HUGE)), InDoubt, "too_large"),
    "huge chunks": (says(chunked(HUGE)), InDoubt, "too_large"),
    "endless head": (flood, InDoubt, "too_large"),
    "no HTTP": (says(b"SSH-2.0-OpenSSH\r\n"), InDoubt, "not_json"),
    "length and chunks": (says(chunked(BODY, more="Content-Length: 5\r\n")), InDoubt, "not_json"),
    "two lengths": (says(answer(more="Content-Length: 5\r\n")), InDoubt, "not_json"),
    "upgrade": (says(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), InDoubt, "not_json"),
    "wrong echo": (says(answer(OTHER)), EchoMismatch, "bad_echo"),
    "number for string": (says(answer({**FIELDS, "bank": 1})), InDoubt, "not_json"),
    "NaN": (says(answer({**FIELDS, "score": float("nan")})), InDoubt, "not_json"),
    "duplicate keys": (says(answer(body=b'{"status":"02",' + BODY[1:])), InDoubt, "not_json"),
    "unknown status": (says(answer({**FIELDS, "status": "777"})), InDoubt, "unknown_status"),
    "service error": (says(answer({**FIELDS, "status": "9999"})), InDoubt, "service_error"),
    "redirect": (says(refused("302 Found", more="Location: http://127.0.0.1:1/\r\n")), InDoubt, "redirect"),
    "no content": (says(b"HTTP/1.1 204 No Content\r\n\r\n"), InDoubt, "server_error"),
    "429": (says(refused("429 Too Many Requests", "T429ID", "Throttled by APP Flow Control")), Throttled, "throttled"),
    "403 throttle": (says(refused("403 Forbidden", "", "Throttled by USER Flow Control")), Throttled, "throttled"),
    "500": (says(refused("500 Internal", "X500ER", "Internal Error")), InDoubt, "server_error"),
    "502": (says(refused("502 Bad Gateway", "D502FC")), InDoubt, "server_error"),
    "503 of the gateway": (says(refused("503 Unavailable", "D503CB")), Throttled, "unavailable"),
    "503 of the back end": (says(refused("503 Unavailable")), InDoubt, "server_error"),
    "503 by a trailer": (
        says(chunked(BODY, end=b"0\r\nX-Ca-Error-Code: D503CB\r\n\r\n").replace(b"200 OK", b"503 No")),
        InDoubt,
        "server_error",
    ),
    "504": (says(refused("504 Timeout", "D504TO")), InDoubt, "gateway_timeout"),
    "quota": (says(refused("403 Forbidden", "B403MQ", "Api Market Subscription quota exhausted")), QuotaExhausted, "quota"),
    "AppCode": (says(refused("400 Bad", "A400AC", "Invalid AppCode `test-appcode`")), KeyRejected, "app_code"),
    "arrears": (says(refused("403 Forbidden", "", "User Arrears")), AccountOverdue, "overdue"),
    "path": (says(refused("404 Not Found", "I404NF")), BadRequest, "bad_request"),
    "unknown refusal": (says(refused("403 Forbidden", "Z403ZZ")), Refused, "bad_request"),
}


@pytest.mark.parametrize("fault", FAULTS)
@proves(Danger.RESET_UNREAD, case="reset before the request is read")
def test_under_every_fault_an_ask_is_one_request_and_its_error_says_what_it_means_for_the_bill(
    fault, listen, run, query, leaks_nothing
):
    script, kind, code = FAULTS[fault]
    server = listen(script)

    with pytest.raises(kind) as caught:
        run(ask_once(server, query, deadline_seconds=0.3 if code == "timeout" else 5.0))

    assert (type(caught.value), caught.value.code) == (kind, code)
    assert server.connections == 1
    assert len(server.requests) == (0 if fault == "reset before the request is read" else 1)
    leaks_nothing(caught.value)


WITH_A_HEAD = {
    "html": (says(answer(body=b"<html></html>")), "html"),
    "cut in the middle": (says(answer()[:-9], then="close"), "truncated"),
    "unknown status": (says(answer({**FIELDS, "status": "777"})), "unknown_status"),
    "another person": (says(answer({**FIELDS, "name": "李四"})), "bad_echo"),
    "compressed": (says(answer(more="Content-Encoding: gzip\r\n")), "wrong_encoding"),
}


@pytest.mark.parametrize("fault", WITH_A_HEAD)
def test_of_a_doubt_whose_answer_had_a_head_the_vendors_time_and_request_id_are_kept(fault, listen, run, query):
    script, code = WITH_A_HEAD[fault]

    with pytest.raises(InDoubt) as caught:
        run(ask_once(listen(script), query))

    assert caught.value.code == code
    assert caught.value.vendor_at == datetime(2026, 11, 24, 2, 50, 1, tzinfo=UTC)
    assert caught.value.request_id == REQUEST_ID


@pytest.mark.parametrize(
    "script", [silence, says(b"HTTP/1.1 103 Early Hints\r\nDate: Tue, 24 Nov 2026 02:50:01 GMT\r\n\r\n", then="close")]
)
def test_without_the_head_of_a_final_answer_a_doubt_has_no_time_of_the_vendors(script, listen, run, query):
    with pytest.raises(InDoubt) as caught:
        run(ask_once(listen(script), query, deadline_seconds=0.3))

    assert (caught.value.vendor_at, caught.value.request_id) == (None, "")


def test_the_words_of_a_doubt_name_host_reason_and_remedy(listen, run, query):
    with pytest.raises(InDoubt) as caught:
        run(ask_once(listen(silence), query, deadline_seconds=0.1))

    assert str(caught.value) == (
        "The ask to '127.0.0.1' was sent. No whole answer came before the deadline. It may have been billed; compare the vendor's usage."
    )


def test_a_refusal_keeps_the_request_id_and_the_wait(listen, run, query):
    with pytest.raises(Throttled) as caught:
        run(ask_once(listen(says(refused("429 Too Many", "T429ID", more="Retry-After: 7\r\n"))), query))

    assert (caught.value.request_id, caught.value.retry_after_seconds) == (REQUEST_ID, 7.0)


@pytest.mark.parametrize("code", sorted({code for _, _, code in FAULTS.values()} | {"dns", "connect", "tls", "late", "too_long"}))
@pytest.mark.parametrize("lang", words.Lang)
def test_every_code_of_an_ask_has_words_for_a_clerk(code, lang):
    assert words.message(code, lang) != words.message("no such code", lang) or code == "unknown_status"
    assert words.action(code, lang)


def test_a_slow_drip_cannot_stretch_the_deadline(listen, run, query):
    async def timed():
        started_at = time.monotonic()
        with pytest.raises(InDoubt):
            await ask_once(server, query, deadline_seconds=0.3)
        return time.monotonic() - started_at

    server = listen(drip)

    assert 0.25 < run(timed()) < 1.5


def test_an_interim_answer_is_none(listen, run, query):
    server = listen(says(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer()))

    assert run(ask_once(server, query)).answer.status == "01"


def test_a_refused_port_is_not_sent(run, query, leaks_nothing):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    async def ask():
        async with Client(parse_endpoint(f"http://127.0.0.1:{port}"), APP_CODE, connections=1) as client:
            await client.ask(query)

    with pytest.raises(NotSent) as caught:
        run(ask())

    assert caught.value.code == "connect"
    assert str(caught.value) == (
        "The ask was not sent to '127.0.0.1'. It could not be reached. Check the network, the firewall and the endpoint setting. "
        "Nothing was billed."
    )
    leaks_nothing(caught.value)


def test_a_name_that_does_not_resolve_is_not_sent(run, query, leaks_nothing):
    endpoint = parse_endpoint("https://vendor.invalid", named_hosts=["vendor.invalid"])

    async def ask():
        async with Client(endpoint, APP_CODE, connections=1) as client:
            await client.ask(query)

    with pytest.raises(NotSent) as caught:
        run(ask())

    assert caught.value.code == "dns"
    leaks_nothing(caught.value)


@guards("environment")
def test_proxies_of_the_environment_are_not_used(listen, run, query, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)

    assert run(ask_once(listen(says(answer())), query)).answer.status == "01"


def test_many_asks_at_once_are_one_request_each(listen, run):
    """Two hundred asks over twenty connections: each answer goes to the question it echoes."""

    def script(peer):
        while head := peer.read():
            asked = dict(parse_qsl(head.split(b" ")[1].partition(b"?")[2].decode()))
            peer.send(answer({"status": "01", **asked}))

    server = listen(script)

    async def ask_all():
        async with client_of(server, connections=20) as client:

            async def worker(numbers):
                for number in numbers:
                    await client.ask(Query(product=Product.ID2, name="李四", id_card=f"{number:018}"))

            await asyncio.gather(*(worker(range(start, 200, 20)) for start in range(20)))

    run(ask_all())

    assert server.connections == 20
    assert len(set(server.requests)) == len(server.requests) == 200


@pytest.mark.parametrize("text", ["", "two words", "line\r\nHost: evil", "电", "tab\t"])
def test_an_appcode_that_no_header_can_carry_is_refused(text):
    with pytest.raises(SettingsError) as caught:
        Client(parse_endpoint("http://127.0.0.1:1"), Secret(text), connections=1)

    assert str(caught.value) == "The AppCode is empty or holds a space or a character that no header can carry. Set it again."


def test_the_transport_is_one_of_httpx_and_its_requests_show_nobody(listen, run, query):
    """The target travels in the "target" extension, so that a request's own repr has the endpoint alone."""
    seen = []

    async def ask():
        async with client_of(server) as client:
            transport = client._transport
            assert isinstance(transport, httpx.AsyncBaseTransport)
            response = await transport.handle_async_request(httpx.Request("GET", f"http://127.0.0.1:{server.port}/IDCard?x=1"))
            seen.append((response.status_code, response.read(), repr(client)))

    server = listen(says(answer(body=b"{}")))
    run(ask())

    assert seen[0][:2] == (200, b"{}")
    assert "test-appcode" not in seen[0][2]
    assert server.requests[0].startswith(b"GET /IDCard?x=1 HTTP/1.1\r\n")
