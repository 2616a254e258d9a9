"""Copies of sheets that a desk keeps: which are old, and which speak of somebody who is to be forgotten.

The one thing to know: an upload is a copy, and so is what came out of it; its owner has both. So where nobody can tell whether a file
speaks of a person, because it cannot be read, it goes, too.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

from batchverify.errors import BatchVerifyError, HomeError
from batchverify.job.realm import Realm
from batchverify.model import CellValue
from batchverify.store.cases import CaseFolder, CaseFolders
from batchverify.tables.cell_xml import plain_text
from batchverify.tables.passwords import Passwords
from batchverify.tables.reader import open_table

#: The lock that a server holds on its home.
SERVER_LOCK = "desk"
_SHORTEST_NUMBER = 12
_BETWEEN = str.maketrans("", "", " \t\r\n\u3000\xa0-_'")


def folders_of(realm: Realm) -> CaseFolders:
    """The cases of a realm."""
    return CaseFolders.of(realm.home.realm(simulated=realm.simulated))


def old_cases(realm: Realm, *, before: datetime) -> list[CaseFolder]:
    """The cases that nobody has touched since. What a server has in its queue is none of them."""
    is_served = not realm.home.is_dead(SERVER_LOCK)
    return [folder for folder in folders_of(realm) if folder.touched_at <= before and not (is_served and folder.is_under_way)]


def cases_about(realm: Realm, numbers: Collection[str], passwords: Passwords) -> list[CaseFolder]:
    """The cases whose sheet has one of these numbers in any cell of any of its sheets, or cannot be read."""
    return [folder for folder in folders_of(realm) if _may_hold(folder, numbers, realm, passwords)]


def others(files: Sequence[str], folders: Sequence[CaseFolder]) -> tuple[str, ...]:
    """The files that do not go with these cases."""
    going = [folder.path.resolve() for folder in folders]
    return tuple(file for file in files if not any(Path(file).is_relative_to(path) for path in going))


def remove(folders: Sequence[CaseFolder]) -> tuple[str, ...]:
    """Take cases away, with all their files; their ids. Raises HomeError."""
    for folder in folders:
        if folder.exists:
            folder.remove()
    return tuple(folder.id for folder in folders)


def _may_hold(folder: CaseFolder, numbers: Collection[str], realm: Realm, passwords: Passwords) -> bool:
    try:
        path = folder.files / str(folder.read()["name"])
        if not path.is_file():
            return any(folder.files.glob("*"))  # what came out of it may still be there
        with open_table(path, temporary=realm.home.tmp, passwords=passwords) as table:
            names: list[str | None] = [*(entry.name for entry in table.sheets)] or [None]
        return any(_holds(path, name, numbers, realm, passwords) for name in names)
    except HomeError:
        if not folder.exists:
            return False
        raise
    except (BatchVerifyError, LookupError):
        return True


def _holds(path: Path, sheet: str | None, numbers: Collection[str], realm: Realm, passwords: Passwords) -> bool:
    with open_table(path, temporary=realm.home.tmp, passwords=passwords, sheet=sheet) as table:
        return any(_names_one(cell, numbers) for record in table.source.records() for cell in record.cells)


def _names_one(cell: CellValue, numbers: Collection[str]) -> bool:
    text = plain_text(cell)
    if len(text) < _SHORTEST_NUMBER:
        return False
    bare = unicodedata.normalize("NFKC", text).upper().translate(_BETWEEN)
    return any(number in bare for number in numbers)
