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

REQUEST_ID = "0B0C6A5E-0000-4000-8000-000000000001"
APP_CODE = Secret("test-appcode")
FIELDS = {
    "status": "01",
    "msg": "验证通过",
    "idCard": "11010119900101001X",
    "accountNo": "6217000000000000007",
    "name": "测试甲",
    "sex": "女",
}


def answer(fields=FIELDS, *, http="200 OK", body=None, length=None, more=""):
    body = json.dumps(fields, ensure_ascii=False).encode() if body is None else body
    length = len(body) if length is None else length
    head = f"HTTP/1.1 {http}\r\nDate: Tue, 24 Nov 2026 02:50:01 GMT\r\nX-Ca-Request-Id: {REQUEST_ID}\r\nContent-Length: {length}\r\n{more}\r\n"
    return head.encode() + body


def chunked(body, *, end=b"0\r\n\r\n", more=""):
    head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{more}\r\n".encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:])) + end


def refused(http, code="", message="", more=""):
    return answer(http=http, body=b"", more=f"X-Ca-Error-Code: {code}\r\nX-Ca-Error-Message: {message}\r\n{more}")


def client_of(server, *, connections=4, deadline_seconds=5.0, **options):
    endpoint = parse_endpoint(f"http://127.0.0.1:{server.port}")
    return Client(endpoint, APP_CODE, connections=connections, deadline_seconds=deadline_seconds, **options)


def says(data, *, then="stay"):
    """Make a script that answers each request with `data`, then stays, closes or resets."""

    def script(peer):
        while peer.read():
            peer.send(data)
            if then == "reset":
                peer.reset()
            if then != "stay":
                return

    return script


async def ask_once(server, query, **options):
    async with client_of(server, **options) as client:
        return await client.ask(query)


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


def silence(peer):
    peer.read()
    peer.wait_for_end()


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


def test_asks_one_after_the_other_share_a_connection(listen, run, query):
    server = listen(says(answer(more="Keep-Alive: timeout=25\r\n")))

    async def ask_thrice():
        async with client_of(server) as client:
            for _ in range(3):
                await client.ask(query)

    run(ask_thrice())

    assert (server.connections, len(server.requests)) == (1, 3)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(answer(more="Connection: close\r\n"), id="said to be closed"),
        pytest.param(answer() + answer(OTHER), id="two answers to one ask"),
        pytest.param(answer() + b"garbage", id="garbage after the answer"),
        pytest.param(answer().replace(b"HTTP/1.1", b"HTTP/1.0"), id="HTTP/1.0"),
    ],
)
def test_a_connection_on_which_something_odd_was_seen_is_not_used_again(data, listen, run, query):
    server = listen(says(data))

    async def ask_twice():
        async with client_of(server) as client:
            return [await client.ask(query), await client.ask(query)]

    assert [reply.answer.status for reply in run(ask_twice())] == ["01", "01"]
    assert (server.connections, len(server.requests)) == (2, 2)


