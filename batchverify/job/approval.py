"""A second person approves what may be paid for: a plan is shown, approved by its hash, and then it alone is run.

The one thing to know: what is approved is the input, the way it is asked, at most so many asks at at most such a price. Fewer
asks are within it, for answers may have come meanwhile; what was spent under it is used up, by whichever run.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from batchverify.errors import InputError, SettingsError
from batchverify.job.clock import SystemClock
from batchverify.job.options import Bounds
from batchverify.job.plan import Plan
from batchverify.job.realm import Realm, open_realm
from batchverify.rules.prices import yuan
from batchverify.settings import Settings
from batchverify.store.ledger.approving import Planned


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """A plan that may now be run. `is_new` is False where it had been approved before."""

    hash: str
    name: str
    asks: int
    again: int
    worst_price: Decimal
    operator: str
    at: datetime
    is_new: bool


def note_plan(plan: Plan, realm: Realm, settings: Settings, *, operator: str) -> None:
    """Write down that a plan was shown, so that it can be approved by its hash."""
    realm.ledger.approvals().note(
        Planned(
            hash=plan.digest,
            at=realm.clock.now(),
            operator=_named(operator or settings.operator),
            identity=plan.identity,
            name=plan.name,
            asks=plan.asks,
            unit_price=plan.unit_price,
            again=len(plan.release),
        )
    )


def approve_plan(plan: str, *, home: Path, settings: Settings, clock: SystemClock) -> Approved:
    """Approve a plan of this home as the operator that the settings name.

    Raises:
        InputError: There is no such plan, or its planner is who approves. Nothing was approved.
        SettingsError: Nobody is named who approves.
    """
    operator = _named(settings.operator)
    if not operator:
        raise SettingsError("Nobody is named who approves. Add --operator NAME. Nothing was approved.")
    for simulated in (False, True):
        with open_realm(home, simulated=simulated, clock=clock) as realm:
            found = realm.ledger.approvals().planned(plan.strip().lower())
            if found is not None:
                return _approve(found, realm, settings, operator=operator)
    raise InputError(
        f"There is no plan {plan!r} in this home. `batchverify plan FILE` shows the hash of one. Nothing was approved."
    )


def is_same_person(one: str, other: str) -> bool:
    """Tell whether two names are spellings of one.

    >>> is_same_person("Wang  Fang", "ｗang fang"), is_same_person("", "")
    (True, False)
    """
    return _named(one) == _named(other) != ""


def within_approval(bounds: Bounds, plan: Plan, realm: Realm, settings: Settings, *, operator: str) -> Bounds:
    """The bounds of a run under the approval that they name: its asks are the cap, less what was spent under it.

    A plan that may not run without one is noted with its hash, for of some, such as that of a corrected file, there is no other.

    Raises:
        InputError: The plan is not what was approved, or goes beyond it. Nothing was sent.
        SettingsError: The setting demands an approval and none is named.
    """
    if bounds.approved is None:
        if settings.approval and (plan.asks or plan.locked):
            note_plan(plan, realm, settings, operator=operator)
            raise SettingsError(
                f"The setting 'approval' demands a plan that another person has approved. This one is {plan.digest}: have it approved "
                f"with `batchverify approve {plan.digest} --operator NAME`, and add --approved {plan.digest}. Nothing was sent."
            )
        return bounds
    word = bounds.approved.strip().lower()
    book = realm.ledger.approvals()
    found = book.planned(word)
    if found is None or found.approved_by is None:
        what = "is not approved" if found is not None else "is unknown to this home"
        raise InputError(
            f"The plan {word!r} {what}. `batchverify approve HASH --operator NAME` approves what `batchverify plan` has shown. "
            "Nothing was sent."
        )
    if reason := _changed(found, plan, used=book.used(word)):
        note_plan(plan, realm, settings, operator=operator)
        raise InputError(
            f"The plan {word} was approved by {found.approved_by}, and {reason}. As it is now it is the plan {plan.digest}. Have that "
            "approved. Nothing was sent."
        )
    left = found.asks - book.used(word)
    return replace(bounds, approved=word, max_asks=left if bounds.max_asks is None else min(left, bounds.max_asks))


def _changed(approved: Planned, plan: Plan, *, used: int) -> str:
    """Say in what a plan differs from what was approved, "" where it is within it."""
    if plan.identity != approved.identity:
        return "the input, its columns, the product or another choice has changed since"
    if len(plan.release) > approved.again:
        return f"{len(plan.release):,} of its asks may have been billed already, of which {approved.again:,} were approved"
    if plan.unit_price > approved.unit_price:
        return f"the price has gone up since, from ¥{yuan(approved.unit_price)} to ¥{yuan(plan.unit_price)}"
    if plan.asks > approved.asks - used:
        spent = f", of which {used:,} are used up" if used else ""
        return f"it has {plan.asks:,} asks now; {approved.asks:,} were approved{spent}"
    return ""


def _approve(found: Planned, realm: Realm, settings: Settings, *, operator: str) -> Approved:
    if found.operator == operator:
        raise InputError(
            f"{operator} has planned it, and nobody approves what they planned. Ask somebody else. Nothing was approved."
        )
    if settings.approval and not found.operator:
        raise InputError(
            "Nobody knows who planned it, so nobody knows whether it is somebody else who approves. Plan it again with --operator NAME. "
            "Nothing was approved."
        )
    book = realm.ledger.approvals()
    book.approve(found.hash, operator=operator, now=realm.clock.now())
    now = book.planned(found.hash) or found
    return Approved(
        hash=found.hash,
        name=found.name,
        asks=found.asks,
        again=found.again,
        worst_price=found.asks * found.unit_price,
        operator=now.approved_by or operator,
        at=now.approved_at or realm.clock.now(),
        is_new=found.approved_by is None,
    )


def _named(operator: str) -> str:
    """One spelling of a name: nobody becomes a second person by another case, another width, a space or what cannot be seen."""
    seen = "".join(one for one in unicodedata.normalize("NFKC", operator) if unicodedata.category(one) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", seen.casefold()).split())
