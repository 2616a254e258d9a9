"""The options that commands share, and what they become. Nothing here opens a file or imports a heavy module."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from batchverify.job.options import Bounds, Options
    from batchverify.settings import Settings

_Command = Callable[..., Any]
_PRODUCTS = ("bank3", "bank3-detail", "bank4", "bank4-detail", "id2", "auto")
_FIELDS = ("name", "idCard", "accountNo", "mobile")


class FieldColumn(click.ParamType[tuple[str, str]]):
    """FIELD=COLUMN, where the column is a header, a letter or a number."""

    name = "FIELD=COLUMN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        field, separator, column = str(value).partition("=")
        if not separator or field not in _FIELDS or not column.strip():
            self.fail(f"{value!r} is not FIELD=COLUMN with a field of {', '.join(_FIELDS)}.", param, ctx)
        return field, column.strip()


class Folder(click.Path):
    """A folder that was named: "" is an unset variable of a script, not the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("It is empty. Name a folder, or leave the option out.", param, ctx)
        return super().convert(value, param, ctx)


class Yuan(click.ParamType[Decimal]):
    """An amount in yuan, exact."""

    name = "YUAN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            self.fail(f"{value!r} is no amount in yuan.", param, ctx)
        if not amount.is_finite() or amount < 0:
            self.fail(f"{value!r} is no amount in yuan.", param, ctx)
        return amount


def _stack(*options: _Command) -> Callable[[_Command], _Command]:
    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