@pytest.mark.parametrize("last_words", [b"", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"], ids=["silent", "408"])
def test_after_a_stale_connection_the_next_ask_is_sent_once_over_a_new_one(last_words, listen, run, query):
    def script(peer):
        peer.read()
        peer.send(answer())
        time.sleep(0.05)
        peer.send(last_words)

    server = listen(script)

    async def ask_twice():
        async with client_of(server) as client:
            await client.ask(query)
            await asyncio.sleep(0.3)
            await client.ask(query)

    run(ask_twice())

    assert (server.connections, len(server.requests)) == (2, 2)


def test_an_ask_written_into_a_connection_that_just_died_is_in_doubt_and_never_sent_again(listen, run, query, leaks_nothing):
    server = listen(says(answer(), then="close"))

    async def ask_twice():
        async with client_of(server) as client:
            await client.ask(query)
            time.sleep(0.2)  # noqa: ASYNC251  # the loop must not see the end of the connection before the write
            await client.ask(query)

    with pytest.raises(InDoubt) as caught:
        run(ask_twice())

    assert caught.value.code == "reset"
    assert (server.connections, len(server.requests)) == (1, 1)
    leaks_nothing(caught.value)


def test_the_last_used_connection_is_used_first(listen, run, query):
    first_asked = []

    def script(peer):
        number = server.connections
        while peer.read():
            first_asked.append(number)
            time.sleep(0.1)
            peer.send(answer())

    server = listen(script)

    async def ask_four():
        async with client_of(server) as client:
            early = asyncio.create_task(client.ask(query))
            await asyncio.sleep(0.05)
            late = asyncio.create_task(client.ask(query))
            await asyncio.gather(early, late)
            await client.ask(query)
            await client.ask(query)

    run(ask_four())

    assert first_asked == [1, 2, 2, 2]


def test_more_asks_than_connections_are_not_sent(listen, run, query, leaks_nothing):
    server = listen(silence)

    async def ask_two():
        async with client_of(server, connections=1, deadline_seconds=0.3) as client:
            return await asyncio.gather(client.ask(query), client.ask(query), return_exceptions=True)

    sent, unsent = run(ask_two())

    assert (type(sent), type(unsent), unsent.code) == (InDoubt, NotSent, "late")
    assert len(server.requests) == 1
    leaks_nothing(unsent)


def test_an_ask_past_its_instant_is_not_sent_and_its_connection_is_kept(listen, run, query, leaks_nothing):
    server = listen(says(answer()))

    async def ask_late():
        async with client_of(server, monotonic=lambda: 100.0) as client:
            with pytest.raises(NotSent) as caught:
                await client.ask(query, send_before=99.9)
            seen = len(server.requests)
            await client.ask(query, send_before=100.0)
            return caught.value, seen

    error, seen = run(ask_late())

    assert (error.code, seen, server.connections, len(server.requests)) == ("late", 0, 1, 1)
    assert str(error) == (
        "The ask was not sent to '127.0.0.1'. The ask was ready only after the instant until which it may be sent. "
        "It is reserved anew. Nothing was billed."
    )
    leaks_nothing(error)


def test_an_idle_connection_is_dropped_before_the_gateway_drops_it(listen, run, query):
    """A process that was paused wakes up with timers that did not fire: the clock decides."""
    now = [0.0]
    server = listen(says(answer()))

    async def ask_at(*instants):
        async with client_of(server, monotonic=lambda: now[0]) as client:
            for instant in instants:
                now[0] = instant
                await client.ask(query)

    run(ask_at(0.0, 19.9, 39.8, 60.0))

    assert (server.connections, len(server.requests)) == (2, 4)


def test_a_server_that_keeps_connections_shorter_is_believed(listen, run, query):
    now = [0.0]
    server = listen(says(answer(more="keep-alive: timeout=5, max=100\r\n")))

    async def ask_at(*instants):
        async with client_of(server, monotonic=lambda: now[0]) as client:
            for instant in instants:
                now[0] = instant
                await client.ask(query)

    run(ask_at(0.0, 3.9, 8.0))

    assert (server.connections, len(server.requests)) == (2, 3)


def test_a_cancelled_ask_closes_its_connection_and_is_not_sent_again(listen, run, query):
    server = listen(silence)

    async def cancel_one():
        async with client_of(server, deadline_seconds=0.5) as client:
            task = asyncio.create_task(client.ask(query))
            await asyncio.to_thread(server.requests_seen.acquire, timeout=5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            closed = await asyncio.to_thread(server.ends_seen.acquire, timeout=5)
            with pytest.raises(InDoubt):
                await client.ask(query)
            return closed

    assert run(cancel_one())
    assert (server.connections, len(server.requests)) == (2, 2)


def test_closing_the_client_leaves_asks_in_flight_in_doubt_and_lets_no_other_out(listen, run, query):
    server = listen(silence)

    async def close_early():
        async with client_of(server) as client:
            task = asyncio.create_task(client.ask(query))
            await asyncio.to_thread(server.requests_seen.acquire, timeout=5)
        errors = await asyncio.gather(task, client.ask(query), return_exceptions=True)
        return [(type(error), error.code) for error in errors]

    assert run(close_early()) == [(InDoubt, "reset"), (NotSent, "late")]
    assert len(server.requests) == 1


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
