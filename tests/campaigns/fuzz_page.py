"""The targets of the page and the HTTP API: whole requests through guard, login and routes, and the form that brings a file.

The one thing to know: whoever comes in is logged in already, for a stranger's bytes reach most as a file or a field of a
colleague. An answer of 500 is a finding, for it is what a bug becomes there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from batchverify.desk import Desk
from batchverify.desk.receiving import safe_name
from batchverify.web.people import ALL_ROLES, People
from batchverify.web.uploads import _Form
from tests.campaigns.fuzz_targets import Finding, Fuzzed, Target, refused
from tests.campaigns.people import HEADER, people, write_sheet
from tests.web.reader import Reader, settings_of

_BOUNDARY = b"b0undary"
_METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD")
_HTTP_BUG = 500
#: Nobody listens there, and a confirmed plan would be a finding.
_NOWHERE = "http://127.0.0.1:9"
_ROUTES = (
    "/", "/jobs", "/quota", "/quota/usage?from=2026-11&by=day", "/quota/usage.csv", "/quota/invoice?from=2026-11", "/acts", "/acts.csv",
    "/doctor", "/settings", "/login", "/language/zh", "/jobs/c-x/plan", "/jobs/c-x/result?status=matched&page=2", "/jobs/c-x/events",
    "/jobs/c-x/downloads/all", "/jobs/c-x/report?form=pdf", "/static/app.css", "/jobs/c-x/columns",
    "/jobs/c-x/problems", "/jobs/c-x/rerun", "/api/jobs?limit=2", "/api/jobs/c-x", "/api/jobs/c-x/live", "/api/jobs/c-x/inspection",
    "/api/jobs/c-x/rows?status=matched&page=1", "/api/jobs/c-x/result", "/api/jobs/c-x/problems?lang=zh", "/api/jobs/c-x/downloads", "/api/openapi.json",
)  # fmt: skip
_FORMS = (
    ("/settings", "lang=zh&qps=7&operator=a"),
    ("/quota/packages", "size=500&price=80&count=1&bought_at=2026-11-02"),
    ("/quota/balance", "left=100&total=500"),
    ("/quota/take-out", "package=1"),
    ("/jobs/c-x/columns", "name=A&idCard=B&product=bank3&header_row=1"),
    ("/jobs/c-x/confirm", "digest=0123456789abcdef&cap=3&purpose=x"),
    ("/jobs/c-x/rerun", "what=failed&cap=1"),
)


def _build_request(folder: Path) -> Fuzzed:
    desk = Desk.open(settings_of(folder / "home", _NOWHERE)).__enter__()
    reader = Reader(desk)
    cookie = "; ".join(f"{one.name}={one.value}" for one in reader.cookies.jar)
    case = reader.planned(write_sheet(folder / "people.csv", people(3))).encode()
    _, secret = People(desk.home).new_token("program", ALL_ROLES)
    token = (b"authorization", f"Bearer {secret.reveal()}".encode())
    loop = asyncio.new_event_loop()

    def run(data: bytes) -> None:
        head, _, body = data.partition(b"\n\n")
        line, *fields = head.replace(b"c-x", case).split(b"\n")
        method, _, target = line.partition(b" ")
        # The server lets nothing else into a request line.
        path, _, query = bytes(byte for byte in target if 0x21 <= byte <= 0x7E).partition(b"?")
        if b"csrf=" not in body and b"json" not in head:
            body = b"csrf=" + reader.csrf.encode() + b"&" + body
        given = [field.split(b":", 1) for field in fields if b":" in field]
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method.decode("ascii", "replace") if method.decode("ascii", "replace") in _METHODS else "GET",
            "scheme": "http",
            "path": "/" + unquote(path.decode()).lstrip("/"),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": [
                (b"host", b"127.0.0.1"),
                token if path.startswith(b"/api") else (b"cookie", cookie.encode()),
                *((name.strip().lower(), value.strip()) for name, value in given),
            ],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        if loop.run_until_complete(_status(reader.app, scope, body)) >= _HTTP_BUG:
            raise Finding("a bug on the page")

    return run


async def _status(app: Any, scope: dict[str, Any], body: bytes) -> int:
    told = [{"type": "http.request", "body": body, "more_body": False}, {"type": "http.disconnect"}]
    codes = []

    async def receive() -> dict[str, Any]:
        return told.pop(0) if len(told) > 1 else told[0]

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            codes.append(message["status"])

    async with asyncio.timeout(20):
        await app(scope, receive, send)
    return codes[0] if codes else 0


def _request_seeds() -> Iterator[bytes]:
    yield from (f"GET {route}\naccept-language: zh\n\n".encode() for route in _ROUTES)
    form = "content-type: application/x-www-form-urlencoded"
    yield from (f"POST {path}\n{form}\n\n{fields}".encode() for path, fields in _FORMS)
    documents = (
        ("confirm", '{"plan_hash": "0123456789abcdef", "cap": 3}'),
        ("rerun/plan", '{"what": ["failed"]}'),
        ("password", '{"password": "x"}'),
    )
    for act, document in documents:
        yield f"POST /api/jobs/c-x/{act}\ncontent-type: application/json\n\n{document}".encode()
    yield b"POST /upload\ncontent-type: multipart/form-data; boundary=b0undary\n\n" + _form()


def _form() -> bytes:
    lines = "\n".join([",".join(HEADER), *(",".join(one.cells) for one in people(2))])
    return (
        f'--b0undary\r\nContent-Disposition: form-data; name="csrf"\r\n\r\nx\r\n'
        f'--b0undary\r\nContent-Disposition: form-data; name="file"; filename="名单.csv"\r\nContent-Type: text/csv\r\n\r\n{lines}\r\n--b0undary--\r\n'
    ).encode()


def _build_form(_folder: Path) -> Fuzzed:
    def run(data: bytes) -> None:
        form = _Form(_BOUNDARY)
        cut = max(1, len(data) // (1 + data[0] % 8)) if data else 1

        def feed() -> None:
            for at in range(1, len(data), cut):
                for name, piece in form.feed(data[at : at + cut]):
                    if len(piece) > len(data):
                        raise Finding("a piece that was not sent")
                    if name is not None and (Path(kept := safe_name(name)).name != kept or kept in {".", ".."} or "\0" in kept):
                        raise Finding("a name that leads elsewhere")

        refused(feed)

    return run


def _form_seeds() -> Iterator[bytes]:
    yield b"\0" + _form()
    yield b"\3" + _form().replace(b"filename=", b"filename*=utf-8''x%2F..%2Fy; filename=")


_HEADERS = (
    "accept-language: ",
    "content-length: ",
    "origin: http://127.0.0.1",
    "authorization: Bearer ",
    "range: bytes=0-",
    "if-none-match: ",
)
_MULTIPART = (
    "\r\n--b0undary\r\n",
    "--b0undary--",
    "Content-Disposition: form-data; ",
    'filename="',
    "filename*=utf-8''",
    "..%2f",
    'name="',
)

TARGETS: dict[str, Target] = {
    "request": Target(
        what="requests to the page and its API",
        seeds=_request_seeds,
        build=_build_request,
        dictionary=(*_HEADERS, *_ROUTES),
        size=4_096,
    ),
    "form": Target(what="the form that brings a file", seeds=_form_seeds, build=_build_form, dictionary=_MULTIPART, size=4_096),
}
