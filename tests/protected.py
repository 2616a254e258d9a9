"""Workbooks with a password as others make them, and what is in ours as a stranger would look.

The one thing to know: no program here writes old workbooks with a password, so that one is spelled record by record as MS-XLS says.
"""

from __future__ import annotations

import hashlib
import struct
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import msoffcrypto
import olefile
from msoffcrypto.format.ooxml import OOXMLFile
from msoffcrypto.method.ecma376_agile import ECMA376Agile
from msoffcrypto.method.rc4 import DocumentRC4

PASSWORD = "秘密 Pass-7731"

_BOF, _FILE_PASS, _BOUND_SHEET, _WRITE_ACCESS, _INTERFACE_HEADER = 0x0809, 0x002F, 0x0085, 0x005C, 0x00E1
_NEVER_ENCRYPTED = {_BOF, _FILE_PASS, _INTERFACE_HEADER}
_SALT = bytes(range(16))


def protect(path: Path, password: str = PASSWORD, *, rounds: int | None = None) -> Path:
    """Put a password on a workbook where it lies, as Excel does; `rounds` make it quicker or slower to open."""
    if path.stat().st_size < 4096:  # the writer spoils what is smaller
        with ZipFile(path, "a") as zipped:
            zipped.comment = b" " * 4096
    plain = path.read_bytes()
    if rounds is None:
        out = BytesIO()
        OOXMLFile(BytesIO(plain)).encrypt(password, out)
        path.write_bytes(out.getvalue())
    else:
        path.write_bytes(ECMA376Agile.encrypt(password, BytesIO(plain), spin_count=rounds))
    return path


def opened(path: Path, password: str = PASSWORD) -> BytesIO:
    """Give what is in a protected workbook, whose every byte is as it was written."""
    with path.open("rb") as file:
        book = msoffcrypto.OfficeFile(file)
        assert book.is_encrypted()
        book.load_key(password=password, verify_password=True)
        plain = BytesIO()
        book.decrypt(plain, verify_integrity=True)
    return BytesIO(plain.getvalue())


def plain_copy(path: Path, password: str = PASSWORD) -> Path:
    """Write what is in a protected workbook beside it, to be read by whoever knows no passwords."""
    copy = path.with_name(f"plain-{path.name}")
    copy.write_bytes(opened(path, password).getvalue())
    return copy


def protect_old(path: Path, password: str = PASSWORD) -> Path:
    """Put a password on an old workbook where it lies: RC4 over each record's body (MS-XLS 2.2.10)."""
    with olefile.OleFileIO(path) as container:
        stream = container.openstream("Workbook").read()
    records, position = [], 0
    while position + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, position)
        body = stream[position + 4 : position + 4 + size]
        if kind == _WRITE_ACCESS and size == 112:  # its place is taken, so that nothing behind it moves
            records.insert(1, (_FILE_PASS, _file_pass(password)))
            records.append((_WRITE_ACCESS, body[:54]))
        else:
            records.append((kind, body))
        position += 4 + size
    key_stream = DocumentRC4.decrypt(password, _SALT, BytesIO(bytes(len(stream))), blocksize=1024).getvalue()
    spelled = bytearray()
    for kind, body in records:
        spelled += struct.pack("<HH", kind, len(body))
        clear = len(body) if kind in _NEVER_ENCRYPTED else 4 if kind == _BOUND_SHEET else 0
        start = len(spelled)
        spelled += body[:clear] + bytes(a ^ b for a, b in zip(body[clear:], key_stream[start + clear :], strict=False))
    with olefile.OleFileIO(path, write_mode=True) as container:
        container.write_stream("Workbook", bytes(spelled) + stream[len(spelled) :])
    return path


def _file_pass(password: str) -> bytes:
    verifier = bytes(range(16, 32))
    key_stream = DocumentRC4.decrypt(password, _SALT, BytesIO(bytes(32)), blocksize=1024).getvalue()
    spelled = bytes(a ^ b for a, b in zip(verifier + hashlib.md5(verifier).digest(), key_stream, strict=True))
    return struct.pack("<HHH", 1, 1, 1) + _SALT + spelled
