"""`batchverify quota`: packages, balance, usage, reconciliation, invoice."""

from __future__ import annotations

import click


@click.group()
def quota() -> None:
    """Packages, balance, usage by window, reconciliation, invoice."""
