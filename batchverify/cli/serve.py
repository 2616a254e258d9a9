"""`batchverify serve`: the page and the HTTP API, until Ctrl-C."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchverify.cli import options as given_options
from batchverify.cli.terminal import home_of, print_out, say, start
from batchverify.errors import SettingsError

if TYPE_CHECKING:
    from batchverify.settings import Settings

#: The command that brings what the page needs.
INSTALL = "pip install 'batchverify[web]'"
_INTERRUPTED = 130


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen at. Beyond this machine: needs TLS and users."
)
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes any free one.")
@click.option("--no-browser", is_flag=True, help="Only print the one-time link.")
@click.option("--tls-cert", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Certificate with its chain, PEM.")
@click.option(
    "--tls-key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its key, PEM, readable by you only."
)
@click.option("--sandbox", is_flag=True, help="Ask the built-in sandbox: needs no AppCode, costs nothing.")
@click.option("--endpoint", help="Another host of the vendor (https; plain http on loopback only).")
@click.option("--openapi", is_flag=True, help="Print the OpenAPI document of the HTTP API, and serve nothing.")
@given_options.home_options
def serve(
    host: str, port: int, *, no_browser: bool, tls_cert: Path | None, tls_key: Path | None, openapi: bool, **given: Any
) -> int:
    """Serve the page and the HTTP API, until Ctrl-C."""
    settings = start(given)
    try:
        from batchverify.web import serving
        from batchverify.web.people import People
    except ImportError:
        raise SettingsError(f"The page needs an extra that is not installed: `{INSTALL}`.") from None
    if openapi:
        from batchverify.web.http_api import document

        print_out(document())
        return 0
    people = People(home_of(settings))
    place = serving.place_of(host, port, cert=tls_cert, key=tls_key, people=people)
    from batchverify.desk import Desk

    with Desk.open(settings, built_in=given["sandbox"], home=home_of(settings)) as desk:
        left_work = serving.serve(
            desk, place, people=people, operator=_operator(settings), tell=_tell_address, opens_browser=not no_browser
        )
    return _INTERRUPTED if left_work else 0


def _tell_address(address: str) -> None:
    """Print an address; a link lets in whoever has it, so it stands nowhere but here."""
    note = " (lets in once, within ten minutes)" if "/enter/" in address else ""
    say(f"The page is at {address}{note}")


def _operator(settings: Settings) -> str:
    """Who comes in by the link: the operator of the settings, else the user of this machine."""
    if settings.operator:
        return settings.operator
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container may have no name for its user
        return "local"
