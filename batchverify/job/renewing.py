"""A new key for a home: answers are encrypted anew, codes wrapped anew, and what lies under the old key is gone from its files.

The one thing to know: there are three steps, and whoever dies between two of them leaves a home that works: the new key is added to
the key file; ledger and mark change in one transaction; the old key goes. Doing it again takes up where that ended.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from batchverify.job.realm import Realm, open_realm
from batchverify.job.session import Session
from batchverify.store.home import Home
from batchverify.store.key_ring import KEY_BYTES, KeyRing, read_ring, write_ring
from batchverify.store.ledger.renewing import Renewed
from batchverify.store.vault import Asked, Vault

_LOCK = "renew-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A realm that has a new key. `had_begun`: an earlier renewal had come as far as the ledger, and was finished here.

    `is_scrubbed` is False where another process kept old bytes alive: then doing it again finishes it.
    """

    simulated: bool
    codes: int
    answers: int
    had_begun: bool
    is_scrubbed: bool


def renew_keys(session: Session, *, random: Callable[[int], bytes] = os.urandom) -> list[NewKey]:
    """Renew the key of each realm of the home that has one.

    Raises:
        InputError: A run is going on. Nothing of that realm was changed.
        HomeError: Another process is renewing it, an answer does not open, or the home cannot be written.
    """
    home = Home.open(session.home)
    lock = home.hold_lock(_LOCK)
    try:
        there = [simulated for simulated in (False, True) if home.realm(simulated=simulated).key_file.exists()]
        return [_renew(session, simulated=simulated, random=random) for simulated in there]
    finally:
        lock.release()


def is_cut_short(realm: Realm) -> bool:
    """Tell whether a renewal has begun and not ended."""
    return not read_ring(realm.home.realm(simulated=realm.simulated).key_file).is_settled


def _renew(session: Session, *, simulated: bool, random: Callable[[int], bytes]) -> NewKey:
    with open_realm(session.home, simulated=simulated, clock=session.clock) as realm:
        key_file = realm.home.realm(simulated=simulated).key_file
        ring = read_ring(key_file)
        if ring.is_settled:
            ring = ring.begun(random(KEY_BYTES))
            write_ring(key_file, ring)
        had_begun = realm.vault.generation == ring.newest
        renewed = Renewed() if had_begun else _rewrap(realm, ring)
        realm.cache.clear()
        is_scrubbed = all([scrub() for scrub in (realm.ledger.retention().scrub, realm.cache.scrub)])  # noqa: C419 - both of them
        if is_scrubbed:
            write_ring(key_file, ring.settled())
        return NewKey(
            simulated=simulated,
            codes=renewed.codes,
            answers=renewed.answers,
            had_begun=had_begun,
            is_scrubbed=is_scrubbed,
        )


def _rewrap(realm: Realm, ring: KeyRing) -> Renewed:
    vault = Vault.of(ring, ring.newest)
    renewed = realm.ledger.renewal().renew(lambda row: vault.rewrapped(Asked(*row), before=realm.vault), mark=vault.mark)
    realm.ledger.keep_to_vault(vault.mark)
    return renewed
