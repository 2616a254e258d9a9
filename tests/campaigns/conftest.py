"""A vendor process and a desk for every test that needs real ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.campaigns.processes import Desk, VendorProcess


@pytest.fixture
def vendor() -> Iterator[VendorProcess]:
    """Run a fresh sandbox process that answers after 20 ms."""
    with VendorProcess("--latency-ms", "20") as process:
        yield process


@pytest.fixture
def desk(tmp_path, vendor) -> Desk:
    """Set up a folder and a home whose commands ask the test's vendor."""
    return Desk(folder=tmp_path, vendor=vendor)
