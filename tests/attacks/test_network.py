"""Whoever would like to be asked instead of the vendor: addresses in sixty odd spellings, names that lie, servers that send on."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import Iterator

import pytest

from batchverify.errors import SettingsError
from batchverify.job.asking import endpoint_of
from batchverify.vendor.wire import Left, NeverLeft, Wire
from tests.builders import a_row
from tests.threats import guards

VENDOR = "bcard3and4.market.alicloudapi.com"
#: Spellings that some library somewhere takes for an address. Each is an endpoint that somebody was talked into naming.
ADDRESSES = [
    # Who is asked is behind the "@", the "#", the "\\" or the "?", and not what one reads.
    f"https://{VENDOR}@evil.example",
    f"https://{VENDOR}:443@evil.example",
    f"https://user:password@{VENDOR}",
    f"https://evil.example#@{VENDOR}",
    f"https://evil.example?@{VENDOR}",
    f"https://evil.example\\@{VENDOR}",
    f"https://{VENDOR}\\.evil.example",
    f"https://{VENDOR}%2eevil.example",
    f"https://{VENDOR}%00.evil.example",
    f"https://{VENDOR}/bank3Check",
    f"https://{VENDOR}/..",
    f"https://{VENDOR}?x=1",
    f"https://{VENDOR}#x",
    f"https://{VENDOR};evil.example",
    f"https://{VENDOR},evil.example",
    f"https://{VENDOR} evil.example",
    f"https:///{VENDOR}",
    f"https:/{VENDOR}",
    f"https:{VENDOR}",
    f"//{VENDOR}",
    VENDOR,
    # Schemes.
    f"http://{VENDOR}",
    f"HTTP://{VENDOR}:443",
    f"ftp://{VENDOR}",
    f"wss://{VENDOR}",
    f"httpss://{VENDOR}",
    f"https+unix://{VENDOR}",
    f"url:https://{VENDOR}",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_x",
    "dict://127.0.0.1:11211",
    "data:text/plain,x",
    "javascript:alert(1)",
    # This machine, and the one that knows its keys, spelled so that a filter does not see it.
    "http://127.1",
    "http://127.0.1",
    "http://2130706433",
    "http://017700000001",
    "http://0x7f000001",
    "http://0x7f.0x0.0x0.0x1",
    "http://0177.0.0.1",
    "http://127.0.0.1.",
    "http://127.0.0.1.nip.io",
    "http://localhost.",
    "http://localhost.evil.example",
    "http://localhost%00",
    "http://0",
    "http://0.0.0.0",
    "http://[::]",
    "http://[::ffff:127.0.0.1]",
    "http://[::127.0.0.1]",
    "http://[0:0:0:0:0:ffff:7f00:1]",
    "http://[::1%25lo]",
    "http://[fe80::1%lo]",
    "http://169.254.169.254",
    "http://[fd00:ec2::254]",
    "http://100.100.100.200",
    "http://metadata.google.internal",
    "http://①②⑦.⓪.⓪.①",
    "http://１２７.0.0.1",
    "http://127。0。0。1",
    # Letters that look like others, and white space that nobody sees.
    "https://bcard3аnd4.market.alicloudapi.com",
    "https://bcard3and4.market.alicloudapi。com",
    f"https://{VENDOR}\u200b",
    f"https://\u202e{VENDOR}",
    f"https://{VENDOR}.",
    f"https://{VENDOR}..",
    f"https://.{VENDOR}",
    f" https://{VENDOR}",
    f"https://{VENDOR}\t",
    f"https://{VENDOR}\n",
    f"https://{VENDOR}\r\nHost: evil.example",
    f"https://{VENDOR}\x00",
    # Ports.
    f"https://{VENDOR}:",
    f"https://{VENDOR}:0",
    f"https://{VENDOR}:65536",
    f"https://{VENDOR}:-443",
    f"https://{VENDOR}:+443",
    f"https://{VENDOR}:4４3",
    f"https://{VENDOR}:443:80",
    f"https://{VENDOR}:https",
    "https://[::1",
    "https://::1",
    "https://",
    "https://:443",
]
_watching: list[list[str]] = []


def _note(event: str, _: object) -> None:
    if event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"} and _watching:
        _watching[-1].append(event)


@contextlib.contextmanager
def watched() -> Iterator[list[str]]:
    """Note whatever this process asks of the network."""
    if not hasattr(sys, "_noted_network"):
        sys.addaudithook(_note)
        sys._noted_network = True  # type: ignore[attr-defined] # a hook cannot be taken away again
    _watching.append([])
    try:
        yield _watching[-1]
    finally:
        _watching.pop()


@guards("endpoints")
def test_of_sixty_addresses_none_is_reached_and_none_is_looked_up(desk, sandbox, monkeypatch):
    monkeypatch.setattr("uvloop.new_event_loop", asyncio.new_event_loop)  # uvloop tells no hook whom it connects to
    reached = []
    source = desk.sheet([a_row()])
    assert len(set(ADDRESSES)) == len(ADDRESSES) >= 60
    for address in ADDRESSES:
        with watched() as noted, pytest.raises(SettingsError) as caught:
            # Named as an option is, which for a host is the permission to be asked.
            desk.verify(source, endpoint=address)
        assert caught.value.exit_code == 2
        assert "password" not in str(caught.value)
        assert "person" in str(caught.value) or "endpoint" in str(caught.value)
        reached += [(address, event) for event in noted]

    assert reached == []
    assert sandbox.bill.total() == 0
    with watched() as noted:
        desk.verify(source)
    assert noted, "else this watches nothing"


@guards("endpoints")
def test_a_host_beside_the_vendors_is_asked_only_where_somebody_named_it(desk):
    named = f"https://{VENDOR}.evil.example"

    assert endpoint_of(desk.settings(endpoint=named)).host == f"{VENDOR}.evil.example"
    (desk.folder / "batchverify.toml").write_text(f'endpoint = "{named}"\n', "utf-8")
    with pytest.raises(SettingsError, match="names 'endpoint', and that file may be a stranger's"):
        desk.settings(endpoint=None)


@guards("endpoints")
def test_a_localhost_that_the_resolver_puts_elsewhere_gets_no_byte(monkeypatch):
    """Plain http is for this machine. Whose name "localhost" is, some other file says."""
    elsewhere = own_address()
    if elsewhere is None:
        pytest.skip("this machine has no address but loopback's")
    real = socket.getaddrinfo

    def lying(host: str, *rest: object, **words: object) -> object:
        return real(elsewhere if host == "localhost" else host, *rest, **words)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", lying)
    with socket.create_server((elsewhere, 0)) as listener:
        code, got = asyncio.run(ask_localhost(listener))

    assert (code, got) == ("connect", b"")


def own_address() -> str | None:
    """Give an address of this machine that is not loopback's; no packet is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address: str = probe.getsockname()[0]
    return None if address.startswith("127.") else address


