"""One more file for each status that occurs, beside the result: what somebody has to fix goes to one, what matched to another.

The one thing to know: only what is ours and unchanged is replaced or taken away. A file that somebody has edited, that was there
before, or that was given to `rerun` since, stays, and ours gets another name.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from batchverify.errors import InputError
from batchverify.job.annotate import Annotation, Counts
from batchverify.job.options import Options
from batchverify.job.ours import holds, replaceable
from batchverify.model import RowStatus
from batchverify.tables.protected import Protection
from batchverify.tables.writer import Written, write_some

_LAST_SPARE = 99


def split_by_status(
    annotation: Annotation, result: Path, *, options: Options, protection: Protection | None, now: datetime
) -> list[Written]:
    """Write the rows of each status to a file of their own and note it in the ledger; after a whole pass over `annotation`.

    Files of ours for statuses that no longer occur are taken away.
    """
    realm, job = annotation.realm, annotation.scope.job
    ours = replaceable(realm, job)
    written = []
    for status in RowStatus:
        if not annotation.counts.statuses[status]:
            continue
        # A pass of its own for each: the sheet is read again, and nothing of it has to be kept.
        again = replace(annotation, counts=Counts(), cost_by=None)
        one = write_some(
            annotation.lines.table,
            ((record, outcome) for record, outcome in again if outcome is not None and outcome.status is status),
            _place_of(result, status, ours),
            lang=options.delivery.lang,
            simulated=realm.simulated,
            columns=annotation.lines.columns,
            mask=options.delivery.mask,
            protection=protection,
        )
        realm.ledger.record_output(job, path=str(one.path.resolve()), sha256=one.sha256, now=now)
        written.append(one)
    _sweep(result, ours, kept={one.path.resolve() for one in written})
    return written


def _place_of(result: Path, status: RowStatus, ours: Mapping[str, str]) -> Path:
    for name in _names(result, status):
        path = result.with_name(name)
        if not os.path.lexists(path) or holds(path, ours.get(str(path.resolve()))):
            return path
    raise InputError(f"There are a hundred files beside {result.name!r} for the rows that are {status} already. Move them away.")


def _names(result: Path, status: RowStatus) -> list[str]:
    """The names a file of a status may have.

    >>> _names(Path("people.verified.xlsx"), RowStatus.MATCHED)[:2]
    ['people.verified.matched.xlsx', 'people.verified.matched-2.xlsx']
    """
    suffix = ".xlsx" if result.suffix.lower() == ".xlsm" else result.suffix
    return [f"{result.stem}.{status}{number}{suffix}" for number in ("", *(f"-{spare}" for spare in range(2, _LAST_SPARE + 1)))]


def _sweep(result: Path, ours: Mapping[str, str], *, kept: Collection[Path]) -> None:
    names = {name for status in RowStatus for name in _names(result, status)}
    folder = result.parent.resolve()
    for path, sha256 in ((Path(path), sha256) for path, sha256 in ours.items()):
        if path.parent == folder and path.name in names and path not in kept and holds(path, sha256):
            path.unlink(missing_ok=True)
