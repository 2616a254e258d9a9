"""The rooms that a job needs, opened together: ledger, cache and keys of one realm of one home.

The one thing to know: opening a realm also recovers it. Whatever a dead process left open is in doubt from then on, and
never asked again by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from batchverify.errors import HomeError
from batchverify.job.clock import SystemClock
from batchverify.model import Attempt
from batchverify.store.cache import Cache
from batchverify.store.home import Home
from batchverify.store.ledger import Ledger
from batchverify.store.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Realm:
    """One ledger and what belongs to it. `simulated` is the sandbox's, whose answers mean nothing."""

    home: Home
    ledger: Ledger
    cache: Cache
    vault: Vault
    clock: SystemClock
    simulated: bool

    def remember(self, answered: Sequence[Attempt]) -> None:
        """Copy settled answers into the cache. Only ever after the ledger has them."""
        self.cache.put_many(list(answered))


@contextmanager
def open_realm(folder: Path, *, simulated: bool, clock: SystemClock) -> Iterator[Realm]:
    """Open a home's realm, making it where there is none.

    Raises:
        HomeError: The home is full, read-only, open to others, or its ledger or key is damaged. Nothing was sent.
    """
    with ExitStack() as stack:
        home = Home.open(folder)
        place = home.realm(simulated=simulated)
        if place.key_file.exists() and not place.ledger.exists():
            # The ledger is always made before its key. A new one would know nothing of what was paid or is in doubt.
            raise HomeError(
                f"The ledger {str(place.ledger)!r} is gone, and its key is still there. Nothing was sent. "
                "Put back a copy of it; a new one would forget what was already paid."
            )
        ledger = stack.enter_context(Ledger.open(place.ledger, simulated=simulated))
        vault = Vault.open(place.key_file, ledger=ledger)
        cache = stack.enter_context(Cache.open(place.cache, vault=vault))
        ledger.recover(now=clock.now(), monotonic=clock.monotonic(), boot=clock.boot, is_dead=home.is_dead)
        yield Realm(home=home, ledger=ledger, cache=cache, vault=vault, clock=clock, simulated=simulated)
