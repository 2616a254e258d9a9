"""What of a person may be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchverify.model import Field
from batchverify.rules.masks import mask

SHOWN = {Field.ACCOUNT_NO: (6, 4), Field.ID_CARD: (3, 4), Field.MOBILE: (3, 4)}


@pytest.mark.parametrize(
    ("field", "text", "shown"),
    [
        (Field.NAME, "", ""),
        (Field.NAME, "张", "*"),
        (Field.NAME, "张三", "张*"),
        (Field.NAME, "买买提·艾力", "买*"),
        (Field.ACCOUNT_NO, "6217000000000000004", "621700*********0004"),
        (Field.ACCOUNT_NO, "621700000004", "621700**0004"),
        (Field.ACCOUNT_NO, "62170000004", "***********"),
        (Field.ID_CARD, "110101199003070011", "110***********0011"),
        (Field.ID_CARD, "110101900307001", "110********7001"),
        (Field.ID_CARD, "1101", "****"),
        (Field.MOBILE, "13800001234", "138****1234"),
        (Field.MOBILE, "1380013", "*******"),
    ],
)
def test_each_field_shows_its_ends(field, text, shown):
    assert mask(field, text) == shown


@given(field=st.sampled_from(list(SHOWN)), text=st.text("0123456789X", max_size=40))
def test_no_more_than_the_ends_is_ever_shown(field, text):
    start, end = SHOWN[field]
    shown = mask(field, text)

    assert len(shown) == len(text)
    assert sum(character != "*" for character in shown) <= start + end
    assert set(shown[start : len(text) - end]) <= {"*"}
    assert "*" in shown or not text
