"""The server: its address, its certificate, its one-time link, and how it ends.

The one thing to know: asked to stop once, it takes no new request and the desk drains as a run does at Ctrl-C; asked twice, it
leaves. What was in flight then is in doubt, as after any death, and the next start goes on with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import ipaddress
import os
import secrets
import signal
import socket
import ssl
import stat
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import uvicorn
from cryptography import x509
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from batchverify.desk import Desk
from batchverify.errors import InputError, SettingsError
from batchverify.store.files import write_synced
from batchverify.store.home import Home
from batchverify.web.access import Access
from batchverify.web.app import build_app
from batchverify.web.guard import Names
from batchverify.web.hooks import Hooks
from batchverify.web.people import ALL_ROLES, People, Person

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
#: How long open answers (a download, progress) may take to their end.
_GOODBYE_SECONDS = 3
_MOST_CONNECTIONS = 200
_INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a server listens, and by which certificate it is known. Made by `place_of`."""

    host: str
    port: int
    cert: Path | None = None
    key: Path | None = None
    names: frozenset[str] = _LOOPBACK

    @property
    def is_local(self) -> bool:
        return is_loopback(self.host)

    @property
    def scheme(self) -> str:
        return "http" if self.cert is None else "https"


def is_loopback(host: str) -> bool:
    """True where nobody but this machine can come in.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("desk.example")
    (True, True, False, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def place_of(host: str, port: int, *, cert: Path | None, key: Path | None, people: People) -> Place:
    """Where to listen.

    Raises:
        SettingsError: Others could come in, and there is no certificate or no user; or the certificate cannot be used.
    """
    if (cert is None) != (key is None):
        raise SettingsError("A certificate and its key belong together. Give --tls-cert and --tls-key, or neither.")
    if not is_loopback(host):
        if cert is None:
            raise SettingsError(
                f"--host {host} lets others in, and without a certificate they and everybody between would read along. "
                "Give --tls-cert and --tls-key."
            )
        if not people.users():
            raise SettingsError(f"--host {host} lets others in, and there is no user. Add one: `batchverify people add NAME`.")
    if cert is None or key is None:
        return Place(host=host, port=port, names=_LOOPBACK | {host})
    names = _names_of(cert) | ({host} if is_loopback(host) else frozenset())
    if os.name == "posix" and key.is_file() and stat.S_IMODE(key.stat().st_mode) & 0o077:
        raise SettingsError(f"Others may read the key {str(key)!r}. Run `chmod 600 {key}`.")
    return Place(host=host, port=port, cert=cert, key=key, names=names)


def _names_of(cert: Path) -> frozenset[str]:
    """The names that a certificate is for: by no other is the server called."""
    try:
        found = x509.load_pem_x509_certificates(cert.read_bytes())[0]
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, IndexError):
        raise SettingsError(f"--tls-cert {str(cert)!r} is no certificate in PEM that can be read.") from None
    except x509.ExtensionNotFound:
        raise SettingsError(
            f"The certificate {str(cert)!r} names no host (subjectAltName). Browsers refuse such a one; have it made anew."
        ) from None
    hosts = {name.lower() for name in names.get_values_for_type(x509.DNSName)}
    return frozenset(hosts | {str(address) for address in names.get_values_for_type(x509.IPAddress)})


def serve(desk: Desk, place: Place, *, people: People, operator: str, tell: Callable[[str], None], opens_browser: bool) -> bool:
    """Serve until the process is asked to stop. True where jobs were under way then: they go on at the next start.

    `tell` is given the one-time link, or the address where users log in. `operator` is who comes in by the link.

    Raises:
        InputError: The port is taken, or the address is none of this machine.
        SettingsError: Certificate and key do not fit.
    """
    with _listening(place) as listener, _way_in(desk.home) as open_browser:
        port = int(listener.getsockname()[1])
        local = Person(name=operator, roles=ALL_ROLES) if place.is_local else None
        access = Access(people=people, clock=time.monotonic, local=local, is_secure=place.cert is not None, port=port)
        base = f"{place.scheme}://{_spelled(_called(place))}:{port}"
        access.tell = lambda link: tell(f"{base}/enter/{link}")
        names = Names(names=place.names, port=port if place.is_local else None, scheme=place.scheme)
        server = _Server(_config(place, build_app(desk, access, names=names)), desk, access)

        def greet() -> None:
            if local is None:
                tell(f"{base}/")
                return
            tell(f"{base}/enter/{access.new_link()}")
            if opens_browser:
                open_browser(f"{base}/enter/{access.new_link()}")

        server.greet = greet
        hooks = Hooks(desk, now=lambda: datetime.now(UTC))
        try:
            server.run(sockets=[listener])
        finally:
            hooks.close()
        return server.left_work


class _Server(uvicorn.Server):
    """uvicorn, whose signals are ours: it would raise them again at the end, and leave the desk out."""

    def __init__(self, config: uvicorn.Config, desk: Desk, access: Access) -> None:
        super().__init__(config)
        self._desk = desk
        self._access = access
        self.greet: Callable[[], None] = lambda: None
        self.left_work = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.greet()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # The desk first: no ask leaves any more from here on, and those who watch see the jobs come to rest.
        self.left_work = any(case.stage.is_under_way for case in self._desk.cases())
        self._access.closing.set()
        closing = asyncio.get_running_loop().run_in_executor(None, self._desk.close)
        while not closing.done():
            if self.force_exit:
                self._desk.leave()  # asked twice: nothing more is awaited, and what is in flight is in doubt
            await asyncio.wait({closing}, timeout=0.1)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in _signals()}
        try:
            yield
        finally:
            for number, old in before.items():
                signal.signal(number, old)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        del sig, frame
        self.force_exit = self.should_exit
        self.should_exit = True


def _signals() -> list[signal.Signals]:
    """What stops a server; a hang-up only where nobody (nohup) has said that it means nothing."""
    hang_up = getattr(signal, "SIGHUP", None)
    if hang_up is None or signal.getsignal(hang_up) is signal.SIG_IGN:
        return [signal.SIGINT, signal.SIGTERM]
    return [signal.SIGINT, signal.SIGTERM, hang_up]


class _Patient(H11Protocol):
    """A connection that is given up when the head of a request does not come: nothing else looks at the time before a route."""

    head_seconds = 20.0
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._rest()

    def _watch(self) -> None:
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering:
            self._rest()
        elif self._waiting is None:
            self._waiting = self.loop.call_later(self.head_seconds, self.transport.close)

    def _rest(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


def _config(place: Place, app: ASGIApp) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=_Patient,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,  # paths hold no person, and still say who looked at what when
        proxy_headers=False,  # anybody can write them, and the tries of a login are counted by address
        server_header=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=_GOODBYE_SECONDS,
        h11_max_incomplete_event_size=32 * 1024,
        ssl_certfile=place.cert,
        ssl_keyfile=place.key,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError):
        raise SettingsError(
            "--tls-cert and --tls-key do not fit, or cannot be read. Both are PEM, the key without a password."
        ) from None
    return config


@contextlib.contextmanager
def _listening(place: Place) -> Iterator[socket.socket]:
    """A socket that listens at a place."""
    try:
        family, *_, address = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=_MOST_CONNECTIONS)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(
            f"{place.host} port {place.port} cannot be listened at: {reason}. Name another --port (0 takes any free one) or --host."
        ) from None
    with listener:
        yield listener


def _called(place: Place) -> str:
    """The name by which the address is printed: one that the certificate is for."""
    if place.is_local or place.host in place.names:
        return place.host
    return min(place.names, key=lambda name: ("*" in name, name.replace(".", "").isdigit(), name))


def _spelled(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@contextlib.contextmanager
def _way_in(home: Path) -> Iterator[Callable[[str], None]]:
    """Opens the browser at an address, by a private file that leads there: what a browser is started with, all users can read."""
    with Home.open(home).private_folder() as folder:

        def opened(address: str) -> None:
            page = folder / f"{secrets.token_hex(8)}.html"
            told = html.escape(address, quote=True)
            write_synced(page, f'<!DOCTYPE html><meta http-equiv="refresh" content="0;url={told}">'.encode())
            threading.Thread(target=webbrowser.open, args=(page.as_uri(),), daemon=True).start()

        yield opened
