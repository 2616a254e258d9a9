"""What a file is, by its content: a workbook of which kind, a parquet file, text, or something that is no table at all.

The one thing to know: the suffix says nothing. Offices call a web page `.xls`, and a workbook that was renamed `.csv`.
"""

from __future__ import annotations

from zipfile import BadZipFile, ZipFile

from batchverify.errors import InputError
from batchverify.tables.snapshot import Snapshot

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PARQUET = b"PAR1"
_FOREIGN = {
    b"%PDF": "a PDF. Export the table from the program that made it, as .xlsx or .csv",
    b"\x89PNG": "a picture. Type the table, or export it from where it came",
    b"\xff\xd8\xff": "a picture. Type the table, or export it from where it came",
    b"GIF8": "a picture. Type the table, or export it from where it came",
    b"Rar!": "an archive. Unpack it and name the spreadsheet in it",
    b"7z\xbc\xaf": "an archive. Unpack it and name the spreadsheet in it",
    b"\x1f\x8b": "an archive. Unpack it and name the spreadsheet in it",
    b"PARE": "an encrypted parquet file. Write it without encryption, or as .csv",
    b"ARROW1": "an Arrow (Feather) file. Write it as parquet or .csv, with every long number as text",
}
# Web systems export HTML or Excel 2003 XML and call it .xls.
_MARKUP = (b"<html", b"<!doctype", b"<table", b"<?xml", b"<meta", b"mime-version")
_BLOCK_BYTES = 1 << 20


def kind_of(snapshot: Snapshot) -> tuple[str, bytes]:
    """Tell xlsx, xls (et is one), xlsb, ods, encrypted ones and parquet apart, "" is none of them; and how the file begins."""
    with snapshot.open() as opened:
        start = opened.read(1024)
    return _kind_of(snapshot, start), start


def _kind_of(snapshot: Snapshot, start: bytes) -> str:
    if start.startswith(_PARQUET):
        return "parquet"
    if start.startswith(_OLE2):
        return "encrypted" if _is_encrypted(snapshot) else "xls"
    if not start.startswith(_ZIP):
        return ""
    # An ods file says what it is in its first bytes, and names come uncompressed in front of each part.
    if b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet" in start:
        return "ods"
    try:
        with ZipFile(snapshot.open()) as zipped:
            return "xlsb" if "xl/workbook.bin" in zipped.namelist() else "xlsx"
    except (BadZipFile, ValueError, NotImplementedError):
        return "xlsx"  # whoever opens it next says what is wrong


def _is_encrypted(snapshot: Snapshot) -> bool:
    """Tell the two apart that share a container: an encrypted xlsx and an old workbook. Names in it are UTF-16."""
    held = b""
    with snapshot.open() as opened:
        while block := opened.read(_BLOCK_BYTES):
            held = held[-64:] + block
            if "EncryptedPackage".encode("utf-16-le") in held:
                return True
    return False


def refuse_foreign(name: str, start: bytes, *, sheet: str | None) -> None:
    """Refuse what is no table of ours by its first bytes, naming the way out."""
    for magic, what in _FOREIGN.items():
        if start.startswith(magic):
            raise InputError(f"{name} is {what}.")
    if start.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_MARKUP):
        raise InputError(f"{name} is a web page or XML, whatever its suffix says. Open it in Excel and save it as .xlsx.")
    if sheet is not None:
        raise InputError(f"{name} is a text file and has no sheets. Leave out --sheet.")