async def ask_localhost(listener: socket.socket) -> tuple[str, bytes]:
    wire = Wire("localhost", listener.getsockname()[1], tls=None, connections=1, deadline_seconds=1, monotonic=time.monotonic)
    with pytest.raises(NeverLeft) as caught:
        await wire.exchange(b"GET /?name=x HTTP/1.1\r\n\r\n")
    accepted, _ = listener.accept()
    with accepted:
        accepted.settimeout(5)
        got = b""
        with contextlib.suppress(ConnectionResetError):
            got = await asyncio.to_thread(accepted.recv, 100)  # meanwhile the loop closes it
    await wire.close()
    return caught.value.code, got


SLOW = [
    pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: 1\r\n" * 6000, "too_large", id="headers without an end"),
    pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000, "too_large", id="one header of 70 kB"),
    pytest.param(b"HTTP/1.1 " + b"1" * 70_000, "too_large", id="a status of 70,000 digits"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "not_http", id="a length beyond 64 bits"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n{", "timeout", id="a length of 9 exabytes"),
    pytest.param(b"HTTP/1.1 200 OK\r\nX: y", "timeout", id="a header that never goes on"),
    pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" * 4000, "too_large", id="interim answers for ever"),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "not_http",
        id="smuggling",
    ),
    pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n", "not_http", id="a huge chunk"),
]


@guards("hostile-answers")
@pytest.mark.parametrize(("answer", "code"), SLOW)
def test_an_answer_that_never_ends_takes_neither_time_nor_memory(answer, code):
    """A slow loris from the other side: what it holds is one connection, until the deadline."""
    assert asyncio.run(ask_a_tease(answer)) == code


async def ask_a_tease(answer: bytes) -> str:
    async def tease(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            writer.write(answer)
            await writer.drain()
            await reader.read()
        writer.close()

    server = await asyncio.start_server(tease, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    wire = Wire("127.0.0.1", port, tls=None, connections=1, deadline_seconds=0.3, monotonic=time.monotonic)
    with pytest.raises(Left) as caught:
        await asyncio.wait_for(wire.exchange(b"GET / HTTP/1.1\r\n\r\n"), 5)
    await wire.close()
    server.close()
    return caught.value.code
