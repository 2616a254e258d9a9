"""`people`: users come in by standard input, tokens are shown once, and nothing of either is kept but hashes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from batchverify.cli.main import cli
from batchverify.errors import InputError
from batchverify.web.people import People, Role
from tests.web.program import PASSWORD


@pytest.fixture
def run(home) -> Callable[..., Result]:
    """Run `batchverify people`, with something typed."""

    def ran(*arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(cli, ["people", *arguments, "--home", str(home)], input=typed, standalone_mode=False)

    return ran


def test_users_and_tokens_are_added_listed_and_taken_out(run, home):
    added = run("add", "李雷", "--role", "prepare", "--role", "view", typed=f"{PASSWORD}\n")
    changed = run("add", "李雷", "--role", "admin", typed=f"{PASSWORD}!\n")
    made = run("token", "工资系统", "--role", "prepare", "--days", "30")
    run("token", "人事系统", "--role", "view")
    listed, told = run("list").stdout, run("list", "--json").stdout

    assert (added.stderr, changed.stderr) == ("Added.\n", "Changed.\n")
    people = People(home)
    (user,), (token, endless) = people.users(), people.tokens()
    assert (user.name, user.roles) == ("李雷", (Role.ADMIN,))
    assert made.stderr == f"Token {token.id}; it is shown this once:\n"
    assert people.by_token(made.stdout.strip()).name == "工资系统"
    assert f'"id": "{token.id}"' in told
    assert "李雷  admin" in listed
    assert f"token {token.id}  of 工资系统  prepare  until 20" in listed
    assert f"token {endless.id}  of 人事系统  view  without end" in listed
    assert PASSWORD not in listed + told
    assert made.stdout.strip() not in listed + told

    assert (run("token", token.id, "--revoke").stderr, run("remove", "李雷").stderr) == ("Revoked.\n", "Removed.\n")
    assert (people.users(), [one.name for one in people.tokens()]) == ((), ["人事系统"])


@pytest.mark.parametrize(
    ("arguments", "typed", "sentence"),
    [
        (["add", "li"], f"{PASSWORD}\n", "Name at least one --role"),
        (["add", "li", "--role", "view"], "short\n", "A password has at least 10 characters"),
        (["add", "li", "--role", "view"], b"\xff\xfe\xb0\n", "is no UTF-8"),
        (["token", "li"], "", "Name at least one --role"),
        (["remove", "li"], "", "There is no user of that name"),
    ],
)
def test_what_will_not_do_is_refused_and_nothing_is_changed(run, home, arguments, typed, sentence):
    error = run(*arguments, typed=typed).exception

    assert isinstance(error, InputError)
    assert sentence in str(error)
    assert not (home / "people.json").exists()
