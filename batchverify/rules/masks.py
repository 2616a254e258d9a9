"""How a person's fields are shown: one table, used wherever a value is displayed at all.

The one thing to know: a mask shows its ends only where enough lies hidden between them; a shorter text, whatever it is,
is hidden whole. (An ID number with 6 + 4 shown has 2,720 candidates left: too few, hence 3 + 4.)

Source of the table: RELIABILITY, section 5.
"""

from __future__ import annotations

from collections.abc import Mapping

from batchverify.model import Field

# Characters shown at the start and at the end, and how many must be hidden between them.
_ENDS_SHOWN: Mapping[Field, tuple[int, int, int]] = {
    Field.ACCOUNT_NO: (6, 4, 2),
    Field.ID_CARD: (3, 4, 6),
    Field.MOBILE: (3, 4, 4),
}


def mask(field: Field, text: str) -> str:
    """Show a field's value so that it can be told apart and not be used.

    >>> mask(Field.NAME, "王小明"), mask(Field.MOBILE, "13800001234")
    ('王*', '138****1234')
    >>> mask(Field.ID_CARD, "110101199003070011"), mask(Field.ACCOUNT_NO, "6217000000000000004")
    ('110***********0011', '621700*********0004')
    >>> mask(Field.ID_CARD, "1101"), mask(Field.NAME, "")
    ('****', '')
    """
    if field is Field.NAME:
        # One star whatever the length: a rare number of characters is a hint, too. A single character hides itself.
        return text[0] + "*" if len(text) > 1 else "*" * len(text)
    start, end, least_hidden = _ENDS_SHOWN[field]
    hidden = len(text) - start - end
    if hidden < least_hidden:
        return "*" * len(text)
    return f"{text[:start]}{'*' * hidden}{text[-end:]}"
