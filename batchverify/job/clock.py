"""The system's clock: the one place where time comes from."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from batchverify.store.home import boot_id


class SystemClock:
    """Wall time for people and the vendor's windows, monotonic time for deadlines, rates and leases."""

    def __init__(self) -> None:
        self.boot = boot_id()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
