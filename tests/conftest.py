"""Fixtures that every part uses: the vendor in miniature as the referee, a home, and a desk that works with both."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchverify.sandbox import Running, running
from tests.desk import Desk

# The validator of workbooks brings lxml. Users have none, and openpyxl would read and write by it.
os.environ["OPENPYXL_LXML"] = "False"


_WINDOW_SECONDS, _CLEAR_SECONDS, _BUSY_SECONDS = 600, 6, 30


@pytest.fixture
def sandbox() -> Iterator[Running]:
    """Run a fresh vendor in a thread of its own, on a free port of loopback.

    `sandbox.endpoint` is for the client (AppCode "sandbox"), `sandbox.bill` says what was asked and what it costs,
    `sandbox.vendor` takes faults (`script_faults`), packages (`top_up`, `set_quota`) and time (`advance`).
    """
    with running() as vendor:
        yield vendor


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a home that does not exist yet, and keep this machine's own settings out of the test."""
    for name in list(os.environ):
        if name.upper().startswith("BATCHVERIFY_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def desk(sandbox: Running, home: Path, tmp_path: Path) -> Desk:
    """Give a desk: it writes sheets into `tmp_path`, asks the sandbox, and checks the sums of every summary."""
    return Desk(folder=tmp_path, home=home, endpoint=sandbox.endpoint)


@pytest.fixture
def verify(desk: Desk):
    """Verify rows (or a sheet) against the sandbox: `verify(rows)` gives the summary and the rows of the result."""
    return desk.verify


@pytest.fixture
def within_a_window() -> None:
    """Wait until none of the vendor's 10-minute windows begins or ends for half a minute.

    For real processes, whose clock is the real one: asks within 5 s of an edge join two windows, and tests of one window would be
    about another thing.
    """
    since = (time.time() - 1) % _WINDOW_SECONDS
    if not _CLEAR_SECONDS < since < _WINDOW_SECONDS - _BUSY_SECONDS:
        time.sleep((_CLEAR_SECONDS - since) % _WINDOW_SECONDS)
