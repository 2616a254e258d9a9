"""`batchverify key rotate`: a new key for what the home keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from batchverify.cli import options as given_options
from batchverify.cli.terminal import Terminal, print_out, say, session_of, start

if TYPE_CHECKING:
    from batchverify.job.renewing import NewKey


@click.command("rotate")
@given_options.json_option
@given_options.home_options
def rotate(**given: Any) -> int:
    """Renew the key of the home: encrypt its answers anew, and wrap the codes of its questions anew. Asks nothing of the vendor."""
    from batchverify.job.renewing import renew_keys

    settings = start(given)
    renewed = renew_keys(session_of(settings, given, Terminal(given, settings)))
    if given["as_json"]:
        print_out([_as_json(one) for one in renewed])
    elif not renewed:
        say("This home has no key yet: the first run makes one.")
    else:
        for one in renewed:
            say(_told(one))
    if not all(one.is_scrubbed for one in renewed):
        say(
            "Another process has the home open, so bytes under the old key may still lie in its files, and the old key is kept. "
            "Run `batchverify key rotate` again when it has ended.",
            err=True,
        )
        return 3
    return 0


def _told(one: NewKey) -> str:
    realm = "sandbox" if one.simulated else "real"
    if one.had_begun:
        return f"The renewal that was cut short is finished ({realm})."
    return f"The key is renewed ({realm}): {one.answers:,} answers encrypted anew, {one.codes:,} codes of questions wrapped anew."


def _as_json(one: NewKey) -> dict[str, Any]:
    return {
        "realm": "sandbox" if one.simulated else "real",
        "answers": one.answers,
        "codes": one.codes,
        "had_begun": one.had_begun,
        "old_bytes_are_gone": one.is_scrubbed,
    }
