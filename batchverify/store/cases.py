"""The folders of a desk's cases: what was uploaded, what came out, and one small document about it.

The one thing to know: a folder is a case once its document lies in it, and none any more once it has lost its name. Whatever a
process that died has left between the two is nobody's, and is swept away when a server opens the desk.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from batchverify.errors import HomeError
from batchverify.store.files import home_errors, make_folder, sync_folder, write_synced
from batchverify.store.home import Realm

_DOCUMENT = "case.json"
_FILES = "files"
_GONE = "gone-"
_UNDER_WAY = frozenset({"queued", "asking"})
_ID = re.compile("c-[a-z2-7]{26}")
_REMEDY = "Free space there or make it writable, or choose another home with --home."


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFolder:
    """The private folder of one case. `files` holds what was uploaded and what came out."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def files(self) -> Path:
        return self.path / _FILES

    @property
    def exists(self) -> bool:
        """True once there is a case, and until it is taken away."""
        return (self.path / _DOCUMENT).is_file()

    @property
    def touched_at(self) -> datetime:
        """When the case was changed last."""
        return datetime.fromtimestamp((self.path / _DOCUMENT).stat().st_mtime, tz=UTC)

    @property
    def size_bytes(self) -> int:
        """How much lies in it."""
        return sum(path.stat().st_size for path in self.files.glob("*") if path.is_file())

    @property
    def is_under_way(self) -> bool:
        """True where it is asked, or will be without another word of anybody."""
        try:
            return self.read().get("stage") in _UNDER_WAY
        except HomeError:
            return False

    @property
    def is_damaged(self) -> bool:
        """True where the document cannot be read."""
        try:
            self.read()
        except HomeError:
            return self.exists
        return False

    def read(self) -> dict[str, Any]:
        """The document. Raises HomeError where it cannot be read."""
        path = self.path / _DOCUMENT
        try:
            found = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise HomeError(
                f"The job's document {str(path)!r} cannot be read ({type(error).__name__}). Look with `batchverify doctor`."
            ) from None
        if not isinstance(found, dict):
            raise HomeError(f"The job's document {str(path)!r} is damaged. Look with `batchverify doctor`.")
        return found

    def write(self, document: Mapping[str, Any]) -> None:
        """Write the document whole: it is the old one or the new one at every instant. Raises HomeError."""
        path = self.path / _DOCUMENT
        draft = self.path / f"{_DOCUMENT}.new"
        with home_errors("Writing", path, remedy=_REMEDY):
            draft.unlink(missing_ok=True)
            write_synced(draft, json.dumps(document, ensure_ascii=False, indent=1).encode())
            os.replace(draft, path)  # noqa: PTH105 - over the older one, on every system
            sync_folder(self.path)

    def remove(self) -> None:
        """Take all of it away. It is no case from the first instant on. Raises HomeError."""
        with home_errors("Removing", self.path, remedy="Close what has it open, and do the same again."):
            gone = self.path.with_name(f"{_GONE}{self.id}")
            self.path.rename(gone)
            shutil.rmtree(gone)
            sync_folder(gone.parent)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFolders:
    """All cases of one realm of a home."""

    path: Path

    @classmethod
    def of(cls, realm: Realm) -> Self:
        """The folders of a realm, whether there are any or not."""
        return cls(path=realm.folder / "desk")

    def __iter__(self) -> Iterator[CaseFolder]:
        if not self.path.is_dir():
            return
        for path in sorted(self.path.iterdir()):
            folder = CaseFolder(path=path)
            if _ID.fullmatch(path.name) and folder.exists:
                yield folder

    def find(self, name: str) -> CaseFolder | None:
        """The folder of a case; None for one that is unknown, whatever the name spells."""
        if not _ID.fullmatch(name):
            return None
        folder = CaseFolder(path=self.path / name)
        return folder if folder.exists else None

    def new(self, name: str) -> CaseFolder:
        """Make the folder of a case to be. Raises HomeError."""
        folder = CaseFolder(path=self.path / name)
        with home_errors("Creating the folder", folder.path, remedy=_REMEDY):
            make_folder(self.path, mode=0o700)
            folder.path.mkdir(mode=0o700)
            folder.files.mkdir(mode=0o700)
        return folder

    def sweep(self) -> None:
        """Take away what is no case, and what was being written in one: nobody else may be at it. Raises HomeError."""
        if not self.path.is_dir():
            return
        with home_errors("Sweeping", self.path, remedy=_REMEDY):
            for path in self.path.iterdir():
                if path.is_dir() and not path.is_symlink() and (path.name.startswith(_GONE) or not CaseFolder(path=path).exists):
                    shutil.rmtree(path)
            for folder in self:
                for draft in folder.path.glob("*.new"):
                    draft.unlink(missing_ok=True)
