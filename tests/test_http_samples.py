"""The samples for other programs do what they say, against a server of the test's: each brings the same result, and one bill."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from batchverify.web.people import People, Role
from tests.builders import read_rows
from tests.campaigns.processes import Desk, VendorProcess
from tests.web.test_serving import Served

SAMPLES = Path(__file__).parent.parent / "samples"
STATUSES = ["matched"] * 5 + ["mismatched"]


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """A served desk, and the environment of a program that calls it."""
    with VendorProcess() as vendor:
        desk = Desk(folder=tmp_path_factory.mktemp("samples"), vendor=vendor)
        _, token = People(desk.home).new_token("samples", [Role.PREPARE])
        server = Served(desk)
        yield vendor, os.environ | {"BATCHVERIFY_URL": server.base, "BATCHVERIFY_TOKEN": token.reveal()}
        assert server.close() == (0, "")


def command_of(language: str) -> list[str]:
    match language:
        case "curl":
            return ["sh", str(SAMPLES / "http" / "verify.sh")]
        case "python":
            return [sys.executable, str(SAMPLES / "http" / "verify.py")]
        case _:
            return ["java", str(SAMPLES / "http" / "Verify.java")]


@pytest.mark.slow
@pytest.mark.parametrize("language", ["curl", "python", "java"])
def test_each_sample_brings_the_result_and_a_repeat_costs_nothing(office, tmp_path, language):
    if language == "java" and shutil.which("javac") is None:
        pytest.skip("There is no Java here; the gate's machine installs none.")
    vendor, environment = office
    result = tmp_path / "people.verified.csv"

    done = subprocess.run(
        [*command_of(language), str(SAMPLES / "people.csv"), str(result), "10"],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert sorted(row["bv_status"] for row in read_rows(result)) == sorted(STATUSES)
    assert vendor.total() == 6, "the same upload is one job, whichever program sends it"


@pytest.mark.slow
def test_a_sample_whose_cap_is_too_small_stops_there(office, tmp_path):
    vendor, environment = office
    before = vendor.total()
    sheet = tmp_path / "others.csv"
    sheet.write_text((SAMPLES / "people.csv").read_text("utf-8-sig").replace("测试", "试测"), "utf-8")

    done = subprocess.run(
        [*command_of("curl"), str(sheet), str(tmp_path / "r.csv"), "2"],
        env=environment,
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert vendor.total() == before + 2
