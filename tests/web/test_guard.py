"""What comes from elsewhere is refused before anything is looked at, and every answer says what a browser may do with it."""

from __future__ import annotations

import asyncio
import json

import pytest

from batchverify.web.guard import CSP, Limits
from tests.builders import a_sheet, rows
from tests.threats import guards
from tests.web.program import BASE, HOST, Site


@guards("rebinding")
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8765",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1:8765@evil.example",
        "127.0.0.1.evil.example:8765",
        "localhost:8765.evil.example",
        "",
        "[::1:8765",
        "LOCALHOST:99999999999",
    ],
)
def test_a_name_that_is_not_ours_is_answered_nothing(site, host):
    for path in ("/login", "/api/jobs", f"/enter/{site.access.new_link()}"):
        answer = site.ask("GET", path, headers={"host": host})
        assert answer.status_code == 421
        assert "set-cookie" not in answer.headers
    assert site.ask("GET", "/login", headers={"host": "LocalHost:8765"}).status_code == 200


@guards("cross-site")
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:3000"},
        {"origin": "https://127.0.0.1:8765"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": BASE},
    ],
)
def test_a_form_of_another_site_changes_nothing_even_with_cookie_and_mark(site, headers):
    cookies = site.entered()
    mark = site.access.session(cookies[site.access.cookie]).csrf

    refused = site.ask("POST", "/logout", data={"csrf": mark}, cookies=cookies, headers=headers)

    assert refused.status_code == 403
    assert site.ask("GET", "/", cookies=cookies).status_code == 200, "the session goes on"
    own = {"origin": BASE, "sec-fetch-site": "same-origin"}
    assert site.ask("POST", "/logout", data={"csrf": mark}, cookies=cookies, headers=own).status_code == 303


@guards("cross-site")
def test_another_site_may_link_to_a_page_and_not_draw_it_into_its_own(site):
    cookies = site.entered()
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert site.ask("GET", "/", cookies=cookies, headers=link).status_code == 200
    picture = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
    assert site.ask("GET", "/", cookies=cookies, headers=picture).status_code == 403


@guards("cross-site")
@pytest.mark.parametrize("form", [{}, {"csrf": ""}, {"csrf": "x" * 43}, {"other": "1", "csrf": "MARK"}])
def test_a_form_without_the_sessions_mark_as_its_first_field_changes_nothing(site, form):
    cookies = site.entered()
    mark = site.access.session(cookies[site.access.cookie]).csrf
    given = {name: value.replace("MARK", mark) for name, value in form.items()}

    assert site.ask("POST", "/logout", data=given, cookies=cookies).status_code == 403
    assert site.ask("POST", "/upload", data=given, files={"file": ("a.csv", b"x")}, cookies=cookies).status_code == 403
    assert site.ask("POST", "/api/jobs", data=given, files={"file": ("a.csv", b"x")}, cookies=cookies).json()["code"] == "no_mark"
    assert (
        site.ask("POST", "/logout", content=f"csrf={mark}", headers={"content-type": "text/plain"}, cookies=cookies).status_code
        == 403
    )
    assert site.desk.cases() == []


@guards("cross-site")
def test_the_mark_of_another_session_is_no_mark(site):
    cookies, others = site.entered(), site.entered()
    mark = site.access.session(others[site.access.cookie]).csrf

    assert site.ask("POST", "/logout", data={"csrf": mark}, cookies=cookies).status_code == 403
    assert site.ask("POST", "/logout", headers={"x-csrf-token": mark}, cookies=cookies).status_code == 403


def test_a_script_of_ours_uploads_with_the_mark_as_a_header(site, tmp_path):
    cookies = site.entered()
    mark = site.access.session(cookies[site.access.cookie]).csrf
    sheet = a_sheet(tmp_path, rows(1)).read_bytes()

    answer = site.ask("POST", "/api/jobs", files={"file": ("a.csv", sheet)}, cookies=cookies, headers={"x-csrf-token": mark})

    assert answer.status_code == 201
    assert answer.json()["job"]["owner"] == "王芳"


@guards("scripts")
@pytest.mark.parametrize("path", ["/login", "/", "/nowhere", "/api/jobs", "/static/app.css", "/enter/used", "/api/nowhere"])
def test_every_answer_forbids_what_a_page_of_ours_does_not_do(site, path):
    headers = site.ask("GET", path).headers

    assert headers["content-security-policy"] == CSP
    assert "unsafe" not in CSP
    assert "http" not in CSP
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == ("no-cache" if path.startswith("/static/") else "no-store")
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


