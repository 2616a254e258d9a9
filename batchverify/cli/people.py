"""`batchverify people`: the users of a shared page, and the tokens of programs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from batchverify.cli import options as given_options
from batchverify.cli.terminal import home_of, print_out, say, start
from batchverify.errors import InputError, SettingsError

if TYPE_CHECKING:
    from batchverify.model import Secret
    from batchverify.web.people import People, Role

_ROLES = ("view", "prepare", "approve", "admin")
_role_option = click.option(
    "--role",
    "roles",
    type=click.Choice(_ROLES),
    multiple=True,
    help="view sees masked results, prepare uploads and confirms, approve approves others' plans, admin may all. Repeatable.",
)


@click.group()
def people() -> None:
    """Add, list and remove the users of the page, and the tokens of programs."""


@people.command("add")
@click.argument("name")
@_role_option
@given_options.home_options
def add(name: str, roles: tuple[str, ...], **given: Any) -> int:
    """Add the user NAME, or give one a new password and other roles. The password is typed, or the first line of standard input."""
    known = _people(given)
    is_new = known.add(name, _password(name), _given(roles))
    say("Added." if is_new else "Changed.", err=True)
    return 0


@people.command("list")
@given_options.json_option
@given_options.home_options
def show(**given: Any) -> int:
    """List users and tokens. Neither passwords nor tokens are kept, so none is shown."""
    known = _people(given)
    if given["as_json"]:
        users = [{"name": user.name, "roles": list(user.roles), "added_at": user.added_at} for user in known.users()]
        tokens = [
            {"id": token.id, "name": token.name, "roles": list(token.roles), "expires_at": token.expires_at or None}
            for token in known.tokens()
        ]
        print_out({"users": users, "tokens": tokens})
        return 0
    for user in known.users():
        say(f"{user.name}  {', '.join(user.roles)}")
    for token in known.tokens():
        until = f"until {token.expires_at}" if token.expires_at else "without end"
        say(f"token {token.id}  of {token.name}  {', '.join(token.roles)}  {until}")
    return 0


@people.command("remove")
@click.argument("name")
@given_options.home_options
def remove(name: str, **given: Any) -> int:
    """Take the user NAME out, with their tokens. A server that runs lets them in no more."""
    _people(given).remove(name)
    say("Removed.", err=True)
    return 0


@people.command("token")
@click.argument("name")
@_role_option
@click.option("--days", type=click.IntRange(1, 3_650), help="How long it is valid. Default: until it is revoked.")
@click.option("--revoke", is_flag=True, help="NAME is the id of a token: take it out.")
@given_options.home_options
def token(name: str, roles: tuple[str, ...], *, days: int | None, revoke: bool, **given: Any) -> int:
    """Make a token by which a program speaks as NAME. It is printed this once."""
    known = _people(given)
    if revoke:
        known.revoke(name)
        say("Revoked.", err=True)
        return 0
    made, text = known.new_token(name, _given(roles), days=days)
    say(f"Token {made.id}; it is shown this once:", err=True)
    click.echo(text.reveal())
    return 0


def _people(given: dict[str, Any]) -> People:
    from batchverify.cli.serve import INSTALL

    settings = start(given)
    try:
        from batchverify.web.people import People
    except ImportError:
        raise SettingsError(f"Users need an extra that is not installed: `{INSTALL}`.") from None
    return People(home_of(settings))


def _given(roles: tuple[str, ...]) -> list[Role]:
    from batchverify.web.people import Role

    if not roles:
        raise InputError(f"Name at least one --role: {', '.join(_ROLES)}. Nothing was changed.")
    return [Role(role) for role in roles]


def _password(name: str) -> Secret:
    from batchverify.cli.show import visible
    from batchverify.model import Secret

    if sys.stdin.isatty():
        return Secret(click.prompt(f"Password of {visible(name)}", hide_input=True, confirmation_prompt=True, err=True))
    # Bytes, for a console of another code page would read others into them.
    line = sys.stdin.buffer.readline().rstrip(b"\r\n")
    try:
        return Secret(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InputError("The first line of standard input is no UTF-8. Give the password so. Nothing was changed.") from None
