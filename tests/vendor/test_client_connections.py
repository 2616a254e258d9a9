"""Which connection an ask takes, when it takes none, and that no ask is ever written twice."""

import asyncio
import time

import pytest

from batchverify.errors import InDoubt, NotSent
from tests.faults import Danger, proves
from tests.vendor.raw_answers import FIELDS, answer, client_of, says, silence

OTHER = {**FIELDS, "idCard": "11010119900101002X"}


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
@proves(Danger.STALE)
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


@proves(Danger.DIES_UNDER_ASK)
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
