"""`people`: users come in by standard input, tokens are shown once, and nothing of either is kept but hashes."""

from __future__ import annotations

from batchverify.web.people import People, Role
from tests.web.program import PASSWORD


def test_users_and_tokens_are_added_listed_and_taken_out(desk):
    added = desk.run("people", "add", "李雷", "--role", "prepare", "--role", "view", typed=f"{PASSWORD}\n", asks=False)
    changed = desk.run("people", "add", "李雷", "--role", "admin", typed=f"{PASSWORD}!\n", asks=False)
    made = desk.run("people", "token", "工资系统", "--role", "prepare", "--days", "30", asks=False)
    listed, told = desk.run("people", "list", asks=False), desk.run("people", "list", "--json", asks=False).json

    assert [(one.code, one.err) for one in (added, changed)] == [(0, "Added.\n"), (0, "Changed.\n")]
    people = People(desk.home)
    (user,), (token,) = people.users(), people.tokens()
    assert (user.name, user.roles) == ("李雷", (Role.ADMIN,))
    assert made.err == f"Token {token.id}; it is shown this once:\n"
    assert people.by_token(made.out.strip()).name == "工资系统"
    assert told["users"][0]["roles"] == ["admin"]
    assert told["tokens"][0]["id"] == token.id
    assert "李雷  admin" in listed.out
    assert f"token {token.id}  of 工资系统  prepare  until 20" in listed.out
    assert PASSWORD not in listed.out
    assert made.out.strip() not in listed.out

    gone = desk.run("people", "token", token.id, "--revoke", asks=False), desk.run("people", "remove", "李雷", asks=False)
    assert [one.code for one in gone] == [0, 0]
    assert (people.users(), people.tokens()) == ((), ())


def test_what_will_not_do_is_refused_and_nothing_is_changed(desk):
    refused = {
        "no role": desk.run("people", "add", "li", typed=f"{PASSWORD}\n", asks=False),
        "short": desk.run("people", "add", "li", "--role", "view", typed="short\n", asks=False),
        "no text": desk.run("people", "token", "li", asks=False),
        "unknown": desk.run("people", "remove", "li", asks=False),
    }

    assert {name: one.code for name, one in refused.items()} == dict.fromkeys(refused, 2)
    assert all(one.err.startswith("Error: ") for one in refused.values())
    assert not (desk.home / "people.json").exists()
