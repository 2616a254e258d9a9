"""Which columns of a sheet are ours, because the sheet is a result that was dropped in again.

The one thing to know: our Chinese labels are everyday words (性别, 省, 地址), and a user's own column must never be replaced.
So a label counts only in a row of ours: behind 核验结果 and 核验代码, in the order in which we write them.
"""

from __future__ import annotations

from collections.abc import Sequence

from batchverify.words import RESULT_COLUMNS, recognise_result_column

_PLACES = {key: place for place, (key, _) in enumerate(RESULT_COLUMNS)}
_FIRST, _SECOND = RESULT_COLUMNS[0][0], RESULT_COLUMNS[1][0]


def our_columns(header: Sequence[str]) -> dict[str, int]:
    """Give the columns of an earlier result: key to index.

    >>> our_columns(("姓名", "bv_status", "bv_code"))
    {'bv_status': 1, 'bv_code': 2}
    >>> our_columns(("姓名", "性别", "核验结果", "核验代码", "核验说明", "性别", "省"))
    {'bv_status': 2, 'bv_code': 3, 'bv_message': 4, 'bv_sex': 5, 'bv_province': 6}
    >>> our_columns(("姓名", "核验结果", "性别"))
    {}
    """
    keys = [recognise_result_column(word) for word in header]
    ours: dict[str, int] = {}
    in_ours = False
    last = -1
    for index, (word, key) in enumerate(zip(header, keys, strict=True)):
        if key is None:
            continue
        in_ours = in_ours or (key == _FIRST and keys[index + 1 : index + 2] == [_SECOND])
        is_key = word.strip().lower() == key
        if key not in ours and (is_key or (in_ours and _PLACES[key] > last)):
            ours[key] = index
            last = _PLACES[key]
    return ours
