"""What a run was done with and its result is drawn by, kept with the run: whoever is asked, and the settings that are shown.

The one thing to know: a result is drawn again from these, never from today's settings, so that it has the same bytes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import timedelta

from batchverify.settings import Settings
from batchverify.store.ledger import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """`endpoint` is the setting as it stood, `endpoint_host` whom it came to; of the built-in sandbox, only the latter says."""

    endpoint: str
    endpoint_host: str
    lock_minutes: int
    low_percent: int

    @classmethod
    def now(cls, settings: Settings, *, endpoint_host: str) -> Terms:
        """The terms of a run that begins."""
        return cls(
            endpoint=settings.endpoint,
            endpoint_host=endpoint_host,
            lock_minutes=settings.lock_minutes,
            low_percent=settings.low_balance_percent,
        )

    @classmethod
    def of(cls, run: Run, settings: Settings) -> Terms:
        """The terms of a run that was begun; of one that kept none, today's."""
        kept = json.loads(run.spec.terms)
        return cls(**asdict(cls.now(settings, endpoint_host="")) | kept)

    def as_json(self) -> str:
        """The terms as the ledger keeps them."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def lock(self) -> timedelta:
        """How long a 203 locks an ID number."""
        return timedelta(minutes=self.lock_minutes)
