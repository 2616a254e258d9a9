"""From the cells of a row to the query that would be sent, or the reason why it is never sent.

The one thing to know: each field goes cell -> text -> normalised text -> findings, and a finding's weight and the level
of the checks decide together whether it blocks or becomes a warning of the query.

| weight | strict | block | warn | off |
|---|---|---|---|---|
| FATAL: nothing that could be sent (missing, lost precision, no text) | blocks | blocks | blocks | blocks |
| GRAVE: surely a wasted ask, or a matter of law | blocks | blocks | blocks | sent |
| ERROR | blocks | blocks | warning | sent |
| LUHN | blocks | warning | warning | sent |
| WARNING | warning | warning | warning | sent |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum, auto

from batchverify.model import Blocked, CellValue, CheckLevel, Field, Product, Query
from batchverify.rules import card, cells, id_number, mobile, normalise, person_name

#: The fields that a product takes, in the order in which they are looked at.
FIELDS: Mapping[Product, tuple[Field, ...]] = {
    Product.BANK3: (Field.NAME, Field.ID_CARD, Field.ACCOUNT_NO),
    Product.BANK3_DETAIL: (Field.NAME, Field.ID_CARD, Field.ACCOUNT_NO),
    Product.BANK4: (Field.NAME, Field.ID_CARD, Field.ACCOUNT_NO, Field.MOBILE),
    Product.BANK4_DETAIL: (Field.NAME, Field.ID_CARD, Field.ACCOUNT_NO, Field.MOBILE),
    Product.ID2: (Field.NAME, Field.ID_CARD),
}

#: Note of a text that ended in ".0", as pandas writes a number that it took for a fraction.
DECIMAL_POINT = "decimal_point"
#: Note of a 15-digit ID number that was converted because the user asked for it.
UPGRADED_15 = "upgraded_15"

# The gateway takes 8 kB of URL. A longer text is no name and no number, and its refusal would stop the whole run.
_SENDABLE_CHARACTERS = 256
# UTF-8, and so a URL, cannot write half a pair.
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

#: How each field is written as it is sent, and checked on a given day.
_STEPS: Mapping[Field, tuple[Callable[[str], normalise.Normal], Callable[[str, date], tuple[str, ...]]]] = {
    Field.NAME: (normalise.normalise_name, lambda text, _: person_name.check_name(text)),
    Field.ID_CARD: (normalise.normalise_id_number, id_number.check_id_number),
    Field.ACCOUNT_NO: (normalise.normalise_card, lambda text, _: card.check_card(text)),
    Field.MOBILE: (normalise.normalise_mobile, lambda text, _: mobile.check_mobile(text)),
}


class Weight(Enum):
    """How much a finding matters; the module docstring has the table."""

    FATAL = auto()
    GRAVE = auto()
    ERROR = auto()
    LUHN = auto()
    WARNING = auto()


#: Every finding of the checks and its weight.
WEIGHTS: Mapping[str, Weight] = {
    cells.MISSING_FIELD: Weight.FATAL,
    cells.PRECISION_LOST: Weight.FATAL,
    cells.SCIENTIFIC_TEXT: Weight.FATAL,
    cells.FORMULA_WITHOUT_VALUE: Weight.FATAL,
    cells.ODD_CELL: Weight.FATAL,
    cells.PRECISION_SUSPECT: Weight.ERROR,
    id_number.ID_CHARACTERS: Weight.ERROR,
    id_number.ID_LENGTH: Weight.ERROR,
    id_number.ID_15_DIGITS: Weight.ERROR,
    id_number.ID_BIRTHDATE: Weight.ERROR,
    id_number.ID_FUTURE: Weight.ERROR,
    id_number.ID_CHECKSUM: Weight.ERROR,
    # PIPL article 31: a minor's data needs a guardian's consent, which `allow_minors` states; a laxer check does not.
    id_number.MINOR: Weight.GRAVE,
    id_number.REGION: Weight.WARNING,
    id_number.PERMIT: Weight.WARNING,
    id_number.PERMANENT_RESIDENCE: Weight.WARNING,
    card.CARD_CHARACTERS: Weight.ERROR,
    card.CARD_LENGTH: Weight.ERROR,
    card.LUHN: Weight.LUHN,
    mobile.MOBILE_FORMAT: Weight.ERROR,
    person_name.NAME_UNREADABLE: Weight.GRAVE,
    person_name.NAME_CHARACTERS: Weight.ERROR,
    person_name.RARE_CHARACTER: Weight.WARNING,
    person_name.NOT_HAN: Weight.WARNING,
}

#: The code of a row that Luhn blocked.
CARD_LUHN = "card_luhn"

#: Every code that `prepare` can block a row with.
BLOCK_CODES = (*(code for code, weight in WEIGHTS.items() if weight in {Weight.FATAL, Weight.GRAVE, Weight.ERROR}), CARD_LUHN)

_BLOCKING: Mapping[CheckLevel, frozenset[Weight]] = {
    CheckLevel.STRICT: frozenset({Weight.FATAL, Weight.GRAVE, Weight.ERROR, Weight.LUHN}),
    CheckLevel.BLOCK: frozenset({Weight.FATAL, Weight.GRAVE, Weight.ERROR}),
    CheckLevel.WARN: frozenset({Weight.FATAL, Weight.GRAVE}),
    CheckLevel.OFF: frozenset({Weight.FATAL}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPolicy:
    """How hard to check (`--checks`), and what the user has allowed: converting 15-digit numbers, asking about minors."""

    level: CheckLevel = CheckLevel.BLOCK
    upgrade_15: bool = False
    allow_minors: bool = False


#: A field as it would be sent, its notes and its findings.
_Looked = tuple[str, tuple[str, ...], tuple[str, ...]]


def prepare(values: Mapping[Field, CellValue], *, product: Product, policy: CheckPolicy, today: date) -> Query | Blocked:
    """Give the query that a row asks, or why it is not sent; only the fields that the product takes are looked at.

    `values` are the cells as read (a field without one is missing), `today` is the date in Beijing. Nothing is billed for
    a blocked row. Of several findings that block, the first field's gravest is named.

    >>> row = {Field.NAME: "张 三", Field.ID_CARD: "110101199003070011", Field.ACCOUNT_NO: "6217000000000000003"}
    >>> query = prepare(row, product=Product.BANK3, policy=CheckPolicy(), today=date(2026, 11, 24))
    >>> query.notes, query.warnings
    (('name:spaces',), ('accountNo:luhn',))
    >>> prepare({}, product=Product.ID2, policy=CheckPolicy(), today=date(2026, 11, 24))
    Blocked(code='missing_field', at=<Field.NAME: 'name'>)
    """
    sent: dict[Field, str] = {}
    all_notes: tuple[str, ...] = ()
    all_warnings: tuple[str, ...] = ()
    for field in FIELDS[product]:
        text, notes, findings = _look(field, values.get(field, ""), policy, today)
        if notes:
            all_notes += tuple(f"{field}:{note}" for note in notes)
        if findings:
            code = _blocking_code(findings, text, policy)
            if code:
                return Blocked(code=code, at=field)
            if policy.level is not CheckLevel.OFF:
                all_warnings += tuple(f"{field}:{finding}" for finding in findings)
        sent[field] = text
    return Query(
        product=product,
        name=sent[Field.NAME],
        id_card=sent[Field.ID_CARD],
        account_no=sent.get(Field.ACCOUNT_NO, ""),
        mobile=sent.get(Field.MOBILE, ""),
        notes=all_notes,
        warnings=all_warnings,
    )


def auto_product(values: Mapping[Field, CellValue]) -> Product:
    """Choose the product that a row has the fields for: four elements with a mobile, three with a card, two otherwise.

    A cell counts as soon as anything is in it: a damaged card must be blocked as such, not asked without.

    >>> auto_product({Field.NAME: "张三", Field.MOBILE: "13800138000"}), auto_product({Field.ACCOUNT_NO: " "})
    (<Product.BANK4: 'bank4'>, <Product.ID2: 'id2'>)
    """
    if _has(values.get(Field.MOBILE, "")):
        return Product.BANK4
    return Product.BANK3 if _has(values.get(Field.ACCOUNT_NO, "")) else Product.ID2


def _has(cell: CellValue) -> bool:
    return not isinstance(cell, str) or bool(normalise.normalise_name(cell)[0])


def _look(field: Field, cell: CellValue, policy: CheckPolicy, today: date) -> _Looked:
    """One field from cell to findings: those of the cell come first, and a fatal one is the only one."""
    is_number = field is not Field.NAME
    text, wrong = (cell, "") if isinstance(cell, str) else cells.typed_text(cell, is_number=is_number)
    if wrong and WEIGHTS[wrong] is Weight.FATAL:
        return text, (), (wrong,)
    normal, check = _STEPS[field]
    text, notes = normal(text)
    if not text:
        return text, notes, (cells.MISSING_FIELD,)
    if is_number and not text.isdecimal() and (respelled := cells.respell(text)):
        text, wrong = respelled
        if wrong == cells.SCIENTIFIC_TEXT:
            return text, notes, (wrong,)
        notes += (DECIMAL_POINT,)
    findings = check(text, today)
    if findings and field is Field.ID_CARD:
        text, notes, findings = _allow(text, notes, findings, policy, today)
    return text, notes, (wrong, *findings) if wrong else findings


def _allow(text: str, notes: tuple[str, ...], findings: tuple[str, ...], policy: CheckPolicy, today: date) -> _Looked:
    """Apply what the user has allowed for ID numbers: to convert 15 digits, and to ask about minors."""
    if policy.upgrade_15 and (longer := id_number.upgrade_15(text)):
        text, notes, findings = longer, (*notes, UPGRADED_15), id_number.check_id_number(longer, today)
    if policy.allow_minors:
        findings = tuple(finding for finding in findings if finding != id_number.MINOR)
    return text, notes, findings


def _blocking_code(findings: tuple[str, ...], text: str, policy: CheckPolicy) -> str:
    """Give the first finding that blocks at this level, or ""; what could not travel in a URL blocks at every level."""
    travels = len(text) <= _SENDABLE_CHARACTERS and not _LONE_SURROGATE.search(text)
    blocking = _BLOCKING[policy.level] if travels else _BLOCKING[CheckLevel.STRICT]
    for finding in findings:
        if WEIGHTS[finding] in blocking:
            return CARD_LUHN if finding == card.LUHN else finding
    return ""
