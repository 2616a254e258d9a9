"""Passwords as a terminal gives them: typed without being shown, or in the first line of standard input.

The one thing to know: never as an option and never from the environment. Both can be read by others, and stay in histories.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import click

from batchverify.errors import InputError

if TYPE_CHECKING:
    from batchverify.model import Secret
    from batchverify.tables.passwords import Passwords

_TRIES = 3


def passwords_of(given: Mapping[str, Any]) -> Passwords:
    """Where this command gets passwords from. Nobody is asked before one is needed."""
    from batchverify.tables.passwords import Passwords

    if given.get("password_stdin") and not sys.stdin.isatty():
        first_line = cache(_first_line)
        return Passwords(
            ask=lambda _: first_line(), ask_new=lambda _name, _own: first_line(), origin="the first line of standard input"
        )
    if not sys.stdin.isatty():
        return Passwords()
    return Passwords(ask=_typed, ask_new=_typed_twice, tries=_TRIES, origin="the keyboard")


def _first_line() -> Secret:
    from batchverify.model import Secret

    # Bytes, for a console of code page 936 would read others into them; Windows' shells put a mark in front.
    line = sys.stdin.buffer.readline().rstrip(b"\r\n")
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("The first line of standard input is no UTF-8. Give the password so. Nothing was sent.") from None
    if not text:
        raise InputError("The first line of standard input is empty, and --password-stdin wants a password. Nothing was sent.")
    return Secret(text)


def _typed(name: str) -> Secret:
    from batchverify.cli.show import visible
    from batchverify.model import Secret

    return Secret(click.prompt(f"Password of {visible(name)}", hide_input=True, err=True))


def _typed_twice(name: str, own: Secret | None) -> Secret:
    """A new password, so that a slip of the finger locks nobody out; Enter takes the one that the input has."""
    from batchverify.cli.show import visible
    from batchverify.model import Secret

    hint = "" if own is None else " (Enter: the one of its input)"
    default = None if own is None else ""
    while True:
        first = click.prompt(
            f"Password for {visible(name)}{hint}", hide_input=True, err=True, default=default, show_default=False
        )
        if own is not None and not first:
            return own
        if click.prompt("The same again", hide_input=True, err=True) == first:
            return Secret(first)
        click.echo("These were two different passwords. Once more.", err=True)
