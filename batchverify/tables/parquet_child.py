"""A process of its own that reads a parquet file from standard input and writes its cells to standard output, a table of one sheet.

The one thing to know: types come first. A floating-point number keeps 15 digits, so it goes on as a number cell, whose digits
are judged; a whole number of 16 digits or more is exact and becomes text, unless its whole column looks as if it had been
floating-point before (pandas makes such columns of a workbook's numeric cells). pyarrow reads and not pandas, which turns
whole numbers with a gap among them into floating-point ones.

The output is that of `foreign_child`. Row 1 is made of the columns' names, so the first row of the file is row 2.
"""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

from batchverify.tables.foreign_child import MAX_COLUMNS, MAX_MEMORY_BYTES, TOO_LARGE, UNREADABLE, bind, spelled

#: Digits that a spreadsheet keeps of a number.
_EXACT_DIGITS = 15
#: The first number of more digits than that.
_LONG = 1_000_000_000_000_000
_EXACT_FLOAT32 = 2**24
_EXACT_FLOAT64 = 2**53
_ROWS_A_BATCH = 1_000
#: Repetition takes no room in the file: a table of more cells than this holds at least a byte for a hundred of them.
_CELLS_OF_ANY_FILE = 2_000_000
_MAX_CELLS_A_BYTE = 100
#: What pandas calls the labels of rows that it keeps beside the columns.
_ROW_LABELS = re.compile(r"__index_level_\d+__")
_IDLE_FRACTION = re.compile(r"\.0+(?=(?:Z|[+-]\d{4})?$)")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MIDNIGHT = " 00:00:00"
#: How the library spells a moment beyond the years that it counts.
_BEYOND = re.compile(r"<value out of range: (-?\d+)>")

Spell = Callable[[Any], Any]


