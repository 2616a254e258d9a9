"""The fault matrix is whole: every row has a test, and every test it names is one that pytest finds."""

from __future__ import annotations

import pytest

from tests.faults import Danger, proofs, proves
from tests.marks import TESTS, Proof, not_collected


def test_every_fault_of_the_matrix_has_a_test_that_proves_it():
    assert [danger.name for danger, found in proofs().items() if not found] == []


def test_no_two_rows_speak_of_one_fault():
    assert len({danger.fault for danger in Danger}) == len(Danger)


@pytest.mark.slow
def test_every_proof_that_the_matrix_names_is_a_test_that_pytest_finds():
    named = {proof for found in proofs().values() for proof in found}

    assert len(named) > 30
    assert not_collected(named, mark="fault") == []


def test_a_mark_that_names_no_row_is_refused(tmp_path):
    with pytest.raises(TypeError, match="Name the rows of the fault matrix"):
        proves()
    with pytest.raises(TypeError, match="Name the rows of the fault matrix"):
        proves("kill -9")  # type: ignore[arg-type]

    (tmp_path / "test_typing_error.py").write_text("@proves(Danger.KILED)\ndef test_a(): ...\n")
    with pytest.raises(KeyError, match="KILED"):
        proofs(tmp_path)
    (tmp_path / "test_typing_error.py").write_text("@proves(KILLED)\ndef test_a(): ...\n")
    with pytest.raises(TypeError, match=r"test_a does not name the rows it proves as Danger\.X"):
        proofs(tmp_path)


def test_a_proof_is_read_with_its_case_and_its_file(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "test_one.py").write_text(
        "@proves(Danger.DNS, Danger.HTML, case='a b')\n@other\nasync def test_a(): ...\nclass T:\n"
        "  @proves(Danger.DNS)\n  def test_b(self): ...\n@proves_each(STRUCK)\ndef test_c(): ...\n"
    )

    found = proofs(tmp_path)

    assert set(found[Danger.DNS]) == {
        Proof(file="below/test_one.py", name="test_a[a b]"),
        Proof(file="below/test_one.py", name="test_b"),
    }
    assert Proof(file="below/test_one.py", name="test_c[html]") in found[Danger.HTML]
    assert proofs() == proofs(TESTS)
