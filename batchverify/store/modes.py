"""Whether what lies in a home is its owner's alone: files that others may read, links that lead out of it, somebody else's files.

The one thing to know: a home is a closed folder, so a loose file in it is not yet read by anybody. It is one `chmod` of the folder,
one copy to a shared disk or one restored backup away from it, and so it is told before anything is asked.

On Windows the modes mean nothing: the folder inherits the access list of the user's profile.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from batchverify.errors import HomeError

#: Files with something of a person or a secret in them, with what SQLite and we put beside them.
_OURS = re.compile(r"(ledger\.sqlite|master\.key|appcode|profiles\.json|people\.json|cache\.db)([-.].*)?")
#: Folders with nothing but such files, and those that must be closed whatever is in them.
_FULL_OF_OURS = ("cache", "certificates")
_CLOSED = ("cache", "certificates", "desk", "locks", "sandbox", "tmp")
#: Written by hand, so others may read it, for it is in a closed folder. Writing it is choosing who is asked.
_BY_HAND = "config.toml"
_OTHERS, _OTHERS_WRITE = 0o077, 0o022


def refuse_loose(home: Path) -> None:
    """Refuse a home with a file that is not its owner's alone, or that is a link.

    Raises HomeError with the remedy. Nothing was sent.
    """
    for fault, is_loose in _faults(home, within=False):
        remedy = (
            f"Close it with `chmod -R go= {home}`."
            if is_loose
            else "Put the file itself there, or choose another home with --home."
        )
        raise HomeError(f"{fault} {remedy} Nothing was sent.")


def loose_files(home: Path) -> list[str]:
    """Say what in a whole home is not its owner's alone, however deep it lies."""
    return [fault for fault, _ in _faults(home, within=True)]


def _faults(home: Path, *, within: bool) -> Iterator[tuple[str, bool]]:
    """Walk the faults, each with whether a mode mends it. `within`: every file, else those that a start has to look at."""
    if os.name == "nt":  # pragma: no cover - see above
        return
    folders = [home]
    while folders:
        folder = folders.pop()
        with suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # whoever else is at it has just taken it away
                    found = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(found.st_mode) and (within or _is_looked_into(home, folder, entry.name)):
                        folders.append(Path(entry.path))
                    if fault := _fault(Path(entry.path), found, is_ours=within or _is_ours(home, folder, entry.name)):
                        yield fault


def _is_looked_into(home: Path, folder: Path, name: str) -> bool:
    return name in _FULL_OF_OURS or (folder == home and name == "sandbox")


def _is_ours(home: Path, folder: Path, name: str) -> bool:
    return (folder != home and folder.name in _FULL_OF_OURS) or name in {*_CLOSED, _BY_HAND} or bool(_OURS.fullmatch(name))


def _fault(path: Path, found: os.stat_result, *, is_ours: bool) -> tuple[str, bool] | None:
    if not is_ours:
        return None
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        return f"{str(path)!r} is a link or no file at all, and leads out of the home.", False
    if found.st_uid != os.geteuid():
        return f"{str(path)!r} belongs to another user.", False
    mode = stat.S_IMODE(found.st_mode)
    if mode & (_OTHERS_WRITE if path.name == _BY_HAND else _OTHERS):
        return f"Others may read or change {str(path)!r} (mode {mode:04o}).", True
    return None
