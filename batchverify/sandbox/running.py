"""A sandbox that runs beside the caller: in a thread of its own, or as the whole of a process.

The one thing to know: in a thread, the vendor may be read and turned from outside at any time; all that changes its state
goes through methods that hold its lock.
"""

from __future__ import annotations

import asyncio
import signal
import ssl
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from batchverify.sandbox.bill import Bill
from batchverify.sandbox.server import start
from batchverify.sandbox.vendor import Settings, Vendor

if sys.platform == "win32":
    new_event_loop = asyncio.new_event_loop
else:
    from uvloop import new_event_loop


class Running:
    """A sandbox in a thread: `endpoint` for the client, `vendor` and `bill` for who judges it."""

    def __init__(self, vendor: Vendor, endpoint: str) -> None:
        self.vendor = vendor
        self.endpoint = endpoint

    @property
    def bill(self) -> Bill:
        """The bill as it stands; another object after `vendor.reset()`."""
        return self.vendor.bill


@contextmanager
def running(
    settings: Settings | None = None, *, port: int = 0, tls: ssl.SSLContext | None = None, vendor: Vendor | None = None
) -> Iterator[Running]:
    """Run a sandbox in a daemon thread for as long as the block lasts. A `vendor` of one's own takes the place of `settings`.

    Raises OSError where the port is taken.
    """
    vendor = vendor or Vendor(settings)
    started: Future[tuple[str, Callable[[], object]]] = Future()

    async def main() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            server = await start(vendor, port=port, tls=tls)
        except OSError as error:
            started.set_exception(error)
            return
        started.set_result((server.endpoint, lambda: loop.call_soon_threadsafe(stop.set)))
        await stop.wait()
        await server.close()

    thread = threading.Thread(target=_run, args=(main,), name="sandbox", daemon=True)
    thread.start()
    try:
        endpoint, end = started.result()
        try:
            yield Running(vendor, endpoint)
        finally:
            end()
    finally:
        thread.join()


def serve(
    settings: Settings | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    on_ready: Callable[[str], None],
) -> None:
    """Run a sandbox in this thread until SIGINT or SIGTERM; `on_ready` is given the endpoint once it answers.

    Raises OSError where the port is taken and ValueError for an address that is not loopback.
    """

    async def main() -> None:
        stop = asyncio.Event()
        server = await start(Vendor(settings), host=host, port=port, tls=tls)
        _on_signals(stop.set)
        on_ready(server.endpoint)
        await stop.wait()
        await server.close()

    _run(main)


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return the context of a server with this certificate and key (PEM files). Raises OSError, of which ssl.SSLError is one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _run(main: Callable[[], Coroutine[None, None, None]]) -> None:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main())


def _on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        if sys.platform == "win32":
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))
        else:
            loop.add_signal_handler(number, stop)
