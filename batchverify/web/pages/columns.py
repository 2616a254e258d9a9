"""The second step: which column is which, what is verified, and how. Nothing is asked here, and nothing costs anything.

The one thing to know: what was found by itself stays found. Only what a person changed is named, so that a file asks the same
questions, by the same job, whether it came in here or by the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from batchverify.desk import PasswordNeeded
from batchverify.errors import InputError
from batchverify.job import Asking, Inspection, Options, Reading
from batchverify.model import CheckLevel, Field, Product, Secret
from batchverify.vendor.products import ROUTES as PRODUCTS
from batchverify.web.drawing import language_of, page
from batchverify.web.pages.doors import Form, case_of, desk_of, door, say, see
from batchverify.words import Lang, label_of_field

if TYPE_CHECKING:
    from batchverify.desk import Case

_WORDS = (*(str(one) for one in Product), "auto")
_ENCODINGS = ("utf-8", "gb18030", "big5", "utf-16")
_TONES: Mapping[str, str] = {"sure": "is-good", "named": "is-good", "as_last_time": "is-good", "missing": ""}
_UNPROCESSABLE = 422
_LONGEST_NUMBER = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldLine:
    """A field, the column it was found in ("" for none), examples, and how sure that is."""

    field: Field
    chosen: str
    examples: tuple[str, ...]
    confidence: str

    @property
    def tone(self) -> str:
        """The mark beside the word."""
        return _TONES.get(self.confidence, "is-held")


def show(request: Request, form: Form) -> Response:
    """What was found in the file, or the question for its password."""
    del form
    case = case_of(request)
    if not case.stage.is_before_asking:
        return see(f"/jobs/{case.id}")
    return _shown(request, case)


def choose(request: Request, form: Form) -> Response:
    """Take what was chosen: look again where the sheet was changed, else go on to the plan."""
    case, desk = case_of(request), desk_of(request)
    if not case.stage.is_before_asking:
        return see(f"/jobs/{case.id}")
    try:
        reading, is_elsewhere = _place(case.options.reading, form)
        if "again" in form or is_elsewhere:
            # Read before it is kept: a header row that is not there must not stay.
            desk.inspect(case.id, reading)
            desk.choose(case.id, replace(case.options, reading=reading), operator=request.state.person.name)
            return see(f"/jobs/{case.id}/columns")
        found = desk.inspect(case.id, reading)
        if (mapping := _mapping(found, reading, form)) != reading.mapping:
            reading = replace(reading, mapping=mapping)
            found = desk.inspect(case.id, reading)
        options = _options(replace(case.options, reading=reading), form, usual=desk.first_options().asking)
        if sentence := _missing(request, found, options):
            return _shown(request, replace(case, options=options), problem=sentence)
        if form.get("result_password"):
            desk.give_password(case.id, Secret(form["result_password"]))
        desk.choose(case.id, options, operator=request.state.person.name)
        desk.plan(case.id, operator=request.state.person.name)
    except PasswordNeeded:
        raise
    except InputError as error:
        return _shown(request, desk.case(case.id), problem=str(error))
    return see(f"/jobs/{case.id}/plan")


def ask_password(request: Request, form: Form) -> Response:
    """The question for the password of a workbook."""
    del form
    return _password(request, case_of(request))


def take_password(request: Request, form: Form) -> Response:
    """Try a password; what opens the workbook is kept in memory."""
    case, desk = case_of(request), desk_of(request)
    desk.give_password(case.id, Secret(form.get("password", "")))
    try:
        desk.inspect(case.id)
    except PasswordNeeded:
        return _password(request, case, problem=say(request, "columns.password_wrong"))
    return see(f"/jobs/{case.id}/columns" if case.stage.is_before_asking else f"/jobs/{case.id}")


def _password(request: Request, case: Case, *, problem: str = "") -> Response:
    status = _UNPROCESSABLE if problem else 200
    return page(request, "password.html", status=status, section="jobs", case=case, problem=problem)


def _shown(request: Request, case: Case, *, problem: str = "") -> Response:
    desk = desk_of(request)
    try:
        found = desk.inspect(case.id, case.options.reading)
    except PasswordNeeded:
        return _password(request, case)
    options = case.options
    is_untouched = options == desk.first_options()
    return page(
        request,
        "columns.html",
        status=_UNPROCESSABLE if problem else 200,
        section="jobs",
        case=case,
        problem=problem,
        found=found,
        lines=lines_of(found),
        choices=choices_of(found),
        encodings=dict.fromkeys((found.encoding, *_ENCODINGS)) if found.encoding else (),
        products=_WORDS,
        options=options,
        opened=not is_untouched,
        result_lang=str(language_of(request) if is_untouched else options.delivery.lang),
        cost_by=options.delivery.cost_by or "",
        switches=[
            ("mask", options.delivery.mask),
            ("split", options.delivery.split),
            ("protect", options.delivery.protect),
            ("upgrade_15", options.asking.upgrade_15),
            *([("skip_hidden", options.reading.skip_hidden)] if found.hidden_rows or options.reading.skip_hidden else []),
            ("fresh", options.asking.reuse_days_matched == 0),
        ],
    )


def lines_of(found: Inspection) -> list[FieldLine]:
    """All four fields, those that were found first of all with their examples."""
    columns = {column.field: column for column in found.columns}
    return [
        FieldLine(field=one, chosen=column.letters, examples=column.examples, confidence=column.confidence)
        if (column := columns.get(one)) is not None
        else FieldLine(field=one, chosen="", examples=(), confidence="missing")
        for one in Field
    ]


def choices_of(found: Inspection) -> list[tuple[str, str]]:
    """Letters and headers of all columns that may be chosen, in the order of the sheet."""
    columns = {column.letters: column.header for column in found.columns}
    for column in found.columns:
        columns |= dict(column.rivals)
    columns |= dict(found.others)
    return sorted(columns.items(), key=lambda pair: (len(pair[0]), pair[0]))


def _place(reading: Reading, form: Form) -> tuple[Reading, bool]:
    """Where the form says that the table stands, and whether that is another place than was shown."""
    is_elsewhere = False
    if (sheet := form.get("sheet")) and sheet != form.get("seen_sheet"):
        # The header of another sheet stands where it is found there.
        return replace(reading, sheet=sheet, header_row=None, mapping={}), True
    row = form.get("header_row", "")
    if row != form.get("seen_header_row") and row.isascii() and row.isdecimal() and len(row) <= _LONGEST_NUMBER:
        reading, is_elsewhere = replace(reading, header_row=max(int(row), 1), mapping={}), True
    encoding = form.get("encoding")
    if encoding and encoding != form.get("seen_encoding"):
        reading, is_elsewhere = replace(reading, encoding=encoding, mapping={}), True
    return reading, is_elsewhere


def _mapping(found: Inspection, reading: Reading, form: Form) -> Mapping[Field, str]:
    """The columns that a person has named, before or now."""
    shown = {column.field: column for column in found.columns}
    mapping = dict(reading.mapping)
    for one in Field:
        chosen = form.get(f"column-{one}", "")
        column = shown.get(one)
        if chosen and (column is None or chosen != column.letters or column.rivals):
            mapping[one] = chosen
    return mapping


def _options(options: Options, form: Form, *, usual: Asking) -> Options:
    """The choices of the form. A word that no choice has is an InputError."""
    word = form.get("product", options.asking.product_word)
    checks = form.get("checks", str(options.asking.checks))
    lang = form.get("lang", str(options.delivery.lang))
    if word not in _WORDS or checks not in frozenset(CheckLevel) or lang not in frozenset(Lang):
        raise InputError("The form has a choice that does not exist. Load the page again. Nothing was sent.")
    asking = replace(
        options.asking,
        product=None if word == "auto" else Product(word),
        checks=CheckLevel(checks),
        upgrade_15="upgrade_15" in form,
        reuse_days_matched=0 if "fresh" in form else usual.reuse_days_matched,
        reuse_days_other=0 if "fresh" in form else usual.reuse_days_other,
    )
    delivery = replace(
        options.delivery,
        lang=Lang(lang),
        mask="mask" in form,
        split="split" in form,
        protect="protect" in form,
        cost_by=form.get("cost_by") or None,
    )
    return replace(options, reading=replace(options.reading, skip_hidden="skip_hidden" in form), asking=asking, delivery=delivery)


def _missing(request: Request, found: Inspection, options: Options) -> str:
    """A sentence about what keeps the plan from being made, "" where nothing does."""
    letters = [column.letters for column in found.columns]
    if len(set(letters)) < len(letters):
        return say(request, "columns.twice")
    fields = {column.field for column in found.columns}
    product = options.asking.product
    needed = PRODUCTS[product][1] if product is not None else (Field.NAME, Field.ID_CARD)
    missing = [one for one in Field if one in needed and one not in fields]
    lang = language_of(request)
    return say(request, "columns.needs", fields=", ".join(label_of_field(one, lang) for one in missing)) if missing else ""


ROUTES = [
    Route("/jobs/{id}/columns", door(show, role="prepare"), methods=["GET"]),
    Route("/jobs/{id}/columns", door(choose, role="prepare"), methods=["POST"]),
    Route("/jobs/{id}/password", door(ask_password, role="prepare"), methods=["GET"]),
    Route("/jobs/{id}/password", door(take_password, role="prepare"), methods=["POST"]),
]
