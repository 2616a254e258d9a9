"""A process of its own that takes the password off a workbook, or puts one on: from standard input to standard output.

The one thing to know: it parses what a stranger sent, so it may die of it, and nothing else dies with it. Its memory, time and
output are bound. The first line of standard input is a JSON list of passwords to try, in this order; the rest is the workbook.
The exit code says which of them it was.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from io import BytesIO
from typing import Any
from zipfile import ZipFile

from batchverify.tables.foreign_child import TOO_LARGE, UNREADABLE, bind

#: What the library holds at once is about six times the workbook.
MAX_MEMORY_BYTES = 1 << 30
MAX_CONTENT_BYTES = 128 << 20
#: Exit codes beside those of `foreign_child`. From FIRST on they say which password opened it: FIRST + its place in the list.
WRONG_PASSWORD, NO_ROOM, FIRST = 5, 6, 16
#: The words that say what to do.
OPEN, PROTECT = "open", "protect"

#: The library writes smaller ones so that nothing can read them: what is kept in small blocks, it keeps in large ones.
_SMALLEST_BYTES = 4096
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT}) if hasattr(errno, "EDQUOT") else frozenset({errno.ENOSPC})


def main() -> int:
    """Read, write, and say by the exit code how it ended."""
    passwords = json.loads(sys.stdin.buffer.readline())
    content = BytesIO(sys.stdin.buffer.read())
    bind(MAX_MEMORY_BYTES)
    try:
        if sys.argv[1] == PROTECT:
            result, code = protected(content, passwords[0]), FIRST
        else:
            result, code = opened(content, passwords)
        _write(result)
    except MemoryError:
        return TOO_LARGE
    except OSError as error:
        return NO_ROOM if error.errno in _NO_ROOM else UNREADABLE
    except Exception:  # noqa: BLE001 - a stranger's bytes break a parser in every way there is, and each means the same
        return UNREADABLE
    return code


def opened(content: BytesIO, passwords: list[str]) -> tuple[bytes, int]:
    """Give what is in a protected workbook, and the code of the password that opened it; nothing where none does."""
    import msoffcrypto  # noqa: PLC0415 - what the library takes for itself counts towards the bound, too
    from msoffcrypto.exceptions import InvalidKeyError  # noqa: PLC0415

    for place, password in enumerate(passwords):
        content.seek(0)
        book: Any = msoffcrypto.OfficeFile(content)
        try:
            # Old workbooks always verify it, and do not know the word for it.
            book.load_key(password=password, **({"verify_password": True} if book.format == "ooxml" else {}))
        except InvalidKeyError:
            continue
        plain = BytesIO()
        book.decrypt(plain)
        return plain.getvalue(), FIRST + place
    return b"", WRONG_PASSWORD


def protected(content: BytesIO, password: str) -> bytes:
    """Give the workbook as Excel protects it: AES-256, the key from 100,000 rounds of SHA-512, no two times the same.

    What is given has been opened again: a result that nobody can open is worse than none.
    """
    from msoffcrypto.format.ooxml import OOXMLFile  # noqa: PLC0415

    if len(content.getbuffer()) < _SMALLEST_BYTES:
        with ZipFile(content, "a") as zipped:
            zipped.comment = b" " * _SMALLEST_BYTES
    result = BytesIO()
    OOXMLFile(content).encrypt(password, result)
    if opened(result, [password])[0] != content.getbuffer():
        raise ValueError("What was protected does not open again.")
    return result.getvalue()


def _write(result: bytes) -> None:
    """Write past Python's own buffer, which would try once more at the end and then change the exit code."""
    left = memoryview(result)
    while left:
        left = left[os.write(sys.stdout.fileno(), left) :]


if __name__ == "__main__":
    sys.exit(main())
