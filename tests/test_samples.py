"""The samples are what their script makes, so that what README says about them can be read from it."""

from __future__ import annotations

import doctest
import importlib.util
from pathlib import Path
from types import ModuleType
from zipfile import ZipFile

import pytest

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
