"""Fixtures that every part uses: the vendor in miniature as the referee."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from batchverify.sandbox import Running, running


@pytest.fixture
def sandbox() -> Iterator[Running]:
    """Run a fresh vendor in a thread of its own, on a free port of loopback.

    `sandbox.endpoint` is for the client (AppCode "sandbox"), `sandbox.bill` says what was asked and what it costs,
    `sandbox.vendor` takes faults (`script_faults`), packages (`top_up`, `set_quota`) and time (`advance`).
    """
    with running() as vendor:
        yield vendor
