"""Who is let in: by a link that works once, by a password, by a token; and for how long."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta

import pytest

from batchverify.errors import HomeError, InputError
from batchverify.model import Secret
from batchverify.web.access import IDLE_SECONDS, LINK_SECONDS, SESSION_SECONDS, Access, TooManyTriesError
from batchverify.web.people import ALL_ROLES, People, Person, Role
from tests.threats import guards
from tests.web.program import PASSWORD, QUICK, Clock, Site


@pytest.fixture
def people(tmp_path) -> People:
    return People(tmp_path / "home", hasher=QUICK)


@pytest.fixture
def access(people) -> Access:
    return Access(people=people, clock=Clock(), local=Person(name="王芳", roles=ALL_ROLES))


@guards("uninvited")
def test_the_link_lets_in_once_and_within_ten_minutes(site):
    link, late = site.access.new_link(), site.access.new_link()

    assert site.ask("HEAD", f"/enter/{link}").status_code == 200, "a look in advance uses nothing up"
    entered = site.ask("GET", f"/enter/{link}")
    again = site.ask("GET", f"/enter/{link}")
    site.clock.seconds += LINK_SECONDS
    stale = site.ask("GET", f"/enter/{late}")

    assert (entered.status_code, again.status_code, stale.status_code) == (200, 410, 410)
    assert "set-cookie" not in again.headers
    assert "set-cookie" not in stale.headers
    cookie = entered.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert link not in entered.text, "what a reader copies from the page lets nobody in"
    assert [act.act for act in site.desk.acts(limit=1)] == ["entered"]


@guards("uninvited")
def test_nobody_is_shown_anything_without_a_session_and_guesses_are_no_session(site):
    for path in ("/", "/jobs", "/quota", "/settings", "/doctor", "/acts"):
        for cookies in ({}, {site.access.cookie: "guess"}):
            answer = site.ask("GET", path, cookies=cookies)
            assert (answer.status_code, answer.text) == (303, "")
            assert answer.headers["location"].startswith("/login")
    assert site.ask("POST", "/upload", files={"file": ("a.csv", b"x")}).status_code == 401
    assert site.ask("GET", "/api/jobs").headers["www-authenticate"] == "Bearer"
    assert site.ask("GET", "/api/openapi.json").status_code == 401
    for header in ("Bearer", "Bearer x", "Basic eDp5", "bearer " + "a" * 600, "Bearer a b"):
        assert site.ask("GET", "/api/jobs", headers={"authorization": header}).status_code == 401
    assert site.ask("GET", "/", headers={"authorization": "Bearer x"}, cookies=site.entered()).status_code == 303


def test_a_new_link_is_shown_in_the_terminal_and_nowhere_else_and_not_at_every_click(site):
    shown = site.ask("POST", "/link")
    soon = site.ask("POST", "/link")
    site.clock.seconds += 11
    later = site.ask("POST", "/link")

    assert (shown.status_code, soon.status_code, later.status_code) == (200, 429, 200)
    assert len(site.links) == 2
    assert all(link not in shown.text + later.text for link in site.links)
    assert site.ask("GET", f"/enter/{site.links[0]}").status_code == 200


@guards("uninvited")
def test_a_session_ends_when_it_is_not_used_and_after_a_day_in_any_case(site):
    idle, busy = site.entered(), site.entered()
    for _ in range(int(SESSION_SECONDS / IDLE_SECONDS) * 2):
        assert site.ask("GET", "/", cookies=busy).status_code == 200
        site.clock.seconds += IDLE_SECONDS / 2 + 1
    assert site.ask("GET", "/", cookies=busy).status_code == 303
    assert site.ask("GET", "/", cookies=idle).status_code == 303

    used = site.entered()
    site.clock.seconds += IDLE_SECONDS + 1
    assert site.ask("GET", "/", cookies=used).status_code == 303


def test_logging_out_ends_the_session_for_whoever_has_the_cookie(site):
    cookies = site.entered()
    mark = site.access.session(cookies[site.access.cookie]).csrf

    out = site.ask("POST", "/logout", data={"csrf": mark}, cookies=cookies)

    assert out.headers["location"] == "/login"
    assert site.ask("GET", "/", cookies=cookies).status_code == 303


def test_a_user_logs_in_with_a_password_and_is_on_record(site):
    site.people.add("李雷", Secret(PASSWORD), [Role.VIEW])

    assert 'name="password"' in site.ask("GET", "/login").text
    wrong = site.ask("POST", "/login", data={"name": "李雷", "password": "guess"})
    answer = site.ask("POST", "/login", data={"name": " 李雷 ", "password": PASSWORD, "next": "//evil.example"})

    assert (wrong.status_code, answer.status_code, answer.headers["location"]) == (403, 303, "/")
    acts = [(act.operator, act.act) for act in site.desk.acts(limit=2)]
    assert acts == [("李雷", "logged_in"), ("李雷", "login_failed")]
    assert "李雷" in site.ask("GET", "/jobs", cookies=dict(answer.cookies)).text


def test_what_was_typed_into_the_wrong_field_is_not_kept(site):
    site.ask("POST", "/login", data={"name": "my secret password", "password": ""})

    (act,) = site.desk.acts(limit=1)
    assert (act.act, act.operator, act.note) == ("login_failed", "", "")


def test_whoever_is_removed_or_gets_another_password_is_out_at_once(access, people):
    for change in (
        lambda: people.remove("li"),
        lambda: people.add("li", Secret("another password"), [Role.VIEW]),
    ):
        people.add("li", Secret(PASSWORD), [Role.VIEW])
        cookie, person = access.log_in("li", Secret(PASSWORD), place="a")
        assert access.session(cookie).person == person
        change()
        assert access.session(cookie) is None
        assert access.session(cookie) is None


def test_other_roles_hold_for_those_who_are_in(access, people):
    people.add("li", Secret(PASSWORD), [Role.VIEW])
    cookie, _ = access.log_in("li", Secret(PASSWORD), place="a")
    kept = json.loads((people._path).read_text("utf-8"))
    kept["users"][0]["roles"] = ["prepare"]
    people._path.write_text(json.dumps(kept, indent=1), "utf-8")

    assert access.session(cookie).person.may("prepare")


@guards("uninvited")
def test_tries_are_few_for_a_name_and_for_a_place_and_wait_longer_each_time(access, people):
    people.add("li", Secret(PASSWORD), [Role.VIEW])

    for _ in range(6):
        assert access.log_in("li", Secret("guess"), place="a") is None
    with pytest.raises(TooManyTriesError) as told:
        access.log_in("LI ", Secret(PASSWORD), place="b")
    assert told.value.seconds == 30
    access.clock.seconds += 30
    assert access.log_in("li", Secret("guess"), place="a") is None
    with pytest.raises(TooManyTriesError) as told:
        access.log_in("li", Secret(PASSWORD), place="a")
    assert told.value.seconds == 60
    access.clock.seconds += 60
    assert access.log_in("li", Secret(PASSWORD), place="a") is not None
    assert access.log_in("li", Secret("guess"), place="a") is None, "who knew it has free tries again"

    for number in range(13):
        access.log_in(f"nobody {number}", Secret("guess"), place="a")
    with pytest.raises(TooManyTriesError):
        access.log_in("somebody", Secret("guess"), place="a")
    assert access.log_in("somebody", Secret("guess"), place="b") is None, "another place may try"


@guards("uninvited")
def test_a_name_in_other_letters_has_no_tries_of_its_own(access, people):
    """Full-width letters are the same user, so they are the same guesses."""
    people.add("li", Secret(PASSWORD), [Role.VIEW])

    for number, spelled in enumerate(("li", "ｌi", "lｉ", "ｌｉ", " Li ", "ＬＩ")):
        assert access.log_in(spelled, Secret("guess"), place=f"place {number}") is None

    with pytest.raises(TooManyTriesError):
        access.log_in("ｌI", Secret("guess"), place="another")


def test_too_many_tries_are_told_with_the_time_to_wait(site):
    for _ in range(6):
        site.ask("POST", "/login", data={"name": "li", "password": "guess"})
    answer = site.ask("POST", "/login", data={"name": "li", "password": "guess"})

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
    assert "30 seconds" in answer.text


def test_names_invented_at_will_fill_no_memory(access, monkeypatch):
    monkeypatch.setattr("batchverify.web.access._MOST_NAMES", 10)
    tries = access._names
    for number in range(50):
        tries.wrong(f"name {number}", float(number))

    assert len(tries._counts) <= 10


def test_sessions_fill_no_memory_and_the_one_unused_for_longest_goes(access, monkeypatch):
    monkeypatch.setattr("batchverify.web.access._MOST_SESSIONS", 3)
    cookies = []
    for _ in range(4):
        cookies.append(access.enter(access.new_link()))
        access.clock.seconds += 1

    assert [access.session(cookie) is not None for cookie in cookies] == [False, True, True, True]


def test_the_file_of_users_holds_hashes_only_and_is_for_its_owner_alone(people):
    people.add("李雷", Secret(PASSWORD), [Role.PREPARE, Role.VIEW])
    token, text = people.new_token("工资系统", [Role.PREPARE])

    kept = people._path.read_text("utf-8")
    assert PASSWORD not in kept
    assert text.reveal() not in kept
    assert text.reveal().removeprefix("bvt_") not in kept
    assert "$argon2id$" in kept
    assert people.by_password("nobody", Secret(PASSWORD)) is None
    assert stat.S_IMODE(people._path.stat().st_mode) == 0o600
    assert people.by_token(text.reveal()) == Person(name="工资系统", roles=frozenset({Role.PREPARE}))
    assert people.by_token(token.hash) is None
    assert people.by_password("李雷", Secret(PASSWORD)).may("prepare")
    assert people.by_password("李雷", Secret(PASSWORD + " ")) is None


def test_a_token_ends_with_its_days_and_with_its_revocation(tmp_path):
    now = datetime(2026, 11, 24, tzinfo=UTC)
    people = People(tmp_path / "home", now=lambda: now)
    _, short = people.new_token("a", [Role.VIEW], days=1)
    token, text = people.new_token("b", [Role.VIEW])

    now += timedelta(days=1)
    assert people.by_token(short.reveal()) is None
    assert people.by_token(text.reveal()) is not None
    people.revoke(token.id)
    assert people.by_token(text.reveal()) is None
    with pytest.raises(InputError, match="There is no token"):
        people.revoke(token.id)


def test_a_password_is_hashed_so_that_a_guess_takes_time_and_memory(tmp_path):
    people = People(tmp_path / "home")
    people.add("li", Secret(PASSWORD), [Role.VIEW])

    assert people.users()[0].password.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert people.by_password("li", Secret(PASSWORD)) is not None


@pytest.mark.parametrize(
    ("name", "password", "roles", "sentence"),
    [
        ("", PASSWORD, [Role.VIEW], "A name has 1 to 64 characters"),
        ("li\nlei", PASSWORD, [Role.VIEW], "A name has 1 to 64 characters"),
        ("li", "short", [Role.VIEW], "A password has at least 10 characters"),
        ("lileilileililei", "LiLeiLiLeiLiLei", [Role.VIEW], "is not the name"),
        ("li", "x" * 1025, [Role.VIEW], "A password has at most 1024 characters"),
        ("li", PASSWORD, [], "Name at least one role: view, prepare, approve, admin"),
    ],
)
def test_users_that_would_not_do_are_refused(people, name, password, roles, sentence):
    with pytest.raises(InputError, match=sentence):
        people.add(name, Secret(password), roles)

    assert people.users() == ()


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"version": 2}', b'{"version": 1}', b'{"version": 1, "users": [{}], "tokens": []}']
)
def test_a_damaged_file_of_users_lets_nobody_in(people, content):
    people.add("li", Secret(PASSWORD), [Role.VIEW])
    people._path.write_bytes(content)

    with pytest.raises(HomeError, match=r"is damaged\. Put a copy of it back"):
        people.by_password("li", Secret(PASSWORD))


def test_a_file_of_users_that_others_may_read_is_refused(people):
    people.add("li", Secret(PASSWORD), [Role.VIEW])
    people._path.chmod(0o644)

    with pytest.raises(HomeError, match="chmod 600"):
        people.users()


def test_names_are_one_however_they_are_written(people):
    assert people.add(" Ｌi ", Secret(PASSWORD), [Role.VIEW])
    assert not people.add("Li", Secret(PASSWORD), [Role.ADMIN])

    assert [user.name for user in people.users()] == ["Li"]
    people.remove("Ｌi")
    with pytest.raises(InputError, match="There is no user of that name"):
        people.remove("Li")


def test_what_each_role_may_do(people):
    del people
    viewer, admin = (Person(name="a", roles=frozenset({role})) for role in (Role.VIEW, Role.ADMIN))

    assert [viewer.may(role) for role in Role] == [True, False, False, False]
    assert all(admin.may(role) for role in Role)
    assert not Person(name="a", roles=frozenset()).may("view")


def test_without_a_terminal_that_lets_in_there_is_no_link(open_desk):
    site = Site(open_desk, local=False)

    assert site.ask("GET", f"/enter/{site.access.new_link()}").status_code == 410
    assert site.ask("POST", "/link").status_code == 429
    assert site.links == []
    assert 'action="/link"' not in site.ask("GET", "/login").text
