"""The command line as a user has it: real processes, one vendor process for all tests, a desk for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.campaigns.processes import Desk, VendorProcess


@pytest.fixture(scope="session")
def one_vendor() -> Iterator[VendorProcess]:
    """Run a sandbox process for as long as the tests of a worker last."""
    with VendorProcess() as process:
        yield process


@pytest.fixture
def vendor(one_vendor) -> VendorProcess:
    """Give the vendor with an empty bill, no latency and no faults."""
    one_vendor.post("reset", {})
    return one_vendor


@pytest.fixture
def desk(tmp_path, vendor) -> Desk:
    """Set up a folder and a home whose commands ask the test's vendor."""
    return Desk(folder=tmp_path, vendor=vendor)