home_options = _stack(
    click.option(
        "--home",
        type=Folder(file_okay=False, path_type=Path),
        help="Folder of ledger, cache and keys. Default: BATCHVERIFY_HOME, else your data folder.",
    ),
    click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="warning", show_default=True),
    click.option("--log-file", type=click.Path(dir_okay=False, path_type=Path), help="Write the log here instead of to stderr."),
)
lang_option = click.option(
    "--lang", type=click.Choice(["en", "zh"]), help="Language of labels. Default: by locale. Both are understood when read back."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout, and nothing else there.")
password_option = click.option(
    "--password-stdin",
    is_flag=True,
    help="Take the password of a protected workbook from the first line of standard input. Default: asked at the terminal.",
)
reading_options = _stack(
    click.option(
        "--map",
        "mapping",
        type=FieldColumn(),
        multiple=True,
        help="Which column holds name, idCard, accountNo or mobile. Repeatable.",
    ),
    click.option(
        "--sheet",
        help="Name of the sheet, or all: every visible one of people, each with a result of its own. "
        "Default: the one that looks most like a list of people.",
    ),
    click.option(
        "--header-row", type=click.IntRange(min=1), help="Number of the header row. Default: found in the first 20 rows."
    ),
    click.option("--encoding", help="Encoding of a csv. Default: found, never guessed."),
    click.option("--delimiter", help="Delimiter of a csv. Default: by the header line."),
    click.option("--skip-hidden", is_flag=True, help="Leave out hidden and filtered rows."),
    password_option,
)
_endpoint_option = click.option("--endpoint", help="Another host of the vendor (https; plain http on loopback only).")
asking_options = _stack(
    click.option(
        "--product",
        type=click.Choice(_PRODUCTS),
        default="bank3",
        show_default=True,
        help="What is asked; auto takes for each row what its fields allow.",
    ),
    click.option("--sandbox", is_flag=True, help="Ask the built-in sandbox: needs no AppCode, costs nothing."),
    _endpoint_option,
    click.option("--checks", type=click.Choice(["strict", "block", "warn", "off"]), help="What local checks do. Default: block."),
    click.option("--upgrade-15", "upgrade_15", is_flag=True, help="Convert 15-digit ID numbers to 18 digits."),
    click.option(
        "--reuse-days", type=click.FloatRange(min=0), help="Reuse answers up to this age. Default: 30 for matched, 1 for others."
    ),
    click.option("--fresh", is_flag=True, help="Reuse nothing: ask again, and pay again."),
)
spending_options = _stack(
    click.option(
        "--max-asks", type=click.IntRange(min=0), help="Stop before more asks than this may be billed, over all that is named."
    ),
    click.option("--max-yuan", type=Yuan(), help="Stop before more yuan than this may be spent, over all that is named."),
    click.option(
        "--sample", type=click.IntRange(min=1), help="Ask this many first, show the rates, go on only if they look sane."
    ),
    click.option("--yes", is_flag=True, help="Accept the plan as shown."),
    click.option("--approved", metavar="HASH", help="Run exactly a plan that another person has approved: its asks are the cap."),
    click.option(
        "--qps",
        type=click.FloatRange(min=0, min_open=True),
        help="Upper bound of asks a second, over all processes on this home.",
    ),
    click.option("--concurrency", type=click.IntRange(1, 2000), help="Upper bound of asks in flight. Default: 50."),
)
delivery_options = _stack(
    click.option(
        "-o",
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Result file. Default: NAME.verified.xlsx or .csv beside the input.",
    ),
    click.option("--mask", is_flag=True, help="Mask names and numbers in the result."),
    click.option("--split", is_flag=True, help="Write one more file per status beside the result."),
    click.option(
        "--protect", is_flag=True, help="Protect the result with a password: asked for, or by --password-stdin. Workbooks only."
    ),
    click.option(
        "--cost-by", metavar="COLUMN", help="Split the bill by a column of the sheet: header, letters or number; empty for none."
    ),
    lang_option,
)
mandate_options = _stack(
    click.option("--purpose", default="", help="Why these people are verified. Recorded."),
    click.option("--authorization", default="", help="Reference of their consent. Recorded."),
    click.option("--operator", default=None, help="Who runs this. Recorded."),
)


#: What every command that goes on with a job takes. What is asked was settled as the job began.
again_options = _stack(
    click.option("--sandbox", is_flag=True, hidden=True),
    spending_options,
    delivery_options,
    password_option,
    json_option,
    home_options,
    _endpoint_option,
)


def settings_of(given: Mapping[str, Any]) -> Settings:
    """Settings with the given options on top."""
    from batchverify.settings import load_settings

    names = ("home", "endpoint", "lang", "checks", "operator", "qps", "concurrency")
    return load_settings(**{name: given.get(name) for name in names})


def options_of(given: Mapping[str, Any], settings: Settings) -> Options:
    """The job's choices from the given options and the settings below them."""
    from batchverify.job.options import Asking, Delivery, Mandate, Options, Reading
    from batchverify.model import Field, Product

    days = 0.0 if given.get("fresh") else given.get("reuse_days")
    product = given.get("product", "bank3")
    return Options(
        reading=Reading(
            mapping=dict(_mapping(given.get("mapping", ()), Field)),
            sheet=given.get("sheet"),
            header_row=given.get("header_row"),
            encoding=given.get("encoding"),
            delimiter=_delimiter(given.get("delimiter")),
            skip_hidden=bool(given.get("skip_hidden")),
        ),
        asking=Asking(
            product=None if product == "auto" else Product(product),
            checks=settings.checks,
            upgrade_15=bool(given.get("upgrade_15")),
            allow_minors=settings.allow_minors,
            reuse_days_matched=settings.reuse_days_matched if days is None else days,
            reuse_days_other=settings.reuse_days_other if days is None else days,
        ),
        delivery=Delivery(
            output=given.get("output"),
            lang=lang_of(settings),
            mask=bool(given.get("mask")),
            cost_by=given.get("cost_by") or None,
            split=bool(given.get("split")),
            protect=bool(given.get("protect")),
        ),
        mandate=Mandate(
            purpose=given.get("purpose", ""), authorization=given.get("authorization", ""), operator=settings.operator
        ),
    )


def bounds_of(given: Mapping[str, Any], settings: Settings) -> Bounds:
    """What this run may spend, and how fast."""
    from batchverify.job.options import Bounds

    return Bounds(
        max_asks=given["max_asks"],
        max_yuan=given["max_yuan"],
        qps=settings.qps,
        concurrency=settings.concurrency,
        sample=given["sample"],
        approved=given["approved"],
    )


def lang_of(settings: Settings) -> Any:
    """The language: the option or setting, else the locale's."""
    import locale

    from batchverify.words import Lang

    if settings.lang is not None:
        return Lang(settings.lang)
    return Lang.ZH if (locale.getlocale()[0] or "").lower().startswith(("zh", "chinese")) else Lang.EN


def with_output(options: Options, given: Mapping[str, Any]) -> Options:
    """A job's kept options, with what this command says about the result on top."""
    delivery = options.delivery
    if given.get("output") is not None:
        delivery = replace(delivery, output=given["output"])
    if given.get("lang") is not None:
        from batchverify.words import Lang

        delivery = replace(delivery, lang=Lang(given["lang"]))
    delivery = replace(
        delivery,
        mask=delivery.mask or bool(given.get("mask")),
        split=delivery.split or bool(given.get("split")),
        protect=delivery.protect or bool(given.get("protect")),
    )
    if given.get("cost_by") is not None:
        delivery = replace(delivery, cost_by=given["cost_by"] or None)
    return replace(options, delivery=delivery)


def _mapping(pairs: Sequence[tuple[str, str]], field: Any) -> Sequence[tuple[Any, str]]:
    return [(field(name), column) for name, column in pairs]


def _delimiter(text: str | None) -> str | None:
    return {"tab": "\t", "\\t": "\t"}.get(text.lower(), text) if text else None
