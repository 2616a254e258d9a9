"""Every address of the page and the API asks who it is: nobody finds an open one, and who may only look changes nothing."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from contextlib import closing

import pytest
import uvicorn
from starlette.routing import Mount, Route

from batchverify.model import Secret
from batchverify.web.http_api import document
from batchverify.web.people import Role
from batchverify.web.serving import _Patient, _way_in
from tests.builders import a_sheet, rows
from tests.threats import guards
from tests.web.program import PASSWORD

_OPEN = {"/enter/{link}", "/login", "/link", "/language/{lang}"}


def addresses(site) -> list[tuple[str, str]]:
    """Every method and path of the page, and of the API's document."""
    inner = site.app._app._app
    pages = [(method, route.path) for route in inner.routes if isinstance(route, Route) for method in route.methods - {"HEAD"}]
    mounts = {route.path for route in inner.routes if isinstance(route, Mount)}
    assert mounts == {"/static", "/api"}
    return pages + [(method.upper(), f"/api{path}") for path, methods in document()["paths"].items() for method in methods]


def filled(path: str, job: str) -> str:
    return re.sub(r"\{(?:id|job)\}", job, re.sub(r"\{(?!id|job)\w+(?::\w+)?\}", "x", path))


@guards("uninvited")
def test_no_address_answers_to_nobody(site, tmp_path):
    job = site.program().upload(a_sheet(tmp_path, rows(1))).json()["job"]["id"]
    found = addresses(site)
    assert len(found) > 60

    for method, path in found:
        if path not in _OPEN:
            answer = site.ask(method, filled(path, job))
            assert answer.status_code in {401, 303}, (method, path)
            assert answer.status_code == 401 or answer.headers["location"].startswith("/login"), (method, path)


@guards("uninvited")
def test_who_may_only_look_changes_nothing_at_any_address(site, tmp_path):
    job = site.program().upload(a_sheet(tmp_path, rows(1))).json()["job"]["id"]
    site.people.add("李雷", Secret(PASSWORD), [Role.VIEW])
    cookies = dict(site.ask("POST", "/login", data={"name": "李雷", "password": PASSWORD}).cookies)
    mark = {"x-csrf-token": site.access.session(cookies[site.access.cookie]).csrf}
    before, acts = site.desk.case(job), len(site.desk.acts())

    for method, path in addresses(site):
        if method != "GET" and path not in _OPEN | {"/logout"}:
            form = {} if path.startswith("/api/") else {"data": {"a": "b"}}
            answer = site.ask(method, filled(path, job), cookies=cookies, headers=mark, **form)
            assert answer.status_code in {403, 415, 422}, (method, path, answer.status_code)

    assert site.desk.case(job) == before
    assert len(site.desk.acts()) == acts


@guards("hostile-forms")
def test_a_connection_that_says_nothing_or_stops_in_the_head_is_given_up():
    class Hasty(_Patient):
        head_seconds = 0.2

    async def app(scope, receive, send):
        await asyncio.sleep(0.4)  # an answer may take its time
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    server = uvicorn.Server(uvicorn.Config(app, http=Hasty, lifespan="off", log_config=None, ws="none", timeout_keep_alive=1))
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        for began in (b"", b"GET / HTTP/1.1\r\nHost: a"):
            with socket.create_connection(listener.getsockname(), timeout=10) as line:
                line.sendall(began)
                started = time.monotonic()
                assert line.recv(100) == b""
                assert time.monotonic() - started < 9
        with socket.create_connection(listener.getsockname(), timeout=10) as line:
            line.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert line.recv(100).startswith(b"HTTP/1.1 204")
            assert line.recv(100) == b"", "and the next one did not come"
        server.should_exit = True
        thread.join(10)


@pytest.mark.parametrize("address", ["http://127.0.0.1:8765/enter/abc-_", 'http://127.0.0.1/"><script>'])
def test_the_browser_is_opened_by_a_private_file_and_not_by_its_arguments(open_desk, monkeypatch, address):
    opened: list[str] = []
    told = threading.Event()
    monkeypatch.setattr("webbrowser.open", lambda place: (opened.append(place), told.set()))

    with _way_in(open_desk.home) as open_browser:
        open_browser(address)
        assert told.wait(10)
        (place,) = opened
        assert place.startswith("file://")
        assert "abc-_" not in place
        (page,) = (open_desk.home / "tmp").rglob("*.html")
        assert page.stat().st_mode & 0o077 == 0
        assert "<script>" not in page.read_text("utf-8")
    assert not page.exists()
