"""`batchverify template`: a blank workbook to fill in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from batchverify.cli import options as given_options
from batchverify.cli.terminal import say, start


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The new workbook, an .xlsx.")
@given_options.lang_option
@given_options.home_options
def template(output: Path, **given: Any) -> int:
    """Write a blank workbook to fill in: text cells, red where a number cannot be right. Never required."""
    from batchverify.tables.template import write_template

    settings = start(given)
    placed = write_template(output, lang=given_options.lang_of(settings))
    say(f"Wrote {placed.path}.", err=True)
    return 0
