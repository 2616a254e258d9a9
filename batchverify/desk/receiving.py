"""A spreadsheet that comes in: written to its folder block by block, counted and hashed, and a case once it is whole.

The one thing to know: the name it came with is the user's word and is kept, but never as a path. Nothing of it is read before all
of it is there, and nothing is there before it fits.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import unicodedata
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import BinaryIO, Self

from batchverify.desk.shapes import Case
from batchverify.errors import InputError
from batchverify.store.cases import CaseFolder, CaseFolders
from batchverify.store.files import home_errors, sync_folder

_LONGEST_NAME_BYTES = 180
_LONGEST_SUFFIX = 6
_NO_NAME = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)
_REMEDY = "Free space there, or serve another home with --home. Nothing was sent."
_MOST_KEY_LENGTH = 200


def case_id(token: bytes) -> str:
    """Spell the id of a case from 16 random bytes and a little more: nobody guesses it.

    >>> case_id(bytes(17))
    'c-aaaaaaaaaaaaaaaaaaaaaaaaaa'
    """
    return "c-" + base64.b32encode(token).decode("ascii").lower()[:26]


def safe_name(name: str) -> str:
    r"""A name that every system takes as one of a file, and that steers no terminal.

    >>> safe_name("../../etc/名单.xlsx"), safe_name("C:\\tmp\\a<b>.csv"), safe_name("..."), safe_name("con.csv")
    ('名单.xlsx', 'a_b_.csv', 'upload', '_con.csv')
    """
    text = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    text = "".join(one for one in text if unicodedata.category(one) not in {"Cc", "Cf", "Cs", "Zl", "Zp"})
    text = _NO_NAME.sub("_", text).strip(" .") or "upload"
    if _RESERVED.match(text):
        text = f"_{text}"
    _, dot, suffix = text.rpartition(".")
    end = f"{dot}{suffix}" if dot and len(suffix) <= _LONGEST_SUFFIX else ""
    room = _LONGEST_NAME_BYTES - len(end.encode())
    short = text.removesuffix(end).encode()[:room].decode(errors="ignore").strip(" .") or "upload"
    return short + end


class Receipt:
    """An upload under way. `finish` makes a case of it; leaving the block without it leaves nothing behind.

    `made` is given the folder, the name, the SHA-256 in hex and the size, and makes the case, or gives the one there is.
    """

    def __init__(
        self, name: str, folders: CaseFolders, *, token: bytes, most_bytes: int, made: Callable[[CaseFolder, str, str, int], Case]
    ) -> None:
        self.name = safe_name(name)
        self.size_bytes = 0
        self._most_bytes = most_bytes
        self._made = made
        self._digest = hashlib.sha256()
        self._folder = folders.new(case_id(token))
        self._path = self._folder.files / self.name
        self._file: BinaryIO | None
        with self._told():
            self._path.touch(mode=0o600, exist_ok=False)
            self._file = self._path.open("r+b")

    def write(self, block: bytes) -> None:
        """Take the next bytes.

        Raises:
            InputError: It is larger than this server takes. Nothing of it is kept.
            HomeError: The disk gives up.
        """
        self.size_bytes += len(block)
        if self.size_bytes > self._most_bytes:
            self.abort()
            raise InputError(
                f"{self.name} is larger than the {self._most_bytes >> 20} MB that this server takes. Split it into several files, "
                "or raise the setting 'upload_mib'. Nothing was sent."
            )
        self._digest.update(block)
        with self._told():
            self._open().write(block)

    def finish(self) -> Case:
        """Make a case of it, which is durable when this returns.

        Raises:
            InputError: Nothing came, or the same idempotency key stands for another file.
            HomeError: The disk gives up.
        """
        if not self.size_bytes:
            self.abort()
            raise InputError(f"{self.name} is empty. Was it saved before it was sent?")
        with self._told():
            file = self._open()
            file.flush()
            os.fsync(file.fileno())
            file.close()
            sync_folder(self._folder.files)
        self._file = None
        try:
            case = self._made(self._folder, self.name, self._digest.hexdigest(), self.size_bytes)
        except BaseException:
            self.abort()
            raise
        if case.id != self._folder.id:
            self.abort()
        return case

    def abort(self) -> None:
        """Leave nothing behind. After `finish` it does nothing."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if not self._folder.exists:
            shutil.rmtree(self._folder.path, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()

    def _open(self) -> BinaryIO:
        if self._file is None:
            raise InputError(f"The upload of {self.name} has ended already.")
        return self._file

    def _told(self) -> AbstractContextManager[None]:
        return home_errors("Receiving into", self._folder.files, remedy=_REMEDY)


def check_key(key: str) -> str:
    """Refuse an idempotency key that is none: too long, or not plain text."""
    if len(key) > _MOST_KEY_LENGTH or not key.isprintable():
        raise InputError(f"An idempotency key has at most {_MOST_KEY_LENGTH} characters that can be printed. Nothing was sent.")
    return key
