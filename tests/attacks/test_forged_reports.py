"""Reports that say one thing to the checker and another to whoever looks at them."""

from __future__ import annotations

import copy
import json
import re
from contextlib import suppress
from zipfile import ZipFile

import pytest
from openpyxl import load_workbook
from openpyxl.comments import Comment
from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import Font, PatternFill

from batchverify.errors import InputError
from batchverify.job.checking import check_report
from batchverify.job.realm import open_realm
from batchverify.job.reporting import prove_row, report_job, write_proof
from batchverify.model import Billed
from batchverify.sandbox import Fault, Rule
from batchverify.words import Lang
from tests.builders import a_row, rows
from tests.threats import guards

CELL = "B8"


@pytest.fixture
def report(desk):
    """A workbook as another program saves it, to be changed."""
    job = desk.verify([*rows(3), a_row(9, verdict="02")]).job
    return report_job(job, desk.folder / "report.xlsx", desk.session(), lang=Lang.EN)


def as_number_format(book):
    book.worksheets[0][CELL].number_format = ';;;"9,999"'


def as_white_ink(book):
    book.worksheets[0][CELL].font = Font(color="FFFEFEFE")


def as_ink_on_its_own_color(book):
    book.worksheets[0][CELL].font = Font(color="FF102030")
    book.worksheets[0][CELL].fill = PatternFill("solid", fgColor="FF102030")


def as_tiny_print(book):
    book.worksheets[0][CELL].font = Font(sz=1)


def as_hidden_row(book):
    book.worksheets[0].row_dimensions[8].hidden = True


def as_flat_row(book):
    book.worksheets[0].row_dimensions[8].height = 0.5


def as_hidden_column(book):
    book.worksheets[0].column_dimensions["B"].hidden = True


def as_hidden_sheet(book):
    book.worksheets[1].sheet_state = "hidden"


def as_condition(book):
    rule = CellIsRule(operator="notEqual", formula=["0"], font=Font(color="FFFFFFFF"))
    book.worksheets[0].conditional_formatting.add(CELL, rule)


def as_comment(book):
    book.worksheets[0][CELL].comment = Comment("It is 9,999.", "somebody")


@guards("forged-report")
@pytest.mark.parametrize(
    "change",
    [
        as_number_format,
        as_white_ink,
        as_ink_on_its_own_color,
        as_tiny_print,
        as_hidden_row,
        as_flat_row,
        as_hidden_column,
        as_hidden_sheet,
        as_condition,
        as_comment,
    ],
)
def test_a_workbook_whose_cells_are_right_and_look_otherwise_is_not_genuine(desk, report, change):
    book = load_workbook(report)
    book.save(report)
    assert check_report(report, desk.session(), key=None).is_genuine, "saved by another program, and nothing else"
    change(book)
    book.save(report)

    found = check_report(report, desk.session(), key=None)

    assert found.wrong
    assert found.wrong[0].startswith("The workbook was changed to look otherwise than what was signed: ")


def test_a_formula_that_was_worked_out_to_the_right_figure_is_none(desk, report):
    cells = load_workbook(report).worksheets[0]
    value = cells[CELL].value
    with ZipFile(report) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    sheet = next(name for name in sorted(parts) if name.startswith("xl/worksheets/sheet"))
    found = re.search(rb'<c r="B8"[^>]*?( s="\d+")[^>]*>.*?</c>', parts[sheet])
    parts[sheet] = parts[sheet].replace(
        found[0], f'<c r="B8"{found[1].decode()} t="str"><f>"9,"&amp;"999"</f><v>{value}</v></c>'.encode()
    )
    with ZipFile(report, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)

    assert not check_report(report, desk.session(), key=None).is_genuine


@guards("forged-report")
def test_a_picture_over_the_figures_of_a_workbook_is_found(desk, report):
    with ZipFile(report, "a") as book:
        book.writestr("xl/drawings/drawing1.xml", "<xdr:wsDr/>")

    assert "pictures or comments" in check_report(report, desk.session(), key=None).wrong[0]


@guards("forged-report")
def test_a_report_of_another_job_with_this_ones_runs_is_not_genuine(desk):
    documents = []
    for people in (rows(2), rows(2, first=9)):
        path = report_job(desk.verify(people).job, desk.folder / "one.json", desk.session(), lang=Lang.EN)
        documents.append(json.loads(path.read_bytes()))
        path.unlink()
    for part in ("runs", "merkle", "input", "signature", "signer", "outputs", "evidence", "job"):
        forged = copy.deepcopy(documents[0])
        if forged.get(part) == documents[1].get(part):
            continue
        forged[part] = documents[1][part]
        path = desk.folder / f"{part}.json"
        path.write_text(json.dumps(forged, ensure_ascii=False), "utf-8")
        with suppress(InputError):
            assert not check_report(path, desk.session(), key=None).is_genuine, part


@guards("forged-report")
def test_a_report_with_a_word_twice_is_none(desk):
    path = report_job(desk.verify(rows(2)).job, desk.folder / "one.json", desk.session(), lang=Lang.EN)
    text = path.read_text("utf-8")
    path.write_text(text.replace("{", '{"job": "j-aaaaaaaa", ', 1), "utf-8")

    with pytest.raises(InputError, match="holds no report that can be read"):
        check_report(path, desk.session(), key=None)


def test_a_proof_tells_nothing_of_the_person_in_its_row(desk, tmp_path):
    person = a_row(1)
    job = desk.verify([person, *rows(3, first=2)]).job
    path = tmp_path / "row.json"
    write_proof(prove_row(job, 2, desk.session()), path)

    text = path.read_text("utf-8")

    assert not [cell for cell in person.values() if cell in text]
    assert desk.folder.as_posix() not in text


@pytest.mark.parametrize("billed", [Billed.YES, Billed.NO])
def test_a_report_stays_genuine_when_a_doubt_of_another_job_on_which_its_rows_stand_is_decided(desk, sandbox, billed):
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, at=(1,), billed=True))
    first = desk.verify(rows(2))
    job = desk.verify(rows(3)).job
    path = report_job(job, desk.folder / "report.json", desk.session(), lang=Lang.EN)
    proof = write_proof(prove_row(job, 2, desk.session()), desk.folder / "row.json")
    with open_realm(desk.home, simulated=True, clock=desk.clock) as realm:
        doubts = [one.attempt for one in realm.ledger.usage().doubts() if one.job == first.job]
        realm.ledger.decide(
            billed=doubts if billed is Billed.YES else [],
            not_billed=doubts if billed is Billed.NO else [],
            statements=[],
            now=realm.clock.now(),
            monotonic=realm.clock.monotonic(),
        )

    for kept in (path, proof):
        found = check_report(kept, desk.session(), key=None)
        assert found.wrong == []
        assert any(note.startswith("Asks of other jobs in doubt were decided") for note in found.notes)
    forged = json.loads(path.read_bytes())
    forged["asks"]["billed"] += 1
    path.write_text(json.dumps(forged), "utf-8")
    assert not check_report(path, desk.session(), key=None).is_genuine


def test_a_report_stays_genuine_when_another_job_asks_again_what_is_in_doubt_in_both(desk, sandbox):
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, at=(1,), billed=True))
    first = desk.verify(rows(2))
    path = report_job(desk.verify(rows(3)).job, desk.folder / "report.json", desk.session(), lang=Lang.EN)

    desk.rerun(first.job, what=frozenset({"in_doubt"}))

    assert check_report(path, desk.session(), key=None).wrong == []
