"""An input that is opened, and read as questions the way its job reads it.

The one thing to know: a job is bound to its input by SHA-256. What was changed since is another input and another job; what was
closed, for its codes were erased, is no job that could be gone on with.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from batchverify.errors import InputError
from batchverify.job.cost_by import CostBy
from batchverify.job.lines import Lines
from batchverify.job.options import Options
from batchverify.job.plan import day_of
from batchverify.job.realm import Realm
from batchverify.model import Field, Product
from batchverify.rules.windows import beijing_time
from batchverify.store.ledger import Job
from batchverify.tables.columns import ColumnMap, choose_columns
from batchverify.tables.passwords import Passwords
from batchverify.tables.reader import Table, open_table
from batchverify.vendor.products import ROUTES

#: Every product needs these; a sheet of several kinds of rows may lack the others.
_AUTO_FIELDS = ROUTES[Product.ID2][1]


@contextmanager
def opened_table(
    path: Path, options: Options, realm: Realm, passwords: Passwords | None = None
) -> Iterator[tuple[Table, ColumnMap]]:
    """A spreadsheet with its columns. Raises InputError when it cannot be read, or what was named is not in it."""
    reading = options.reading
    with open_table(
        path,
        temporary=realm.home.tmp,
        sheet=reading.sheet,
        header_row=reading.header_row,
        encoding=reading.encoding,
        delimiter=reading.delimiter,
        skip_hidden=reading.skip_hidden,
        passwords=passwords,
    ) as table:
        wanted, optional = fields_of(options)
        columns = choose_columns(table, wanted=wanted, optional=optional, mapping=reading.mapping)
        cost_by_of(table, columns, options)  # a wrong name is told before anything is paid
        yield table, columns


def fields_of(options: Options) -> tuple[tuple[Field, ...], tuple[Field, ...]]:
    """The fields that a sheet must have a column for, and those that it may have one for."""
    if options.asking.product is None:
        return tuple(_AUTO_FIELDS), (Field.ACCOUNT_NO, Field.MOBILE)
    return tuple(ROUTES[options.asking.product][1]), ()


def cost_by_of(table: Table, columns: ColumnMap, options: Options) -> CostBy | None:
    """The column that splits the bill, with nothing counted yet; None where none is named."""
    spelled = options.delivery.cost_by
    return None if spelled is None else CostBy.of(table, columns, spelled)


@contextmanager
def input_of(
    job: Job,
    options: Options,
    realm: Realm,
    passwords: Passwords | None = None,
    *,
    inputs: Mapping[str, Path] | None = None,
) -> Iterator[tuple[Table, ColumnMap]]:
    """The input of a job as it was: where `inputs` says by its SHA-256 that it lies now, else where it lay.

    Raises:
        InputError: The job is closed, or its input is gone or was changed since.
    """
    refuse_closed(job)
    path = (inputs or {}).get(job.spec.sha256, Path(job.spec.path))
    if not path.is_file():
        raise InputError(f"The input of the job {job.id}, {str(path)!r}, is gone. Put it back there; nothing was sent.")
    with opened_table(path, options, realm, passwords) as (table, columns):
        if table.sha256 != job.spec.sha256:
            raise InputError(
                f"{str(path)!r} was changed since the job {job.id} began. Verify it as it is now with `batchverify run`: "
                "what was answered is reused. Nothing was sent."
            )
        yield table, columns


@contextmanager
def lines_of(job: Job, realm: Realm, passwords: Passwords | None = None) -> Iterator[Lines]:
    """The rows of a job as it asks them. Raises InputError when it is closed, or its input is gone or was changed since."""
    options = Options.from_json(job.spec.options)
    with input_of(job, options, realm, passwords) as (table, columns):
        yield lines_from(table, columns, options, realm, job.created_at, job)


def refuse_closed(job: Job) -> None:
    """Refuse a job whose questions cannot be told any more: gone on with, it would buy again what was paid.

    Raises:
        InputError: Codes of it were erased. Nothing was sent.
    """
    if job.closed_at is not None:
        raise InputError(
            f"The job {job.id} is closed: its answers were erased on {beijing_time(job.closed_at)[:10]}, and its rows can no longer "
            f"be told. Its results are the files you have. `batchverify run {shlex.quote(job.spec.path)}` verifies the sheet anew, "
            "and pays anew. Nothing was sent."
        )


def lines_from(
    table: Table,
    columns: ColumnMap,
    options: Options,
    realm: Realm,
    began: datetime,
    job: Job | None,
    *,
    forgot: Callable[[bytes], bool] | None = None,
) -> Lines:
    """A table as the questions of its job. Of a new one, `forgot` tells whose were forgotten."""
    erasures = realm.ledger.retention().head()  # before anything is read that an erasure changes
    return Lines(
        table=table,
        columns=columns,
        asking=options.asking,
        vault=realm.vault,
        today=day_of(began),
        forgotten=realm.ledger.retention().forgotten_rows(job.id) if job is not None else {},
        forgot=forgot,
        erasures=erasures,
    )
