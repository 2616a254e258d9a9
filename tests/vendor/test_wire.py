"""The wire below the client: what an answer is, byte by byte, and what closes a connection."""

import asyncio
import itertools
import ssl
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchverify.vendor.wire import MAX_ANSWER_BYTES, Left, NeverLeft, RawAnswer, Wire, _Connection, _peer_idle_seconds

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Ca-Request-Id: A\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\n{\r\n1\r\n}\r\n0\r\nX-Trailer: 1\r\n\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN
EMPTY = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nX-Ca-Error-Code: B403MQ\r\n\r\n"
ANSWERS = {
    PLAIN: (200, [(b"Content-Length", b"2"), (b"X-Ca-Request-Id", b"A")], b"{}"),
    CHUNKED: (403, [(b"Transfer-Encoding", b"chunked")], b"{}"),
    INTERIM: (200, [(b"Content-Length", b"2"), (b"X-Ca-Request-Id", b"A")], b"{}"),
    EMPTY: (403, [(b"Content-Length", b"0"), (b"X-Ca-Error-Code", b"B403MQ")], b""),
}


class Pipe(asyncio.Transport):
    """A transport without a socket: it keeps what is written and can be cut."""

    def __init__(self):
        super().__init__()
        self.written = []
        self.aborted = False

    def write(self, data):
        self.written.append(data)

    def abort(self):
        self.aborted = True

    def is_closing(self):
        return self.aborted


async def exchange_over_a_pipe(pieces, *, cut):
    loop = asyncio.get_running_loop()
    connection, pipe = _Connection(loop, set()), Pipe()
    connection.connection_made(pipe)
    task = asyncio.create_task(connection.exchange(b"ask", deadline_seconds=5))
    await asyncio.sleep(0)
    for piece in pieces:
        connection.data_received(piece)
    if cut:
        connection.connection_lost(None)
    [ended] = await asyncio.gather(task, return_exceptions=True)
    assert pipe.written == [b"ask"]
    return ended, connection.is_usable


@settings(max_examples=100)
@given(st.sampled_from(sorted(ANSWERS)), st.lists(st.integers(1, 150)))
def test_an_answer_is_the_same_in_whatever_pieces_it_comes(data, cuts):
    edges = [0, *sorted({cut for cut in cuts if cut < len(data)}), len(data)]
    pieces = [data[start:end] for start, end in itertools.pairwise(edges)]

    ended, usable = asyncio.run(exchange_over_a_pipe(pieces, cut=False))

    assert isinstance(ended, RawAnswer)
    assert (ended.status, ended.headers, ended.body) == ANSWERS[data]
    assert usable


@settings(max_examples=100)
@given(st.sampled_from(sorted(ANSWERS)), st.integers(0, 200))
def test_a_part_of_an_answer_is_never_an_answer(data, length):
    part = data[: min(length, len(data) - 1)]

    ended, usable = asyncio.run(exchange_over_a_pipe([part] if part else [], cut=True))

    assert isinstance(ended, Left)
    assert ended.code == ("truncated" if part else "reset")
    assert not usable


@settings(max_examples=100)
@given(st.sampled_from(sorted(ANSWERS)), st.binary(min_size=1, max_size=30))
def test_what_follows_an_answer_changes_nothing_but_ends_the_connection(data, noise):
    ended, usable = asyncio.run(exchange_over_a_pipe([data + noise], cut=False))

    assert isinstance(ended, RawAnswer)
    assert (ended.status, ended.headers, ended.body) == ANSWERS[data]
    # llhttp skips empty lines between two answers, as RFC 9112 §2.2 allows.
    assert usable == (not noise.strip(b"\r\n"))


@settings(max_examples=150)
@given(
    st.lists(
        st.binary(max_size=80) | st.sampled_from([b"HTTP/1.1 200 OK\r\n", b"Content-Length: 1\r\n", b"\r\n", b"x"]), max_size=8
    )
)
def test_noise_ends_an_exchange_in_one_of_the_named_ways(pieces):
    ended, _ = asyncio.run(exchange_over_a_pipe([piece for piece in pieces if piece], cut=True))

    assert isinstance(ended, RawAnswer) or (
        isinstance(ended, Left) and ended.code in {"reset", "truncated", "not_http", "wrong_encoding", "too_large"}
    )


@pytest.mark.parametrize("excess", [0, 1])
def test_an_answer_may_have_64_kib_and_no_byte_more(excess):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    body = b"x" * (MAX_ANSWER_BYTES - len(head % 10**4) + excess)
    assert len(head % len(body) + body) == MAX_ANSWER_BYTES + excess

    ended, _ = asyncio.run(exchange_over_a_pipe([head % len(body) + body], cut=False))

    assert isinstance(ended, Left if excess else RawAnswer)


