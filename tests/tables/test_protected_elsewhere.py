"""Passwords of another program: LibreOffice opens what is protected here, and what it protects is opened here."""

import shutil
import subprocess
from xml.sax.saxutils import escape

import pytest
from openpyxl import load_workbook

from batchverify.errors import InputError
from batchverify.model import Secret
from batchverify.tables.passwords import Passwords
from batchverify.tables.placing import place
from batchverify.tables.protected import Protection, protecting
from batchverify.tables.reader import open_table
from tests.protected import PASSWORD
from tests.tables.test_foreign import an_ods
from tests.tables.test_reader import HEADER, PERSON, workbook

_MACRO = """
Sub SaveAs(source As String, password As String, target As String, filter As String, other As String)
 Dim opening(1) As New com.sun.star.beans.PropertyValue
 opening(0).Name = "Hidden" : opening(0).Value = True
 opening(1).Name = "Password" : opening(1).Value = password
 book = StarDesktop.loadComponentFromURL(ConvertToURL(source), "_blank", 0, opening())
 If other = "" Then
  Dim plainly(0) As New com.sun.star.beans.PropertyValue
  plainly(0).Name = "FilterName" : plainly(0).Value = filter
  book.storeToURL(ConvertToURL(target), plainly())
 Else
  Dim hidden(1) As New com.sun.star.beans.PropertyValue
  hidden(0).Name = "FilterName" : hidden(0).Value = filter
  hidden(1).Name = "Password" : hidden(1).Value = other
  book.storeToURL(ConvertToURL(target), hidden())
 End If
 book.close(True)
End Sub
"""
_MODULE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE script:module PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "module.dtd">\n'
    '<script:module xmlns:script="http://openoffice.org/2000/script" script:name="Module1" script:language="StarBasic">'
    f"{escape(_MACRO)}</script:module>"
)


@pytest.fixture
def save_as(tmp_path):
    """Have LibreOffice open a file with one password and save it with another; "" is none."""
    profile = tmp_path / "profile"
    program = ["soffice", f"-env:UserInstallation={profile.as_uri()}", "--headless", "--norestore"]
    subprocess.run([*program, "--terminate_after_init"], check=True, capture_output=True, timeout=120)
    (profile / "user" / "basic" / "Standard" / "Module1.xba").write_text(_MODULE, "utf-8")

    def save(*words):
        spelled = ",".join(f'"{word}"' for word in words)
        macro = f"macro:///Standard.Module1.SaveAs({spelled})"
        subprocess.run([*program, macro], check=True, capture_output=True, timeout=120)

    return save


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not on this machine")
def test_libreoffice_opens_what_is_protected_here_and_what_it_protects_is_opened_here(save_as, tmp_path):
    plain = workbook(tmp_path / "plain.xlsx", {"名单": [HEADER, PERSON]})
    protection = Protection(password=Secret(PASSWORD), temporary=tmp_path)
    ours = place(tmp_path / "ours.xlsx", protecting(lambda out: out.write(plain.read_bytes()), protection)).path
    passwords = Passwords(ask=lambda _: Secret("their-own"))

    save_as(ours, PASSWORD, tmp_path / "opened.xlsx", "Calc MS Excel 2007 XML", "")
    save_as(ours, PASSWORD, tmp_path / "theirs.xls", "MS Excel 97", "their-own")
    save_as(an_ods(tmp_path / "list.ods"), "", tmp_path / "theirs.ods", "calc8", "their-own")

    rows = [[cell.value for cell in row] for row in load_workbook(tmp_path / "opened.xlsx").active.iter_rows()]
    assert rows == [list(HEADER), list(PERSON)]
    with open_table(tmp_path / "theirs.xls", temporary=tmp_path, passwords=passwords) as table:
        assert (table.kind, table.header, [record.cells for record in table.records()]) == ("xls", HEADER, [PERSON])
    with pytest.raises(InputError, match=r"^theirs\.xls is protected, and the password from you does not open it"):
        open_table(tmp_path / "theirs.xls", temporary=tmp_path, passwords=Passwords(ask=lambda _: Secret("wrong")))
    with pytest.raises(InputError, match=r"^theirs\.ods is protected with a password\. Open it in the program that made it"):
        open_table(tmp_path / "theirs.ods", temporary=tmp_path, passwords=passwords)
