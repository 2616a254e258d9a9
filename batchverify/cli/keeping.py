"""`batchverify purge`, `forget` and `approve`: what goes, who goes, and what may be paid for.

The one thing to know: who is to be forgotten is never an option, for that would put a person into the shell's history. It comes
from a prompt, from standard input or from a file.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchverify.cli import options as given_options
from batchverify.cli.terminal import Terminal, home_of, print_out, say, session_of, start
from batchverify.errors import InputError

if TYPE_CHECKING:
    from batchverify.job.retention import Erasing

_WORDS = {
    "answers": "answers",
    "codes": "codes of questions",
    "holds": "notes of questions held back",
    "locks": "ended locks",
    "jobs": "jobs",
    "runs": "runs",
    "attempts": "records of asks",
    "events": "events",
    "plans": "plans",
    "acts": "acts at a desk",
}
#: Characters: more than a million numbers, each in a line.
_LONGEST_LIST = 32 << 20
_OUTPUT = click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The certificate. Default: a file in the folder certificates of the home.",
)
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Say what would go, and erase nothing.")
_YES = click.option("--yes", is_flag=True, help="Erase without being asked.")
_OPERATOR = click.option("--operator", default=None, help="Who does this. Recorded.")


@click.command()
@click.option(
    "--older-than",
    type=click.FloatRange(min=0),
    metavar="DAYS",
    help="Take answers and codes of this age for once, instead of keep_answers_days and keep_codes_days.",
)
@_DRY_RUN
@_YES
@_OUTPUT
@_OPERATOR
@given_options.json_option
@given_options.home_options
def purge(older_than: float | None, **given: Any) -> int:
    """Erase what is older than it is kept: answers, then codes, after three years the record. Asks nothing of the vendor."""
    from batchverify.job.retention import purging

    settings = start(given)
    with purging(session_of(settings, given, Terminal(given, settings)), older_than_days=older_than) as erasing:
        return _erase(erasing, given, nothing="Nothing is older than it is kept.")


@click.command()
@click.option(
    "--from",
    "source",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A text or csv with one number in each line. Default: a prompt, or standard input.",
)
@given_options.password_option
@_DRY_RUN
@_YES
@_OUTPUT
@_OPERATOR
@given_options.json_option
@given_options.home_options
def forget(source: Path | None, **given: Any) -> int:
    """Erase whoever asks for it: everything that is known of an ID number or a card. Asks nothing of the vendor."""
    from batchverify.job.retention import forgetting

    settings = start(given)
    if given["password_stdin"] and source is None:
        raise InputError("Standard input cannot hold the password and the numbers. Give the numbers with --from FILE.")
    numbers = _numbers(_lines(source))
    with forgetting(session_of(settings, given, Terminal(given, settings)), numbers) as erasing:
        return _erase(erasing, given, nothing="Nothing is known of these numbers; the certificate says so.", always=True)


@click.command()
@click.argument("plan_hash", metavar="HASH")
@_OPERATOR
@given_options.json_option
@given_options.home_options
def approve(plan_hash: str, **given: Any) -> int:
    """Approve the plan with this HASH, as another person than its planner. `plan` shows the hash, `run --approved` takes it."""
    from batchverify.job.approval import approve_plan
    from batchverify.job.clock import SystemClock
    from batchverify.rules.prices import yuan
    from batchverify.rules.windows import beijing_time

    settings = start(given)
    approved = approve_plan(plan_hash, home=home_of(settings), settings=settings, clock=SystemClock())
    if given["as_json"]:
        print_out(
            {
                "hash": approved.hash,
                "file": approved.name,
                "asks": approved.asks,
                "asks_again": approved.again,
                "max": yuan(approved.worst_price),
                "approved_by": approved.operator,
                "approved_at": beijing_time(approved.at),
            }
        )
        return 0
    word = "Approved" if approved.is_new else "Approved already"
    again = f" · {approved.again:,} of them in doubt, which may be a second bill" if approved.again else ""
    say(
        f"{word} by {approved.operator}: {approved.name} · {approved.asks:,} asks · at most ¥{yuan(approved.worst_price)}{again}\n"
        f"Run it with --approved {approved.hash}"
    )
    return 0


def _lines(source: Path | None) -> Sequence[str]:
    """The numbers as somebody typed them, one in a line."""
    if source is None and sys.stdin.isatty():
        return [click.prompt("ID number or card number", hide_input=True, err=True)]
    name = "Standard input" if source is None else source.name
    try:
        with nullcontext(sys.stdin) if source is None else source.open(encoding="utf-8-sig") as file:
            text = file.read(_LONGEST_LIST)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{name} cannot be read ({type(error).__name__}). Give a text in UTF-8 with one number in each line."
        ) from None
    if len(text) == _LONGEST_LIST:
        raise InputError(f"{name} has {_LONGEST_LIST:,} characters or more. Give it in parts. Nothing was erased.")
    return text.splitlines()


def _numbers(lines: Sequence[str]) -> frozenset[str]:
    """Every form of every number; a heading in the first line is passed over."""
    from batchverify.rules.subject import numbers_of

    found: frozenset[str] = frozenset()
    for number, line in enumerate(lines, 1):
        for text in filter(None, (part.strip() for part in line.split(","))):
            forms = numbers_of(text)
            if not forms and (number > 1 or any(character.isdigit() for character in text)):
                raise InputError(
                    f"Line {number} holds something that is neither an ID number nor a card number. "
                    "Give one number in each line, and nothing else. Nothing was erased."
                )
            found |= forms
    if not found:
        raise InputError("No ID number and no card number was given. Give one in each line. Nothing was erased.")
    return found


def _erase(erasing: Erasing, given: dict[str, Any], *, nothing: str, always: bool = False) -> int:
    """Show what would go, have it confirmed, and erase it."""
    if given["dry_run"]:
        if given["as_json"]:
            print_out({_realm(traces.simulated): traces.as_json() for traces in erasing.found})
        else:
            say(_shown(erasing, nothing))
        return 0
    say(_shown(erasing, nothing), err=True)
    if not erasing and not always:
        if given["as_json"]:
            print_out({_realm(traces.simulated): traces.as_json() for traces in erasing.found})
        _warn(is_scrubbed=erasing.tidy())
        return 0
    if erasing and not given["yes"]:
        if not sys.stdin.isatty():
            raise InputError("Nothing was erased: there is no terminal to confirm it. Add --yes, or look first with --dry-run.")
        if not click.confirm("Erase it for good?", err=True):
            raise InputError("Nothing was erased: it was not confirmed.")
    certificate = erasing.go(given["output"])
    print_out(dict(certificate.document) if given["as_json"] else f"Erased. Certificate: {certificate.path}")
    _warn(is_scrubbed=certificate.is_scrubbed)
    return 0


def _warn(*, is_scrubbed: bool) -> None:
    if not is_scrubbed:
        say(
            "Another process has the home open, so old bytes may still lie in its files. "
            "Run `batchverify purge` again when it has ended.",
            err=True,
        )


def _shown(erasing: Erasing, nothing: str) -> str:
    lines = []
    for traces in erasing.found:
        counts = [f"{_WORDS[kind]} {count:,}" for kind, count in traces.erased.counts.items() if count]
        if traces.rows:
            counts.append(f"rows {traces.rows:,} (of {', '.join(traces.jobs)})")
        if counts:
            lines.append(f"To erase ({_realm(traces.simulated)}): {' · '.join(counts)}")
        if traces.closed:
            lines.append(f"  These jobs can be drawn and gone on with no more: {', '.join(traces.closed)}")
        if traces.uploads:
            lines.append(f"  Uploads to the page, with what came out of them: {', '.join(traces.uploads)}")
        if traces.locked_until is not None:
            lines.append("  A lock stays until it ends, for it keeps the person from being asked about; the next purge takes it.")
        if traces.files:
            lines.append("  Files of yours that may name them, and that stay:")
            lines += [f"    {file}" for file in traces.files]
    return "\n".join(lines) or nothing


def _realm(simulated: bool) -> str:  # noqa: FBT001 - the word for a realm
    return "sandbox" if simulated else "real"
