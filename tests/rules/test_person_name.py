"""Names that can be read and names that can be names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchverify.rules.person_name import check_name


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("张三", ()),
        ("刘〇", ()),
        ("欧阳小明", ()),
        ("买买提·艾力", ()),
        ("㛃䶮", ()),
        ("阿不都·热合曼·艾力", ()),
        ("张" * 64, ()),
        ("张" * 65, ("name_characters",)),
        ("王\U00020000", ("rare_character",)),
        ("王\U000323af", ("rare_character",)),  # the last of Extension H, which Python 3.11 does not know
        ("WANG Xiaoming", ("not_han",)),
        ("John O'Neil-Smith, Jr.", ("not_han",)),
        ("José", ("not_han",)),
        ("ئەلى", ("not_han",)),
        ("\U00020000 Li", ("rare_character", "not_han")),
        ("张3", ("name_characters",)),
        ("张３", ("name_characters",)),
        ("张三（离职）", ("name_characters",)),
        ("张*", ("name_characters",)),
        ("张三/李四", ("name_characters",)),
        ("😀", ("name_characters",)),
        ("·", ("name_characters",)),
        ("- .", ("name_characters",)),
        ("张\ue000", ("name_unreadable",)),
        ("张\U000f0000", ("name_unreadable",)),
        ("张\ufffd", ("name_unreadable",)),
        ("张?", ("name_unreadable",)),
        ("张□", ("name_unreadable",)),
        ("张〓", ("name_unreadable",)),
    ],
)
def test_each_name_has_its_findings(text, findings):
    assert check_name(text) == findings


@given(text=st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1, max_size=64))
def test_everyday_han_is_never_found_fault_with(text):
    assert check_name(text) == ()


def test_half_a_surrogate_pair_cannot_be_read():
    assert check_name("张" + chr(0xD842)) == ("name_unreadable",)
