"""What the commands share: settings and log, the watcher at the terminal, the worst exit code, what is printed.

The one thing to know: only results go to stdout. The plan, the question, the bar and every word about them go to stderr.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchverify.cli import options as given_options
from batchverify.cli.discretion import discreet
from batchverify.errors import InputError

if TYPE_CHECKING:
    from batchverify.cli.progress import Bar
    from batchverify.job import Plan, Rendered, Session
    from batchverify.model import RowStatus
    from batchverify.pool import Progress
    from batchverify.settings import Settings
    from batchverify.tables.passwords import Passwords

_EXIT_CODES = {"complete": 0, "open_rows": 3, "vendor_stop": 4, "home_error": 5, "interrupted": 130}
_WORST_FIRST = (5, 4, 130, 3, 0)


class Terminal:
    """Shows the plan, has it confirmed, and draws the bar. Everything goes to stderr."""

    def __init__(self, given: dict[str, Any], settings: Settings) -> None:
        self._given = given
        self._settings = settings
        self._lang = given_options.lang_of(settings)
        self.unit_price = settings.unit_price
        #: Asks of this run that were or may be billed, so far.
        self.billed = 0
        self._bar: Bar | None = None

    def approve(self, plan: Plan, *, cap_asks: int | None) -> None:
        from batchverify.cli.show import plan_text
        from batchverify.rules.prices import yuan

        self.unit_price = plan.unit_price
        say(plan_text(plan, self._lang), err=True)
        if not plan.asks or self._given.get("yes") or cap_asks is not None:
            return
        if not sys.stdin.isatty():
            raise InputError(
                "Nothing was asked: there is no terminal to confirm the plan. Add --yes, --max-asks N or --max-yuan X."
            )
        if not click.confirm(f"Ask {plan.asks:,} questions for at most ¥{yuan(plan.worst_price)}?", err=True):
            raise InputError("Nothing was asked: the plan was not confirmed.")

    def asking(self, *, total: int, cap_asks: int | None) -> None:
        from batchverify.cli.progress import Bar

        self._bar = Bar(lang=self._lang, unit_price=self.unit_price)
        self._bar.start(total=total, cap_asks=cap_asks)

    def progress(self, progress: Progress) -> None:
        self.billed = progress.billed
        if self._bar is not None:
            self._bar.show(progress)

    def sampled(self, statuses: Mapping[RowStatus, int]) -> None:
        from batchverify.cli.show import sample_text

        click.echo(sample_text(statuses, self._lang), err=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def start(given: dict[str, Any]) -> Settings:
    """Set up logging and read the settings."""
    try:
        handler = logging.FileHandler(given["log_file"], encoding="utf-8") if given["log_file"] else logging.StreamHandler()
    except OSError as error:
        raise InputError(f"The log file {str(given['log_file'])!r} cannot be written: {error.strerror}. Name another.") from None
    logging.basicConfig(level=given["log_level"].upper(), handlers=[discreet(handler)])
    return given_options.settings_of(given)


def home_of(settings: Settings) -> Path:
    """The home that the settings name, or the default one."""
    from batchverify.settings import home_folder

    return home_folder(settings.home)


def session_of(settings: Settings, given: dict[str, Any], watcher: Terminal, passwords: Passwords | None = None) -> Session:
    """What one command's passes share."""
    from batchverify.cli.passwords import passwords_of
    from batchverify.job import Session

    return Session(
        settings=settings,
        watcher=watcher,
        built_in=bool(given.get("sandbox")),
        passwords=passwords or passwords_of(given),
        remembers=True,
    )


def each(
    given: dict[str, Any],
    settings: Settings,
    names: Sequence[Any],
    act: Callable[[Any, Session], Rendered],
    *,
    passwords: Passwords | None = None,
) -> int:
    """Do the same for each name; the worst exit code counts."""
    from batchverify.cli.passwords import passwords_of
    from batchverify.cli.progress import stopping_on_signals

    codes, documents = [], []
    passwords = passwords or passwords_of(
        given
    )  # one for all: standard input has but one first line, and files often share a password
    try:
        for name in names:
            watcher = Terminal(given, settings)
            session = session_of(settings, given, watcher, passwords)
            with stopping_on_signals(session.stop):
                try:
                    rendered = act(name, session)
                finally:
                    watcher.close()
            codes.append(_EXIT_CODES[rendered.summary.ending])
            documents.append(rendered.summary.as_json())
            if not given["as_json"]:
                show_result(rendered, given, settings)
            if session.stop.level:
                break
    finally:
        # Also where a later file is refused: what was paid for the earlier ones is told.
        if given["as_json"] and documents:
            print_out(documents[0] if len(names) == 1 else documents)
    return next(code for code in _WORST_FIRST if code in codes)


def show_result(rendered: Rendered, given: dict[str, Any], settings: Settings) -> None:
    """Print the summary, as words or as JSON."""
    from batchverify.cli.show import summary_text

    document = rendered.summary.as_json()
    print_out(
        document
        if given["as_json"]
        else summary_text(
            document,
            given_options.lang_of(settings),
            low_percent=settings.low_balance_percent,
            reason=rendered.reason,
            note=rendered.note,
        )
    )


def print_out(what: Any) -> None:
    """Print a text as it is and anything else as JSON."""
    say(what if isinstance(what, str) else json.dumps(what, ensure_ascii=False, indent=2))


def say(text: str, *, err: bool = False) -> None:
    """Write out a text that names files, sheets or headers: none of them may steer the terminal."""
    from batchverify.cli.show import visible

    click.echo(visible(text), err=err)
