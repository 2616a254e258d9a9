"""The samples are what their script makes, so that what README says about them can be read from it."""

from __future__ import annotations

import doctest
import importlib.util
from pathlib import Path
from types import ModuleType
from zipfile import ZipFile

import openpyxl
import pytest

import batchverify

FOLDER = Path(__file__).parent.parent / "samples"


@pytest.fixture(scope="module")
def make_samples() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_samples", FOLDER / "make_samples.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def parts_of(workbook: Path) -> dict[str, bytes]:
    """The parts as they unpack: how tightly they are packed is the affair of the machine's zlib."""
    with ZipFile(workbook) as package:
        return {name: package.read(name) for name in package.namelist()}


def test_the_csv_is_what_the_script_makes(make_samples, tmp_path):
    make_samples.main(tmp_path)

    assert (FOLDER / "people.csv").read_bytes() == (tmp_path / "people.csv").read_bytes()


def test_the_workbook_is_what_the_script_makes(make_samples, tmp_path):
    make_samples.main(tmp_path)

    assert parts_of(FOLDER / "名单.xlsx") == parts_of(tmp_path / "名单.xlsx")


def test_the_script_makes_the_same_bytes_each_time(make_samples, tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        make_samples.main(tmp_path / name)

    assert (tmp_path / "first" / "名单.xlsx").read_bytes() == (tmp_path / "second" / "名单.xlsx").read_bytes()


def test_the_examples_in_the_script_are_true(make_samples):
    results = doctest.testmod(make_samples)

    assert (results.attempted, results.failed) == (3, 0)


@pytest.fixture(scope="module")
def verified(tmp_path_factory):
    """The Chinese sample, its result and its summary."""
    folder = tmp_path_factory.mktemp("verified")
    target = folder / "result.xlsx"
    summary = batchverify.verify_file(FOLDER / "名单.xlsx", output=target, home=folder / "home", sandbox=True, yes=True)
    return openpyxl.load_workbook(FOLDER / "名单.xlsx"), openpyxl.load_workbook(target), summary.as_json()


def test_every_cell_of_the_sample_comes_back_as_it_went_in(verified):
    before, after, _ = verified

    for theirs in before:
        ours = after[theirs.title]
        for row in theirs.iter_rows():
            for cell in row:
                back = ours[cell.coordinate]
                assert (back.value, back.data_type, back.number_format) == (cell.value, cell.data_type, cell.number_format)


def test_texts_that_look_like_something_else_stay_texts(verified):
    _, after, _ = verified

    remarks = [after["名单"].cell(row, 9) for row in range(4, 7)]
    numbers = [after["名单"].cell(4, column) for column in (3, 4, 6)]

    assert [(cell.value, cell.data_type) for cell in remarks] == [("NA", "s"), ("=1+1", "s"), ("1E5", "s")]
    assert [(cell.value, cell.data_type) for cell in numbers] == [
        ("11010119900101119X", "s"),
        ("6217000000001004", "s"),
        ("00123", "s"),
    ]


def test_the_panes_and_the_filter_of_the_sample_stay(verified):
    before, after, _ = verified

    assert after["名单"].freeze_panes == before["名单"].freeze_panes == "C4"
    assert after["名单"].auto_filter.ref == before["名单"].auto_filter.ref


def test_the_sums_of_the_sample_cross_add(verified):
    _, _, summary = verified
    asks, rows = summary["asks"], summary["rows"]

    assert rows["total"] == sum(summary["status"].values()) == rows["unique"] + rows["duplicate"] + rows["blocked"] == 17
    assert asks["sent"] == asks["billed"] + asks["free"] + asks["not_billed"] + asks["in_doubt"] == 10
    assert summary["cost"]["saved"] == "1.33"
