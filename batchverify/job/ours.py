"""Which files a job may write over or take away: what it wrote itself, unchanged since, and that no other job reads.

The one thing to know: a result that was dropped in again is an input. Written over, its own job could never be gone on with or
drawn again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from batchverify.errors import InputError
from batchverify.job.realm import Realm


def holds(path: Path, sha256: str | None) -> bool:
    """Tell whether a file is still what we wrote. What is no plain file, or cannot be read, is not."""
    try:
        if sha256 is None or not path.is_file():
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


def replaceable(realm: Realm, job: str) -> Mapping[str, str]:
    """The files that a job wrote by their resolved paths, each with the SHA-256 it must still have to be written over."""
    read = {(one.spec.path, one.spec.sha256) for one in realm.ledger.jobs() if one.id != job}
    ours = ((output.path, output.sha256) for output in realm.ledger.outputs(job))
    return {path: sha256 for path, sha256 in ours if (path, sha256) not in read}


def refuse_what_another_reads(path: Path, realm: Realm, job: str) -> None:
    """Refuse to write onto a file that is the input of another job, as it lies there.

    Raises:
        InputError: It is; the message names that job.
    """
    place = str(path.resolve())
    for one in realm.ledger.jobs():
        if one.id != job and one.spec.path == place and holds(path, one.spec.sha256):
            raise InputError(
                f"{path.name!r} is what the job {one.id} reads, and would be lost to it. Name another with --output."
            )
