"""The way to the vendor and the vendor at its end, in virtual time: connections without sockets under the real wire.

The one thing to know: what has left is no longer its process's. It arrives, is counted and billed by the sandbox's own
`Vendor.ask`, whatever became of the process that sent it; only the answer needs somebody who lives.
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from batchverify.sandbox.deliveries import Delivery, Ending
from batchverify.sandbox.faults import Fault, Rule
from batchverify.sandbox.vendor import Reply, Vendor
from tests.campaigns.simulated_time import SimulatedLoop, Timeline

#: More than the wire reads of one answer, and far less than the largest faulty body.
_MOST_BYTES = 80_000
_APP_CODE = b"Authorization: APPCODE "
#: Whose bill may be either, as nobody outside of the vendor can tell (VENDOR §4).
_EITHER = frozenset(
    {
        *(Fault.RESET_AFTER, Fault.CLOSE_AFTER, Fault.NEVER, Fault.TRUNCATED_LENGTH, Fault.TRUNCATED_CHUNKED, Fault.WRONG_LENGTH),
        *(Fault.HTML, Fault.NOT_JSON, Fault.GZIP_BOMB, Fault.HUGE_BODY, Fault.WRONG_ECHO, Fault.NUMBER_FOR_STRING, Fault.NAN),
        *(Fault.DUPLICATE_KEYS, Fault.UNKNOWN_STATUS, Fault.STATUS_9999, Fault.REDIRECT, Fault.ERROR_500, Fault.ERROR_500_PLAIN),
        *(Fault.ERROR_502, Fault.ERROR_502_PLAIN, Fault.ERROR_503_PLAIN, Fault.ERROR_504),
    }
)
_NO_CONNECTION: tuple[Callable[[], Exception], ...] = (
    lambda: ConnectionRefusedError(111, "refused"),
    lambda: socket.gaierror(-2, "no name"),
    lambda: ssl.SSLError(1, "no trust"),
    lambda: OSError(101, "no network"),
)
_KINDS = tuple(Fault)


@dataclass(slots=True, kw_only=True)
class Trouble:
    """How bad the way to the vendor is: shares of asks or connections, and seconds that things take at most."""

    no_connection: float = 0.0
    slow_connection: float = 0.0
    lost_on_the_way: float = 0.0
    connect_seconds: float = 0.03
    way_seconds: float = 0.02
    vendor_seconds: float = 0.2


class Sender(Protocol):
    """The process behind a connection, and who is told of what it sends."""

    loop: SimulatedLoop

    def leaves(self, target: bytes) -> int: ...
    def arrives(self, attempt: int, *, billed: bool) -> None: ...


def draw_rules(draw: random.Random) -> list[Rule]:
    """Draw which faults strike how often; a bill that nobody can tell is drawn, too."""
    rules = []
    for _ in range(draw.choice((0, 1, 1, 2, 4, 8))):
        fault = draw.choice(_KINDS)
        rules.append(
            Rule(
                fault=fault,
                probability=draw.choice((0.05, 0.2, 0.2, 0.5, 1.0)),
                seed=draw.getrandbits(30),
                times=draw.choice((1, 2, 5, None)),
                billed=draw.random() < 0.5 if fault in _EITHER else None,
                seconds=draw.choice((0.01, 0.1, 1.0, 5.0)),
            )
        )
    return rules


class Network:
    """All connections of a world. `trouble` may be changed at any time; nothing but `draw` decides what happens."""

    def __init__(self, timeline: Timeline, vendor: Vendor, draw: random.Random) -> None:
        self.timeline = timeline
        self.vendor = vendor
        self.trouble = Trouble()
        self._draw = draw

    async def connect(self, sender: Sender, protocol: asyncio.Protocol) -> asyncio.Transport:
        """Open a connection, or fail as one fails, after as long as that takes."""
        trouble, draw = self.trouble, self._draw
        opened: asyncio.Future[None] = sender.loop.create_future()
        seconds = draw.random() * trouble.connect_seconds
        if draw.random() < trouble.slow_connection:
            seconds = draw.random() * 14  # some beyond the wire's patience of 10 s, some beyond an ask's of 5 s
        error = draw.choice(_NO_CONNECTION)() if draw.random() < trouble.no_connection else None

        def end() -> None:
            if opened.done():
                return
            if error is None:
                opened.set_result(None)
            else:
                opened.set_exception(error)

        self.timeline.after(seconds, sender.loop.call_soon, end)
        await opened
        pipe = _Pipe(self, sender, protocol)
        protocol.connection_made(pipe)
        return pipe

    def carry(self, pipe: _Pipe, sender: Sender, message: bytes) -> None:
        """Take an ask on its way: it has left."""
        target = message[4 : message.index(b" HTTP/1.1")]
        after_code = message.index(_APP_CODE) + len(_APP_CODE)
        app_code = message[after_code : message.index(b"\r", after_code)]
        attempt = sender.leaves(target)
        draw, trouble = self._draw, self.trouble
        way = draw.random() * trouble.way_seconds
        if draw.random() < trouble.lost_on_the_way:
            if draw.random() < 0.7:
                self.timeline.after(way, pipe.lose, ConnectionResetError(104, "reset"))
            return

        def arrive() -> None:
            before = self.vendor.bill.billed()
            reply = self.vendor.ask(target.decode(), app_code.decode())
            sender.arrives(attempt, billed=self.vendor.bill.billed() > before)
            pipe.awaits(reply)
            seconds = (draw.random() * trouble.vendor_seconds if reply.after_seconds == 0 else reply.after_seconds) + way
            self._answer(pipe, reply.delivery, seconds)

        self.timeline.after(way, arrive)

    def _answer(self, pipe: _Pipe, delivery: Delivery, seconds: float) -> None:
        payload = delivery.payload[:_MOST_BYTES]
        match delivery.ending:
            case Ending.HANG:
                pass
            case Ending.RESET:
                self.timeline.after(seconds, pipe.lose, ConnectionResetError(104, "reset"))
            case Ending.DRIP:
                # All but the last byte in two parts: the others would only be more of the same.
                half, whole = len(payload) // 2, seconds + delivery.step_seconds * len(payload)
                self.timeline.after(seconds, pipe.tell, payload[:half], False)
                self.timeline.after((seconds + whole) / 2, pipe.tell, payload[half:-1], False)
                self.timeline.after(whole, pipe.tell, payload[-1:], True)
            case ending:
                if payload:
                    self.timeline.after(seconds, pipe.tell, payload, True)
                if ending is Ending.CLOSE:
                    # Not with the answer: whoever is quick may have the next ask on this connection by then.
                    self.timeline.after(seconds + self._draw.random() * 0.01, pipe.lose, None)


class _Pipe(asyncio.Transport):
    """Our end of one connection."""

    def __init__(self, network: Network, sender: Sender, protocol: asyncio.Protocol) -> None:
        super().__init__(extra={"peername": ("127.0.0.1", 80)})
        self._network = network
        self._sender = sender
        self._protocol = protocol
        self._is_closing = False
        self._awaited: Reply | None = None

    def awaits(self, reply: Reply) -> None:
        """The vendor has counted an ask of this connection as in flight."""
        if self._is_closing or self._sender.loop.is_gone:
            self._network.vendor.finish(reply, self._network.vendor.bill)
        else:
            self._awaited = reply

    def tell(self, data: bytes, is_whole: bool) -> None:
        """Bytes of the vendor have come."""
        if is_whole:
            self._land()
        self._sender.loop.call_soon(self._read, data)

    def lose(self, error: Exception | None) -> None:
        """The other end is gone."""
        self._land()
        self._sender.loop.call_soon(self._end, error)

    def _read(self, data: bytes) -> None:
        if not self._is_closing:
            self._protocol.data_received(data)

    def _end(self, error: Exception | None) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._protocol.connection_lost(error)

    def _land(self) -> None:
        if self._awaited is not None:
            reply, self._awaited = self._awaited, None
            self._network.vendor.finish(reply, self._network.vendor.bill)

    # What a protocol does with its transport

    def write(self, data: Any) -> None:
        if not self._is_closing:
            self._network.carry(self, self._sender, bytes(data))

    def is_closing(self) -> bool:
        return self._is_closing

    def abort(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._land()
            self._sender.loop.call_soon(self._protocol.connection_lost, None)

    close = abort
