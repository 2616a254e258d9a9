"""The invoice page: which orders to apply with, by month, and the statement as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from batchverify.errors import InputError
from batchverify.job.clock import SystemClock
from batchverify.job.wallet import invoice as statement
from batchverify.job.wallet import write_invoice
from batchverify.report.invoice import invoice_rows, invoice_text
from batchverify.rules.invoice import Month
from batchverify.web.drawing import language_of, page
from batchverify.web.pages.doors import Form, door, say
from batchverify.web.pages.files import file_answer
from batchverify.web.pages.wallet import session_of

_FORMS: Final = ("csv", "xlsx")
#: How the last two columns of the statement lie: they are amounts.
_AMOUNTS: Final = 2


def show(request: Request, form: Form) -> Response:
    """What to apply for in these months."""
    del form
    first, last = _months(request)
    lang = language_of(request)
    found = statement(session_of(request), first=first, last=last)
    header, *rows = invoice_rows(found, lang)
    return page(
        request,
        "invoice.html",
        section="quota",
        part="invoice",
        is_wide=True,
        first=str(first),
        last=str(last),
        header=header,
        rows=rows,
        words=len(header) - _AMOUNTS,
        summary=invoice_text(found, first=first, last=last, lang=lang).splitlines()[1:],
        query=urlencode({"first": str(first), "last": str(last)}),
    )


def export(request: Request, form: Form) -> Response:
    """The statement as a file."""
    del form
    kind = request.path_params["kind"]
    if kind not in _FORMS:
        raise InputError(say(request, "usage.no_kind"))
    first, last = _months(request)
    found, lang = statement(session_of(request), first=first, last=last), language_of(request)

    def write(path: Path) -> None:
        write_invoice(found, path, first=first, last=last, lang=lang)

    return file_answer(request, f"invoice-{first}-{last}.{kind}", write)


def _months(request: Request) -> tuple[Month, Month]:
    """The months that are asked about; this one where none is."""
    this = Month.of(SystemClock().now())
    first = _month(request, "first") or _month(request, "last") or this
    return first, _month(request, "last") or first


def _month(request: Request, word: str) -> Month | None:
    text = request.query_params.get(word, "")
    if not text.strip():
        return None
    if (month := Month.spelled(text)) is None:
        raise InputError(say(request, "invoice.no_month"))
    return month


ROUTES = [
    Route("/quota/invoice", door(show, role="view"), methods=["GET"]),
    Route("/quota/invoice.{kind}", door(export, role="view"), methods=["GET"]),
]
