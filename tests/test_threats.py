"""The threat table is whole: every row has a test that attacks it, and every test it names is one that pytest finds."""

from __future__ import annotations

import pytest

from tests.marks import Proof, not_collected
from tests.threats import Threat, guarded, guards


def test_every_threat_of_the_table_has_a_test_that_attacks_it():
    assert [threat.word for threat, found in guarded().items() if not found] == []


def test_no_two_rows_speak_of_one_threat():
    assert len({threat.threat for threat in Threat}) == len(Threat)


@pytest.mark.slow
def test_every_test_that_the_table_names_is_one_that_pytest_finds():
    named = {proof for found in guarded().values() for proof in found}

    assert len(named) > 30
    assert not_collected(named, mark="threat") == []


def test_a_mark_that_names_no_threat_is_refused(tmp_path):
    with pytest.raises(TypeError, match="Name the rows of the threat table"):
        guards()
    with pytest.raises(KeyError, match=r"There is no row 'pikle' in the threat table\. There are: logs, "):
        guards("pikle")

    (tmp_path / "test_typing_error.py").write_text("@guards(WORD)\ndef test_a(): ...\n")
    with pytest.raises(TypeError, match="test_a does not name the rows it attacks by their words"):
        guarded(tmp_path)


def test_an_attack_is_read_with_its_case_and_its_file(tmp_path):
    (tmp_path / "test_one.py").write_text(
        "@guards('pickle', 'home-bytes', case='a b')\n@other\nasync def test_a(): ...\n@proves(1)\ndef test_b(): ...\n"
    )

    found = guarded(tmp_path)

    assert found[Threat.PICKLE] == found[Threat.HOME_BYTES] == [Proof(file="test_one.py", name="test_a[a b]")]
    assert found[Threat.LOGS] == []
