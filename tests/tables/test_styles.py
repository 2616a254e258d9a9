"""Our looks in a workbook of ours, and behind the user's own."""

from __future__ import annotations

import io

import openpyxl
import pytest
from openpyxl.styles import Font

from batchverify.model import RowStatus
from batchverify.tables.sheet_xml import NotPlain
from batchverify.tables.styles import Look, extended_styles, look_of, own_styles


def their_styles() -> bytes:
    from zipfile import ZipFile

    book = openpyxl.Workbook()
    book.active["A1"].font = Font(name="Arial", bold=True)
    buffer = io.BytesIO()
    book.save(buffer)
    with ZipFile(buffer) as archive:
        return archive.read("xl/styles.xml")


def test_every_look_has_a_place():
    _, looks = own_styles()

    assert set(looks) == set(Look)
    assert {look_of(status) for status in RowStatus} <= set(Look)


def test_their_formats_keep_their_bytes_and_their_numbers():
    theirs = their_styles()

    ours, looks = extended_styles(theirs)

    formats = theirs[theirs.index(b"<cellXfs") : theirs.index(b"</cellXfs>")].split(b">", 1)[1]
    assert formats in ours
    assert min(looks.values()) == formats.count(b"<xf ")
    assert f'count="{formats.count(b"<xf ") + len(Look)}"'.encode() in ours[ours.index(b"<cellXfs") :]


def test_a_second_time_adds_nothing():
    once, looks = extended_styles(their_styles())

    assert extended_styles(once) == (once, looks)


@pytest.mark.parametrize(
    "styles",
    [
        b"<styleSheet/>",
        b"<x:styleSheet><x:fonts></x:fonts></x:styleSheet>",
        b"<styleSheet><!-- --><fonts><font/></fonts></styleSheet>",
    ],
)
def test_styles_that_are_not_plain_are_left_alone(styles):
    with pytest.raises(NotPlain, match="no list of 'fonts' to append to"):
        extended_styles(styles)
