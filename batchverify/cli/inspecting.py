"""The command that only looks: what is in a file, sheet by sheet, and what was remembered of its header."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from batchverify.cli import options as given_options
from batchverify.cli.terminal import home_of, print_out, say, start


def show_inspection(file: Path, given: dict[str, Any], *, forget_mapping: bool) -> int:
    """Print what is in a file, after what was remembered of its header is forgotten, where that is wanted."""
    from batchverify.cli.passwords import passwords_of
    from batchverify.cli.show import inspection_text
    from batchverify.cli.show import say as word
    from batchverify.job import inspect_file
    from batchverify.job.recalling import forget
    from batchverify.store.home import Home

    settings = start(given)
    options = given_options.options_of(given, settings)
    lang, home, passwords = options.delivery.lang, home_of(settings), passwords_of(given)
    if forget_mapping:
        has_forgotten = forget(file, options.reading, Home.open(home), passwords)
        say(word("forgotten" if has_forgotten else "not_remembered", lang), err=True)
    inspection = inspect_file(file, options.reading, home=home, passwords=passwords, recalls=True)
    print_out(inspection.as_json() if given["as_json"] else inspection_text(inspection, lang))
    return 0