@pytest.mark.parametrize("value", [b"max=100", b"", b"timeout=", b"timeout=soon"])
def test_a_keep_alive_field_without_seconds_sets_no_limit(value):
    assert _peer_idle_seconds(value) == float("inf")


def wire_to(port, **options):
    defaults = {"tls": None, "connections": 2, "deadline_seconds": 2.0, "monotonic": time.monotonic}
    return Wire("127.0.0.1", port, **{**defaults, **options})


ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def answers_and_waits(peer):
    while peer.read():
        peer.send(PLAIN)
    peer.wait_for_end()


def test_idle_connections_are_closed_without_another_ask(listen, run):
    server = listen(answers_and_waits)

    async def idle():
        wire = wire_to(server.port, idle_seconds=0.1)
        await asyncio.gather(wire.exchange(ASK), wire.exchange(ASK))
        for _ in range(3):
            await asyncio.sleep(0.06)
            await wire.exchange(ASK)
        ended_early = server.ends_seen.acquire(blocking=False)
        still_used = await asyncio.to_thread(server.ends_seen.acquire, timeout=0.01)
        ended = await asyncio.to_thread(server.ends_seen.acquire, timeout=5)
        await wire.close()
        return ended_early, still_used, ended

    assert run(idle()) == (True, False, True)
    assert (server.connections, len(server.requests)) == (2, 5)


def test_a_connection_that_ends_while_idle_is_forgotten(listen, run):
    def script(peer):
        peer.read()
        peer.send(PLAIN)

    server = listen(script)

    async def idle():
        wire = wire_to(server.port)
        await wire.exchange(ASK)
        await asyncio.sleep(0.1)
        left_open = len(wire._open)
        await wire.exchange(ASK)
        await wire.close()
        return left_open

    assert run(idle()) == 0
    assert server.connections == 2


def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next(listen, run):
    """The connection stays open, so only the data itself can give it away."""

    def script(peer):
        while peer.read():
            peer.send(PLAIN)
            time.sleep(0.05)
            peer.send(EMPTY)

    server = listen(script)

    async def ask_twice():
        wire = wire_to(server.port)
        first = await wire.exchange(ASK)
        await asyncio.sleep(0.2)
        second = await wire.exchange(ASK)
        await wire.close()
        return first.status, second.status

    assert run(ask_twice()) == (200, 200)
    assert (server.connections, len(server.requests)) == (2, 2)


def never_shakes_hands(peer):
    peer.wait_for_data()
    peer.wait_for_end()


def test_a_handshake_that_never_ends_is_never_left(listen, run):
    server = listen(never_shakes_hands)

    async def connect():
        wire = wire_to(server.port, tls=ssl.create_default_context(), connect_seconds=0.2)
        with pytest.raises(NeverLeft) as caught:
            await wire.exchange(ASK)
        await wire.close()
        return caught.value.code

    assert run(connect()) == "connect_timeout"
    assert server.requests == []


def test_a_cancelled_connect_leaves_the_place_free(listen, run):
    server = listen(never_shakes_hands)

    async def cancel():
        wire = wire_to(server.port, tls=ssl.create_default_context(), connections=1, connect_seconds=0.2)
        task = asyncio.create_task(wire.exchange(ASK))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(NeverLeft) as caught:
            await wire.exchange(ASK)
        await wire.close()
        return caught.value.code

    assert run(cancel()) == "connect_timeout"


def test_a_connection_made_after_the_close_carries_nothing(listen, run):
    server = listen(answers_and_waits)

    async def close_meanwhile():
        wire = wire_to(server.port)
        task = asyncio.create_task(wire.exchange(ASK))
        await asyncio.sleep(0)
        await wire.close()
        with pytest.raises(NeverLeft) as caught:
            await task
        await asyncio.sleep(0.05)
        return caught.value.code

    assert run(close_meanwhile()) == "closed"
    assert server.requests == []


class DeadOnArrival(asyncio.SelectorEventLoop):
    """A loop whose connections end in the instant between their making and their use."""

    async def create_connection(self, *args, **kwargs):
        transport, protocol = await super().create_connection(*args, **kwargs)
        transport.abort()
        return transport, protocol


def test_a_connection_that_died_before_the_write_is_never_left(listen):
    server = listen(answers_and_waits)

    async def exchange():
        wire = wire_to(server.port)
        with pytest.raises(NeverLeft) as caught:
            await wire.exchange(ASK)
        await wire.close()
        return caught.value.code

    with asyncio.Runner(loop_factory=DeadOnArrival) as runner:
        assert runner.run(exchange()) == "connect"
    assert server.requests == []


def test_neither_answer_nor_error_shows_content():
    answer = RawAnswer(status=200, headers=[(b"x", b"secret")], body=b"secret")

    assert repr(answer) == "RawAnswer(status=200)"
    assert str(Left("reset")) == "reset"
