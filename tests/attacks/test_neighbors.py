"""What lies beside a stranger's spreadsheet, and what a process that reads it knows: a folder that was unpacked is not to be trusted."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from pathlib import Path

import pytest
import xlwt

from batchverify.model import Secret
from batchverify.tables.child import run_child
from batchverify.tables.passwords import Passwords
from batchverify.tables.reader import open_table
from tests.builders import a_sheet, rows
from tests.protected import PASSWORD, protect
from tests.threats import guards

#: Modules that the readers of old and protected workbooks import, and Python itself.
PLANTED = (
    "python_calamine",
    "msoffcrypto",
    "openpyxl",
    "pandas",
    "numpy",
    "pyarrow",
    "json",
    "struct",
    "encodings",
    "site",
    "sitecustomize",
)


def plant(folder: Path) -> Path:
    """Put modules of a stranger's into a folder; gives what they write when one of them is run."""
    sprung = folder / "sprung"
    trap = f"open({str(sprung)!r}, 'a').write(__name__)\n"
    for name in PLANTED:
        (folder / f"{name}.py").write_text(trap)
    (folder / "batchverify" / "tables").mkdir(parents=True)
    for place in ("", "tables"):
        (folder / "batchverify" / place / "__init__.py").write_text(trap)
    for child in ("foreign_child", "protected_child", "parquet_child"):
        (folder / "batchverify" / "tables" / f"{child}.py").write_text(trap)
    return sprung


@guards("hostile-files")
def test_no_module_that_lies_beside_a_spreadsheet_is_run_for_it(tmp_path, monkeypatch):
    sprung = plant(tmp_path)
    book = xlwt.Workbook()
    sheet = book.add_sheet("名单")
    for column, word in enumerate(("姓名", "身份证号", "银行卡号")):
        sheet.write(0, column, word)
        sheet.write(1, column, "测试甲")
    book.save(tmp_path / "list.xls")
    monkeypatch.chdir(tmp_path)

    with open_table(tmp_path / "list.xls", temporary=tmp_path) as table:
        assert table.header == ("姓名", "身份证号", "银行卡号")

    assert not sprung.exists()


@guards("hostile-files")
def test_no_module_that_lies_beside_a_protected_workbook_is_run_for_it(tmp_path, monkeypatch):
    locked = protect(a_sheet(tmp_path, rows(1), name="people.xlsx"))
    sprung = plant(tmp_path)
    monkeypatch.chdir(tmp_path)

    with open_table(locked, temporary=tmp_path, passwords=Passwords(ask=lambda _: Secret(PASSWORD))) as table:
        assert len(list(table.records())) == 1

    assert not sprung.exists()


@guards("arguments", "app-code")
def test_the_process_that_reads_a_strangers_file_is_told_no_secret(monkeypatch):
    secrets = {
        "BATCHVERIFY_APPCODE": "canary-1",
        "BATCHVERIFY_HOME": "canary-2",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "canary-3",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "canary-4",
        "ALIBABA_CLOUD_SECURITY_TOKEN": "canary-5",
        "GITHUB_TOKEN": "canary-6",
        "AWS_SECRET_ACCESS_KEY": "canary-7",
        "PGPASSWORD": "canary-8",
        "HTTPS_PROXY": "http://user:canary-9@proxy.example",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)

    with tempfile.TemporaryFile() as out:
        told = "import os; print(sorted(os.environ.items()))"
        code = run_child("timeit", "-n", "1", "-r", "1", told, content=io.BytesIO(), out=out, patience_seconds=30)
        out.seek(0)
        seen = out.read().decode()

    assert code == 0
    assert "canary" not in seen
    assert "PATH" in seen, "else it shows nothing"


@pytest.mark.skipif(sys.platform == "win32", reason="the list of processes is read in /proc")
@guards("arguments")
def test_a_process_of_ours_is_started_with_nothing_but_the_name_of_its_module(tmp_path):
    with tempfile.TemporaryFile() as out:
        told = "print(open('/proc/self/cmdline').read().split(chr(0)))"
        run_child("timeit", "-n", "1", "-r", "1", told, content=io.BytesIO(b"6217000000000000004"), out=out, patience_seconds=30)
        out.seek(0)
        seen = out.read().decode()

    assert "6217" not in seen
    assert "'-P', '-m', 'timeit'" in seen
    assert os.environ["PATH"] not in seen