@guards("hostile-forms")
@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "TRACK", "PROPFIND", "X" * 100])
def test_a_method_nobody_needs_is_refused(site, method):
    assert site.ask(method, "/login").status_code == 405
    assert site.ask(method, "/api/jobs").json()["code"] == "method"


@guards("hostile-forms")
@pytest.mark.parametrize(
    "path",
    [
        "/static/../people.py",
        "/static/%2e%2e/people.py",
        "/static/..%2f..%2fsettings.py",
        "/static//etc/passwd",
        "/static/%00",
        "/jobs/..%2f..%2fpeople.json/result",
        "/jobs/%2e%2e/downloads/all",
        "/api/jobs/..%2f..%2fpeople.json",
    ],
)
def test_a_path_that_climbs_finds_nothing(site, path):
    cookies = site.entered()
    answer = site.ask("GET", path, cookies=cookies)
    assert answer.status_code in {404, 422}
    assert "argon2" not in answer.text


@guards("hostile-forms")
def test_a_body_that_is_too_large_is_refused_whether_it_tells_its_length_or_not(site, open_desk):
    site = Site(open_desk, limits=Limits(body_bytes=1_000, upload_bytes=2_000, upload_paths={"/api/jobs"}))
    program = site.program()

    async def pieces(first=b""):
        yield first
        for _ in range(100):
            yield b"x" * 100

    told = program.ask("POST", "/jobs", content=b"x" * 2_001, headers={"content-type": "multipart/form-data; boundary=b"})
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    chunked = program.ask("POST", "/jobs", content=pieces(part), headers={"content-type": "multipart/form-data; boundary=b"})
    small = program.ask("POST", "/jobs/c-" + "a" * 26 + "/confirm", content=b"x" * 1_001)
    form = site.ask("POST", "/login", content=pieces(), headers={"content-type": "application/x-www-form-urlencoded"})
    liar = asyncio.run(_raw(site, "/login", headers={"content-length": "many"}))

    assert [told.json()["code"], chunked.json()["code"], small.json()["code"]] == ["too_large"] * 3
    assert (form.status_code, liar[0]) == (413, 413)
    assert open_desk.cases() == []


@guards("hostile-forms")
@pytest.mark.parametrize("drip", [0, 1])
def test_a_body_that_does_not_come_or_drips_is_given_up(site, open_desk, drip):
    site = Site(open_desk, limits=Limits(patience_seconds=0.1, least_rate=4_096, upload_paths={"/api/jobs"}))
    _, token = site.people.new_token("a", ["prepare"])
    headers = {
        "authorization": f"Bearer {token.reveal()}",
        "content-type": "multipart/form-data; boundary=b",
    }

    status, body = asyncio.run(_raw(site, "/api/jobs", headers=headers, drip=drip))

    assert status == 408
    assert json.loads(body)["code"] == "too_slow"
    assert open_desk.cases() == []
    assert list((open_desk.home / "sandbox" / "desk").iterdir()) == [], "nothing is left of it"


async def _raw(site: Site, path: str, *, headers: dict[str, str], drip: int = 0) -> tuple[int, bytes]:
    """Send a POST whose body never ends, `drip` bytes every 10 ms; gives status and body of the answer."""
    sent: list[dict] = []
    start = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    left = [start]

    async def receive():
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": True}
        if not drip:
            await asyncio.Event().wait()
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"x" * drip, "more_body": True}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "http_version": "1.1",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8765),
        "headers": [(name.encode(), value.encode()) for name, value in {"host": HOST, **headers}.items()],
    }
    async with asyncio.timeout(10):
        await site.app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def test_a_bug_shows_where_and_nothing_of_what(site, caplog, monkeypatch):
    monkeypatch.delattr(type(site.desk), "cases")
    cookies = site.entered()

    answer = site.ask("GET", "/", cookies=cookies)

    assert answer.status_code == 500
    assert "AttributeError" not in answer.text
    assert "This is a bug in batchverify: AttributeError" in caplog.text
    assert "has no attribute" not in caplog.text, "the words of a bug could hold a cell"
    program = site.program()
    assert program.ask("GET", "/jobs").json()["billed"] == "see_ledger"
