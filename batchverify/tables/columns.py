"""Which column holds which field, and which rows are rows of people.

The one thing to know: a wrong column is a bill for nothing, so nothing is guessed. A header's words name candidates, the
content of the first rows confirms or contradicts them, and where two remain the user is asked.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from batchverify.errors import InputError
from batchverify.model import CellValue, Field, NumberCell, Record
from batchverify.rules.id_number import check_character
from batchverify.rules.mobile import check_mobile
from batchverify.rules.normalise import normalise_card, normalise_id_number, normalise_mobile, normalise_name
from batchverify.rules.person_name import check_name
from batchverify.tables.headers import normalise_header, scores_of
from batchverify.tables.reader import Table
from batchverify.tables.sheet_xml import COLUMN_INDEXES, MAX_COLUMNS, column_letters
from batchverify.words import result_columns

_SAMPLED_ROWS = 200
_CONTENT_WEIGHT = 6.0
#: Two candidates closer than this are told apart by nobody but the user.
_CLEAR_LEAD = 1.0
# A column whose cells look like another field, and hardly ever like its own, does not hold what its header says.
_CONTRADICTED_FROM, _CONTRADICTED_BELOW = 0.5, 0.2
_FEWEST_VOTES = 3

_SHORTEST_ID = 15
_EXACT_DIGITS = 15
_ID_NUMBER = re.compile(r"[0-9]{17}[0-9X]|[0-9]{15}")
_DATED_ID_NUMBER = re.compile(r"[1-9][0-9]{5}(?:19|20)?[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X]?")
_CARD_NUMBER = re.compile("[0-9]{12,19}")
_EXPONENT = re.compile(r"[0-9](?:\.[0-9]+)?[eE]\+?1[1-9]")
# PIPL and the card schemes: neither may be stored or passed on (SPREADSHEETS, "columns named CVN, CVV, 有效期, 密码").
_REFUSED = re.compile(
    "cvn2?|cvv2?|cvc2?|安全码|.*密码|password|passwd|pin码?|(?:.*卡)?有效期.*|valid(?:thru|date|ity)|exp(?:iry|iration)?(?:date)?"
)
_CERTIFICATE_TYPE = re.compile("(?:身份)?证[件照](?:类型|类别|种类)|(?:id|cert|certificate|card)type")
_RESIDENT_CARD = re.compile(r"(?:\d+[\s.、:-]*)?(?:中华人民共和国)?(?:第?二代)?(?:居民)?身份证(?:号码?)?")
_TOTALS = frozenset(
    {"合计", "总计", "小计", "共计", "累计", "总额", "本页合计", "本页小计", "合计金额", "total", "subtotal", "sum", "grandtotal"}
)
_LETTERS = re.compile("[A-Za-z]{1,3}")
_LOOKS_LIKE_DATA = re.compile(r"\d{6}")
#: What a message shows of a file's headers: so many, and so many characters of each.
_LISTED, _LONGEST_HEADER = 40, 60
_LONGEST_NUMBER = 5

_FIELD_WORDS = {
    Field.NAME: "the name",
    Field.ID_CARD: "the ID number",
    Field.ACCOUNT_NO: "the bank card",
    Field.MOBILE: "the mobile number",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMap:
    """Indexes into `Record.cells`: of the fields, of the kind of certificate, of our own columns by key.

    `scores` and `candidates` say how sure each choice was, for the page that shows it; a field named by the user has none.
    `rivals` are columns that fit a field as well as the chosen one and differ from it: where it is asked, the user has to choose.
    """

    fields: Mapping[Field, int]
    certificate_type: int | None = None
    ours: Mapping[str, int] = field(default_factory=dict)
    scores: Mapping[Field, float] = field(default_factory=dict)
    candidates: Mapping[Field, tuple[int, ...]] = field(default_factory=dict)
    rivals: Mapping[Field, tuple[int, ...]] = field(default_factory=dict)


def choose_columns(
    table: Table,
    *,
    wanted: Iterable[Field],
    optional: Iterable[Field] = (),
    mapping: Mapping[Field, str] | None = None,
) -> ColumnMap:
    """Choose a column for each wanted field, and for each optional one where there is one.

    `mapping` is the user's word (`--map`): a header, letters as the spreadsheet shows them, or a number from 1.
    Raises `InputError` where a wanted field has no column or several, a named column is not there, or the sheet holds what
    may not be stored or passed on. Nothing was sent.
    """
    ours = result_columns(table.header)
    header = tuple("" if index in ours.values() else word for index, word in enumerate(table.header))
    _refuse_secrets(table, header)
    named = {
        one: find_column(table, spelled, purpose=f"for {str(one)!r}", option=f"--map {one}=")
        for one, spelled in (mapping or {}).items()
    }
    _refuse_person_as_header(table, named)
    required = tuple(wanted)
    fields = [one for one in (*required, *optional) if one not in named]
    sample = [record for record in islice(table.records(), _SAMPLED_ROWS) if any(cell != "" for cell in record.cells)]
    scored = _scored(header, fields, taken=frozenset(named.values()), sample=sample)
    chosen: dict[Field, int] = {}
    scores: dict[Field, float] = {}
    for score, one, column in sorted(scored, key=lambda choice: -choice[0]):
        if one not in chosen and column not in chosen.values():
            chosen[one], scores[one] = column, score
    for one in required:
        if one not in chosen and one not in named:
            raise _missing(table, header, one, taken=frozenset((*chosen.values(), *named.values())))
    candidates = {one: tuple(column for _, other, column in scored if other is one) for one in chosen}
    differing: dict[Field, tuple[int, ...]] = {}
    for one, column in chosen.items():
        rivals = [
            other
            for score, which, other in scored
            if which is one and other not in (*chosen.values(), *named.values()) and scores[one] - score < _CLEAR_LEAD
        ]
        if any(_differ(sample, column, other) for other in rivals):
            if one in required:
                raise _ambiguous(table, one, [column, *rivals])
            differing[one] = tuple(rivals)
    types = [index for index, word in enumerate(header) if _CERTIFICATE_TYPE.fullmatch(normalise_header(word))]
    return ColumnMap(
        fields=named | chosen,
        certificate_type=types[0] if types else None,
        ours=ours,
        scores=scores,
        candidates=candidates,
        rivals=differing,
    )


def values_of(record: Record, columns: ColumnMap) -> dict[Field, CellValue]:
    """Give the cells of the mapped fields; "" where the row ends before."""
    cells = record.cells
    return {one: cells[index] if index < len(cells) else "" for one, index in columns.fields.items()}


def is_asked(record: Record, columns: ColumnMap) -> bool:
    """Tell whether a row is one of a person: not blank, and no sum (合计, 总计, 小计). The others stay in the result, unasked."""
    index = columns.fields.get(Field.ID_CARD, MAX_COLUMNS)
    cells = record.cells
    number = cells[index] if index < len(cells) else ""
    if isinstance(number, str) and len(number) >= _SHORTEST_ID:
        return True
    theirs = [cell for index, cell in enumerate(cells) if cell != "" and index not in columns.ours.values()]
    words = [_bare(cell) if isinstance(cell, str) else "-" for cell in theirs]
    return any(words) and not (number == "" and any(word in _TOTALS for word in words))


def is_other_certificate(cell: CellValue) -> bool:
    """Tell whether a cell of the 证件类型 column names anything but the resident's ID card. A blank names nothing.

    >>> is_other_certificate("居民身份证"), is_other_certificate("01-身份证"), is_other_certificate("护照"), is_other_certificate("")
    (False, False, True, False)
    """
    if not isinstance(cell, str):
        return True
    word = _bare(cell)
    return word != "" and not _RESIDENT_CARD.fullmatch(word)


def _scored(
    header: Sequence[str], fields: Sequence[Field], *, taken: frozenset[int], sample: Sequence[Record]
) -> list[tuple[float, Field, int]]:
    """Score each column for each field that its header may stand for, by words and by content."""
    choices = []
    for column, word in enumerate(header):
        by_words = scores_of(word) if column not in taken else {}
        if not any(one in fields for one in by_words):
            continue
        cells = [cell for record in sample if (cell := record.cells[column]) != ""]
        shares = {one: _share(one, cells) for one in Field}
        for one, score in by_words.items():
            others = max(share for other, share in shares.items() if other is not one)
            contradicted = len(cells) >= _FEWEST_VOTES and others >= _CONTRADICTED_FROM and shares[one] < _CONTRADICTED_BELOW
            if one in fields and not contradicted:
                choices.append((score + _CONTENT_WEIGHT * shares[one], one, column))
    return choices


def _share(one: Field, cells: Sequence[CellValue]) -> float:
    return sum(_looks_like(one, cell) for cell in cells) / len(cells) if cells else 0.0


def _looks_like(one: Field, cell: CellValue) -> bool:
    """Tell whether a cell looks like a field at all; whether it may be asked is decided elsewhere."""
    text = cell.literal if isinstance(cell, NumberCell) else cell
    if not isinstance(text, str):
        return False
    # What Excel has rounded may have been either, and must speak against neither: its rows are to be shown, one by one.
    if one in (Field.ID_CARD, Field.ACCOUNT_NO) and (
        _EXPONENT.fullmatch(text) or (isinstance(cell, NumberCell) and len(text) > _EXACT_DIGITS)
    ):
        return True
    match one:
        case Field.NAME:
            return check_name(normalise_name(text)[0]) == ()
        case Field.ID_CARD:
            return _is_id_like(normalise_id_number(text)[0])
        case Field.ACCOUNT_NO:
            number = normalise_card(text)[0]
            return _CARD_NUMBER.fullmatch(number) is not None and not _is_id_like(number)
        case Field.MOBILE:
            return check_mobile(normalise_mobile(text)[0]) == ()


def _is_id_like(number: str) -> bool:
    """Tell by the check character, or by a date of birth where that is wrong: a column of mistyped numbers is still one of IDs."""
    if not _ID_NUMBER.fullmatch(number):
        return False
    return _DATED_ID_NUMBER.fullmatch(number) is not None or check_character(number[:17]) == number[17:]


def _differ(sample: Sequence[Record], column: int, other: int) -> bool:
    return any(record.cells[column] != record.cells[other] for record in sample)


def find_column(table: Table, spelled: str, *, purpose: str, option: str) -> int:
    """Find the column that the user names: by its header, else by letters, else by number.

    `purpose` and `option` say what for and how, in the `InputError` where there is none or more than one.
    """
    width = len(table.header)
    same = [index for index, word in enumerate(table.header) if word.strip() == spelled.strip() != ""]
    same = same or [
        index for index, word in enumerate(table.header) if word and normalise_header(word) == normalise_header(spelled)
    ]
    if len(same) > 1:
        letters = ", ".join(map(column_letters, same))
        raise InputError(
            f"{table.name} has several columns {spelled!r}: {letters}. Name one by its letters: {option}{column_letters(same[0])}."
        )
    if same:
        return same[0]
    if _LETTERS.fullmatch(spelled) and COLUMN_INDEXES[spelled.upper()] < width:
        return COLUMN_INDEXES[spelled.upper()]
    if spelled.isascii() and spelled.isdecimal() and len(spelled) <= _LONGEST_NUMBER and 1 <= int(spelled) <= width:
        return int(spelled) - 1
    raise InputError(f"{table.name} has no column {spelled!r} {purpose}. {_what_it_has(table, table.header)}")


def _refuse_person_as_header(table: Table, named: Mapping[Field, int]) -> None:
    """Refuse a sheet without a header, whose first person would be shown as one, and never asked."""
    if any(one is not Field.NAME and _looks_like(one, table.header[index]) for one, index in named.items()):
        raise InputError(
            f"Row {table.header_row} of {table.name} was taken for the header, and it holds a person, who would be left out. "
            "Put a row of headers above the first person, or name the right one with --header-row."
        )


def _refuse_secrets(table: Table, header: Sequence[str]) -> None:
    for index, word in enumerate(header):
        if _REFUSED.fullmatch(normalise_header(word)):
            raise InputError(
                f"{table.name} has a column {_shown(word)} ({column_letters(index)}): card security codes, expiry dates and passwords may not be "
                "stored or passed on. Delete that column and run this again."
            )


def _missing(table: Table, header: Sequence[str], one: Field, *, taken: frozenset[int]) -> InputError:
    named_so = [index for index, word in enumerate(header) if one in scores_of(word) and index not in taken]
    hints = [
        f"{_shown(header[index])} ({column_letters(index)}) is named so, but its cells look like something else."
        for index in named_so[:_LISTED]
    ]
    hints.append(f"Name yours with --map {one}=COLUMN.")
    if table.csv and table.header_score == 0:
        hints.append(f"If its words look garbled, {table.encoding} is not its encoding: name that with --encoding.")
    return InputError(
        f"{table.name} has no column for {str(one)!r} ({_FIELD_WORDS[one]}). {_what_it_has(table, header)} {' '.join(hints)}"
    )


def _what_it_has(table: Table, header: Sequence[str]) -> str:
    """List the headers; where no word is known, the row may be a row of people, and nothing of it is shown."""
    if table.header_score == 0:
        last = column_letters(max(len(header) - 1, 0))
        return f"None of its first rows reads like a header; row {table.header_row} was taken, columns A to {last}. Look at --header-row."
    words = [_shown(word) for word in header if word and not _LOOKS_LIKE_DATA.search(word)]
    more = f" and {len(words) - _LISTED:,} more" if len(words) > _LISTED else ""
    return f"It has: {', '.join(words[:_LISTED])}{more}."


def _shown(word: str) -> str:
    """A header for a message: what may be a cell that slipped into it is not shown, and no more of it than can be read."""
    if _LOOKS_LIKE_DATA.search(word):
        return "(not shown, for it looks like data)"
    return repr(word if len(word) <= _LONGEST_HEADER else f"{word[:_LONGEST_HEADER]}…")


def _ambiguous(table: Table, one: Field, columns: Sequence[int]) -> InputError:
    names = " and ".join(f"{_shown(table.header[index])} ({column_letters(index)})" for index in sorted(columns)[:_LISTED])
    return InputError(
        f"{table.name} has more than one column that may be {_FIELD_WORDS[one]}: {names}, and they differ. "
        f"Name one with --map {one}={column_letters(columns[0])}."
    )


def _bare(text: str) -> str:
    """Fold a cell for comparing words: width, case, white space and a colon at the end do not matter."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip(":")
