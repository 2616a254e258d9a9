"""The page on loopback, as other sites in the same browser, other users of the machine and whoever sends it bytes find it."""

from __future__ import annotations

import pytest

from batchverify.desk import Desk
from tests.builders import a_sheet, rows
from tests.threats import guards
from tests.web.reader import Reader, settings_of


@pytest.fixture
def reader(sandbox, home):
    with Desk.open(settings_of(home, sandbox.endpoint)) as desk:
        yield Reader(desk)


@guards("rebinding")
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "evil.example:80",
        "127.0.0.1:" + "9" * 5_000,
        "[::1",
        "",
    ],
)
def test_a_strangers_name_that_was_pointed_at_us_reaches_nothing(reader, host):
    answer = reader.get("/jobs", host=host)

    assert answer.status_code == 421
    assert "Nothing was sent" in answer.text


@guards("cross-site")
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1.evil.example"},
        {"origin": "http://127.0.0.1", "sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
    ids=["another origin", "no origin that is told", "one that looks like ours", "cross-site", "same site, another port"],
)
def test_a_form_of_another_site_is_not_obeyed(reader, sandbox, headers, tmp_path):
    case = reader.planned(a_sheet(tmp_path, rows(2)))
    form = reader.form_of(reader.get(f"/jobs/{case}/confirm"))

    answer = reader.post(f"/jobs/{case}/confirm", form, **headers)

    assert answer.status_code == 403
    assert sandbox.bill.total() == 0


@guards("cross-site")
def test_a_form_without_the_mark_of_the_session_is_not_obeyed_and_no_site_draws_us_into_its_own(reader, sandbox, tmp_path):
    case = reader.planned(a_sheet(tmp_path, rows(2)))
    form = reader.form_of(reader.get(f"/jobs/{case}/confirm"))

    refused = [
        reader.post(f"/jobs/{case}/confirm", form | {"csrf": mark}).status_code for mark in ("", "wrong", reader.csrf[:-1])
    ]
    framed = reader.get("/jobs", sec_fetch_site="cross-site", sec_fetch_mode="no-cors")

    assert refused == [403, 403, 403]
    assert framed.status_code == 403
    assert sandbox.bill.total() == 0
    policy = reader.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


@guards("uninvited")
@pytest.mark.parametrize(
    "path", ["/", "/jobs", "/quota", "/settings", "/acts", "/doctor", "/jobs/x/downloads/all", "/jobs/x/report"]
)
def test_another_user_of_the_machine_sees_nothing_without_the_link(reader, path):
    reader.cookies.clear()
    for headers in ({}, {"cookie": "session=guessed"}, {"authorization": "Bearer guessed"}):
        answer = reader.get(path, **headers)

        assert answer.status_code in {303, 401, 403}
        assert "王芳" not in answer.text


@guards("uninvited")
@pytest.mark.parametrize("guess", ["", "0" * 43, "..%2f..", "x" * 5_000])
def test_a_guessed_link_lets_nobody_in(reader, guess):
    reader.cookies.clear()

    reader.get(f"/enter/{guess}")

    assert reader.get("/jobs").status_code in {303, 401, 403}
    assert list(reader.cookies) == []


@guards("hostile-forms")
@pytest.mark.parametrize("length", ["9" * 30, "-1", "1e3"])
def test_a_body_whose_length_is_none_is_refused_before_it_is_read(reader, length):
    answer = reader.post("/settings", content_length=length)

    assert answer.status_code == 413
