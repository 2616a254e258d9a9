"""The door for Python: the command line's options as keyword arguments. Nothing is printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from batchverify.errors import InputError
from batchverify.job import Asking, Bounds, Delivery, Mandate, Options, Plan, Reading, Session
from batchverify.job import plan_file as _plan_file
from batchverify.job import run_file as _run_file
from batchverify.job.reporting import report_job
from batchverify.model import Field, Product, RowStatus, Secret
from batchverify.pool import Progress
from batchverify.report.summary import Summary
from batchverify.rules.prices import yuan
from batchverify.settings import Settings, home_folder, load_settings
from batchverify.store.home import Home
from batchverify.tables.frame import answers_of, written_for
from batchverify.tables.passwords import Passwords
from batchverify.words import Lang

if TYPE_CHECKING:
    import pandas as pd

ProductWord = Literal["bank3", "bank3-detail", "bank4", "bank4-detail", "id2", "auto"]
ChecksWord = Literal["strict", "block", "warn", "off"]
LangWord = Literal["en", "zh"]
#: A password, or who is asked for it when one is needed.
Password = str | Secret | Callable[[], str | Secret]
Word = TypeVar("Word", bound=StrEnum)


class _Watcher:
    def __init__(self, progress: Callable[[Progress], None] | None, *, accepted: bool) -> None:
        self._progress = progress
        self._accepted = accepted

    def approve(self, plan: Plan, *, cap_asks: int | None) -> None:
        if plan.asks and not self._accepted and cap_asks is None:
            raise InputError(
                f"Nothing was asked: the plan would ask {plan.asks} questions for at most {yuan(plan.worst_price)} yuan. "
                "Pass yes=True, max_asks or max_yuan."
            )

    def asking(self, *, total: int, cap_asks: int | None) -> None:
        """Nobody is told: the first progress says it."""

    def sampled(self, statuses: Mapping[RowStatus, int]) -> None:
        """Nobody is told: the summary says it."""

    def progress(self, progress: Progress) -> None:
        if self._progress is not None:
            self._progress(progress)


def verify_file(
    path: str | Path,
    *,
    output: str | Path | None = None,
    product: ProductWord = "bank3",
    sandbox: bool = False,
    endpoint: str | None = None,
    home: str | Path | None = None,
    mapping: Mapping[str, str] | None = None,
    sheet: str | None = None,
    header_row: int | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    skip_hidden: bool = False,
    checks: ChecksWord | None = None,
    upgrade_15: bool = False,
    reuse_days: float | None = None,
    fresh: bool = False,
    max_asks: int | None = None,
    max_yuan: Decimal | None = None,
    sample: int | None = None,
    yes: bool = False,
    approved: str | None = None,
    qps: float | None = None,
    concurrency: int | None = None,
    mask: bool = False,
    split: bool = False,
    protect: bool = False,
    password: Password | None = None,
    cost_by: str | None = None,
    purpose: str = "",
    authorization: str = "",
    operator: str | None = None,
    lang: LangWord = "en",
    progress: Callable[[Progress], None] | None = None,
) -> Summary:
    """Verify a spreadsheet as `batchverify run` does, and return its summary.

    `password` opens a protected workbook, and with `protect` is the one of the result; as a callable it is asked for no sooner.

    The bill: at most one paid ask for each different question, and none for what an earlier run has answered.

    Raises:
        InputError, SettingsError: Nothing was sent, nothing was written.
        HomeError: The home failed; no ask left after that.
    """
    settings = load_settings(
        endpoint=endpoint,
        home=Path(home) if home is not None else None,
        checks=checks,
        qps=qps,
        concurrency=concurrency,
        operator=operator,
    )
    options = _options(
        settings,
        product=product,
        reading=Reading(
            mapping={_word(Field, name, of="mapping"): column for name, column in (mapping or {}).items()},
            sheet=sheet,
            header_row=header_row,
            encoding=encoding,
            delimiter=delimiter,
            skip_hidden=skip_hidden,
        ),
        upgrade_15=upgrade_15,
        reuse_days=0 if fresh else reuse_days,
        delivery=Delivery(
            output=Path(output) if output is not None else None,
            lang=_word(Lang, lang, of="lang"),
            mask=mask,
            cost_by=cost_by,
            split=split,
            protect=protect,
        ),
        mandate=Mandate(purpose=purpose, authorization=authorization, operator=settings.operator),
    )
    bounds = Bounds(
        max_asks=max_asks,
        max_yuan=max_yuan,
        qps=settings.qps,
        concurrency=settings.concurrency,
        sample=sample,
        approved=approved,
    )
    session = Session(
        settings=settings, watcher=_Watcher(progress, accepted=yes), built_in=sandbox, passwords=_passwords(password)
    )
    return _run_file(Path(path), options, bounds, session).summary


def plan_file(
    path: str | Path,
    *,
    product: ProductWord = "bank3",
    sandbox: bool = False,
    endpoint: str | None = None,
    home: str | Path | None = None,
    mapping: Mapping[str, str] | None = None,
    sheet: str | None = None,
    header_row: int | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    skip_hidden: bool = False,
    checks: ChecksWord | None = None,
    upgrade_15: bool = False,
    reuse_days: float | None = None,
    fresh: bool = False,
    password: Password | None = None,
) -> Plan:
    """Count what `verify_file` would ask and cost. Costs nothing.

    Raises:
        InputError, SettingsError: The file or an option is wrong.
    """
    settings = load_settings(endpoint=endpoint, home=Path(home) if home is not None else None, checks=checks)
    reading = Reading(
        mapping={_word(Field, name, of="mapping"): column for name, column in (mapping or {}).items()},
        sheet=sheet,
        header_row=header_row,
        encoding=encoding,
        delimiter=delimiter,
        skip_hidden=skip_hidden,
    )
    options = _options(settings, product=product, reading=reading, upgrade_15=upgrade_15, reuse_days=0 if fresh else reuse_days)
    session = Session(settings=settings, watcher=_Watcher(None, accepted=False), built_in=sandbox, passwords=_passwords(password))
    return _plan_file(Path(path), options, session)


def report_file(
    job: str,
    path: str | Path,
    *,
    home: str | Path | None = None,
    lang: LangWord = "en",
    password: Password | None = None,
) -> Path:
    """Write the audit report of a job (`Summary.job`) to a .html, .pdf, .xlsx or .json, and return where it lies. Asks nothing.

    Raises:
        InputError: The job has not ended, its input is gone or was changed, or the path cannot be. Nothing was written.
        HomeError: The ledger was changed by another hand: no report can vouch for it.
    """
    settings = load_settings(home=Path(home) if home is not None else None)
    session = Session(settings=settings, watcher=_Watcher(None, accepted=False), passwords=_passwords(password))
    return report_job(job, Path(path), session, lang=_word(Lang, lang, of="lang"))


def verify_frame(
    frame: pd.DataFrame,
    *,
    product: ProductWord = "bank3",
    sandbox: bool = False,
    endpoint: str | None = None,
    home: str | Path | None = None,
    mapping: Mapping[str, str] | None = None,
    checks: ChecksWord | None = None,
    upgrade_15: bool = False,
    reuse_days: float | None = None,
    fresh: bool = False,
    max_asks: int | None = None,
    max_yuan: Decimal | None = None,
    yes: bool = False,
    qps: float | None = None,
    concurrency: int | None = None,
    purpose: str = "",
    authorization: str = "",
    operator: str | None = None,
    lang: LangWord = "en",
    progress: Callable[[Progress], None] | None = None,
) -> pd.DataFrame:
    """Verify the rows of a frame: the same frame, index and columns kept, with the `bv_` columns to the right.

    Numbers of more than 15 digits in a numeric column are blocked as `precision_lost`: read them as text.

    Raises:
        InputError, SettingsError: Nothing was sent.
        HomeError: The home failed; no ask left after that.
    """
    # A frame has no file of its own: for the time of the run it gets one, private and inside the home.
    with Home.open(home_folder(home)).private_folder() as private:
        source = written_for(frame, private)
        target = source.with_name("answers.csv")
        verify_file(
            source,
            output=target,
            product=product,
            sandbox=sandbox,
            endpoint=endpoint,
            home=home,
            mapping=mapping,
            checks=checks,
            upgrade_15=upgrade_15,
            reuse_days=reuse_days,
            fresh=fresh,
            max_asks=max_asks,
            max_yuan=max_yuan,
            yes=yes,
            qps=qps,
            concurrency=concurrency,
            purpose=purpose,
            authorization=authorization,
            operator=operator,
            lang=lang,
            progress=progress,
        )
        return answers_of(frame, target)


def _passwords(password: Password | None) -> Passwords:
    """A password of a program's: one for all files, and none is asked for twice."""
    if password is None:
        return Passwords()

    @cache
    def given() -> Secret:
        found = password() if callable(password) else password
        return found if isinstance(found, Secret) else Secret(found)

    return Passwords(ask=lambda _: given(), ask_new=lambda _name, _own: given(), origin="the argument password")


def _word(words: type[Word], word: str, *, of: str) -> Word:
    try:
        return words(word)
    except ValueError:
        raise InputError(f"{of} knows no {word!r}. It takes {', '.join(words)}. Nothing was sent.") from None


def _options(
    settings: Settings,
    *,
    product: ProductWord,
    reading: Reading,
    upgrade_15: bool,
    reuse_days: float | None,
    delivery: Delivery | None = None,
    mandate: Mandate | None = None,
) -> Options:
    return Options(
        reading=reading,
        asking=Asking(
            product=None if product == "auto" else _word(Product, product, of="product"),
            checks=settings.checks,
            upgrade_15=upgrade_15,
            allow_minors=settings.allow_minors,
            reuse_days_matched=settings.reuse_days_matched if reuse_days is None else reuse_days,
            reuse_days_other=settings.reuse_days_other if reuse_days is None else reuse_days,
        ),
        delivery=delivery or Delivery(),
        mandate=mandate or Mandate(),
    )