def main() -> int:
    """Read, write, and say by the exit code how it ended."""
    content = sys.stdin.buffer.read()
    bind(MAX_MEMORY_BYTES)
    # Threads and pools of their own would take more of the bound than the file does.
    os.environ |= {"ARROW_DEFAULT_MEMORY_POOL": "system", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    out = sys.stdout
    try:
        from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - what the library takes for itself counts towards the bound

        file = ParquetFile(BytesIO(content))
        if file.metadata.num_columns > MAX_COLUMNS or _is_bomb(file.metadata, len(content)):
            return UNREADABLE
        out.write(json.dumps({"sheet": "", "hidden": False}) + "\n")
        for row in _rows(file):
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
        out.flush()
    except MemoryError:
        return TOO_LARGE
    except OSError as error:  # the library's word for a damaged file, too
        return TOO_LARGE if error.errno in (errno.EFBIG, errno.ENOSPC) else UNREADABLE
    except (ValueError, TypeError, LookupError, NotImplementedError, RecursionError):
        return UNREADABLE
    return 0


def _is_bomb(metadata: Any, size_bytes: int) -> bool:
    cells = metadata.num_rows * max(metadata.num_columns, 1)
    return bool(cells > max(_CELLS_OF_ANY_FILE, _MAX_CELLS_A_BYTE * size_bytes))


def _rows(file: Any) -> Iterator[list[Any]]:
    names = file.schema_arrow.names
    kept = [place for place, name in enumerate(names) if not _ROW_LABELS.fullmatch(name)]
    yield [1, *(names[place] for place in kept)]
    exactness = _exactness_of(file)
    number = 1
    for batch in file.iter_batches(batch_size=_ROWS_A_BATCH, use_threads=False):
        columns = [cells_of(batch.columns[place], exactness.get(place)) for place in kept]
        for cells in zip(*columns, strict=True):
            number += 1
            row = list(cells)
            while row and row[-1] == "":
                row.pop()
            if row:
                yield [number, *row]


class Exactness:
    """Whether the long numbers of a column of whole numbers are those that were once written down.

    Each of them could by chance be one that a double or a spreadsheet would give, but hardly all of them.

    >>> kept, lost = Exactness(), Exactness()
    >>> for number in (110101199003071233, 110101199003071200): kept.look_at(number)
    >>> lost.look_at(110101199003071200)
    >>> kept.is_exact(110101199003071200), lost.is_exact(110101199003071200), lost.is_exact(13800138000)
    (True, False, True)
    """

    def __init__(self) -> None:
        #: Up to 2 ** 53 a double keeps every digit and only a spreadsheet drops some; beyond, both do.
        self._is_proven = {False: False, True: False}

    @property
    def is_proven(self) -> bool:
        """Nothing that is still to come can change what is known."""
        return all(self._is_proven.values())

    def look_at(self, number: int) -> None:
        """Take a number of the column into account."""
        if _is_long(number) and number % 10 ** (len(str(number)) - _EXACT_DIGITS):
            is_beyond = number > _EXACT_FLOAT64
            self._is_proven[is_beyond] |= not is_beyond or int(float(number)) != number

    def is_exact(self, number: int) -> bool:
        return not _is_long(number) or self._is_proven[number > _EXACT_FLOAT64]


def _is_long(number: int) -> bool:
    return number >= _LONG


def _exactness_of(file: Any) -> dict[int, Exactness]:
    """Look at the whole numbers of the whole file first: whether one of them can be trusted, the others show."""
    from pyarrow import types  # noqa: PLC0415

    found = {place: Exactness() for place, one in enumerate(file.schema_arrow) if types.is_integer(_plain_type(one.type))}
    unknown = dict(found)
    if unknown:
        for batch in file.iter_batches(batch_size=_ROWS_A_BATCH, use_threads=False):
            for place, exactness in list(unknown.items()):
                for number in _plain(batch.columns[place]).to_pylist():
                    if number is not None:
                        exactness.look_at(number)
                if exactness.is_proven:
                    del unknown[place]
            if not unknown:
                break
    return found


def _plain_type(kind: Any) -> Any:
    """The type of the values themselves, under a dictionary or a name that somebody has given it."""
    import pyarrow as pa  # noqa: PLC0415

    while True:
        if isinstance(kind, pa.BaseExtensionType):
            kind = kind.storage_type
        elif pa.types.is_dictionary(kind):
            kind = kind.value_type
        else:
            return kind


def _plain(column: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    while True:
        if isinstance(column.type, pa.BaseExtensionType):
            column = column.storage
        elif pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        else:
            return column


def cells_of(column: Any, exactness: Exactness | None = None) -> list[Any]:
    """Spell the cells of a column for JSON; a null is a blank."""
    from pyarrow import types  # noqa: PLC0415

    column = _plain(column)
    kind = column.type
    if types.is_integer(kind):
        known = exactness or Exactness()
        return _each(column.to_pylist(), lambda number: whole(number, is_exact=known.is_exact(number)))
    if types.is_floating(kind):
        return _each(column.to_pylist(), floating if types.is_float64(kind) else short_floating)
    if types.is_decimal(kind):
        return _each(column.to_pylist(), decimal)
    if types.is_timestamp(kind):
        return _each(_moments(column), lambda text: {"d": text})
    if types.is_date(kind) or types.is_time(kind):
        return _each(column.cast("string").to_pylist(), lambda text: {"d": _IDLE_FRACTION.sub("", text)})
    if types.is_duration(kind):
        return _each(column.cast("int64").to_pylist(), lambda number: {"d": str(_duration(number, kind.unit))})
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind) or types.is_binary_view(kind):
        return _each(column.to_pylist(), text_of_bytes)
    if types.is_nested(kind):
        return _each(column.to_pylist(), lambda value: json.dumps(value, ensure_ascii=False, default=str))
    return _each(column.to_pylist(), spelled)


def _each(values: Sequence[Any], spell: Spell) -> list[Any]:
    return ["" if value is None else spell(value) for value in values]


def whole(number: int, *, is_exact: bool) -> Any:
    """Spell a whole number: as text where a number cell would lose its tail.

    >>> whole(13800138000, is_exact=True), whole(110101199003071233, is_exact=True), whole(110101199003071200, is_exact=False)
    ({'n': '13800138000'}, '110101199003071233', {'n': '110101199003071200'})
    """
    return str(number) if is_exact and abs(number) >= _LONG else {"n": str(number)}


def floating(number: float) -> Any:
    """Spell a floating-point number of 64 bits. Nan is what such a column has for a null.

    >>> floating(1.5), floating(float("nan")), floating(float("-inf"))
    ({'n': '1.5'}, '', '-inf')
    """
    if number != number:  # noqa: PLR0124 - only nan is not itself
        return ""
    return str(number) if number in (float("inf"), float("-inf")) else spelled(number)


def short_floating(number: float) -> Any:
    """Spell a floating-point number of 32 bits or fewer, which keep seven digits: not even those of a mobile number.

    >>> short_floating(13800138752.0), short_floating(1.100000023841858)
    ('1.38001388e+10', {'n': '1.1'})
    """
    import numpy as np  # noqa: PLC0415

    is_cut = _EXACT_FLOAT32 <= abs(number) < float("inf")
    return f"{number:.8e}" if is_cut else floating(float(str(np.float32(number))))


def decimal(number: Decimal) -> Any:
    """Spell a decimal number, which is exact: as text where a number cell would lose its tail.

    >>> decimal(Decimal("1.50")), decimal(Decimal("110101199003071233.00"))
    ({'n': '1.50'}, '110101199003071233')
    """
    is_whole = number == number.to_integral_value()
    if abs(number) < _LONG and (is_whole or len(number.normalize().as_tuple().digits) <= _EXACT_DIGITS):
        return {"n": f"{number:f}"}
    return f"{number:.0f}" if is_whole else f"{number:f}"


def text_of_bytes(content: bytes) -> str:
    r"""Spell bytes: text where they are one, as older programs write it, else their hexadecimal digits.

    >>> text_of_bytes("张三".encode()), text_of_bytes(b"\xff"), text_of_bytes(b"a\x00")
    ('张三', 'ff', '6100')
    """
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return content.hex()
    return content.hex() if _CONTROL.search(text) else text


def _moments(column: Any) -> list[str | None]:
    """Spell moments to the second, those of a time zone as that zone's clocks show them, and its offset behind."""
    import pyarrow as pa  # noqa: PLC0415

    try:
        texts = column.cast("string").to_pylist()
    except pa.ArrowInvalid:  # the machine does not know the zone
        texts = column.cast(pa.timestamp(column.type.unit, "UTC")).cast("string").to_pylist()
    return [None if text is None else _BEYOND.sub(r"\1", _IDLE_FRACTION.sub("", text).removesuffix(_MIDNIGHT)) for text in texts]


def _duration(number: int, unit: str) -> timedelta:
    return timedelta(
        microseconds=number * {"s": 1_000_000, "ms": 1_000, "us": 1}.get(unit, 0) + (number // 1_000) * (unit == "ns")
    )


if __name__ == "__main__":
    sys.exit(main())
