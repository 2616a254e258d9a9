from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from batchverify.sandbox.regions import name_of

ROOT = Path(__file__).resolve().parents[2]


def test_the_generated_tables_are_in_step_with_their_source():
    done = subprocess.run(
        [sys.executable, ROOT / ".ci/generate_regions.py", "--check"], check=False, capture_output=True, text=True
    )

    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(("suffix", "name"), [("01", "市辖区"), ("02", "城区"), ("11", "郊区"), ("20", "市区")])
def test_codes_of_the_first_lists_have_their_general_name(suffix, name):
    assert name_of(f"9900{suffix}", year=1980) == name


def test_a_code_younger_than_the_person_has_its_oldest_name():
    assert name_of("511126", year=1950) == "夹江县"
