"""The command that only looks: what is in a file, sheet by sheet, and what was remembered of its header."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from batchverify.cli import options as given_options
from batchverify.cli.terminal import home_of, print_out, say, start


def show_inspection(file: Path, given: dict[str, Any], *, forget_mapping: bool) -> int:
    """Print what is in a file, after what was remembered of its header is forgotten, where that is wanted."""
    from batchverify.cli.passwords import passwords_of
    from batchverify.cli.sheets import inspected_readings
    from batchverify.cli.show import inspection_text
    from batchverify.cli.show import say as word
    from batchverify.job import inspect_file
    from batchverify.job.recalling import forget
    from batchverify.store.home import Home
    from batchverify.tables.reader import EmptyTable

    settings = start(given)
    options = given_options.options_of(given, settings)
    lang, home, passwords = options.delivery.lang, home_of(settings), passwords_of(given)
    readings = [one.reading for one in inspected_readings(file, options, given, home, passwords)]
    if forget_mapping:
        has_forgotten = [forget(file, reading, Home.open(home), passwords) for reading in readings]
        say(word("forgotten" if any(has_forgotten) else "not_remembered", lang), err=True)
    shown = []
    for reading in readings:
        try:
            shown.append(inspect_file(file, reading, home=home, passwords=passwords, recalls=True))
        except EmptyTable as error:
            if len(readings) == 1:
                raise
            say(str(error), err=True)
    if given["as_json"]:
        print_out(shown[0].as_json() if len(shown) == 1 else [one.as_json() for one in shown])
    else:
        print_out("\n\n".join(inspection_text(one, lang) for one in shown))
    return 0
