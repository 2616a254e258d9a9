"""A ledger in the hands of somebody who owns the machine and speaks SQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def changed_ledger(home: Path) -> Callable[[str], int]:
    """Change the sandbox's ledger behind its back, past every trigger and check; says how many rows were changed."""

    def change(statement: str) -> int:
        con = sqlite3.connect(home / "sandbox" / "ledger.sqlite", isolation_level=None)
        try:
            con.execute("PRAGMA ignore_check_constraints = ON")
            for (name,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                con.execute(f"DROP TRIGGER {name}")
            return con.execute(statement).rowcount
        finally:
            con.close()

    return change
