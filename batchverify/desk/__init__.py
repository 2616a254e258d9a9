"""A desk on one home: jobs that are uploaded, confirmed and asked in turn. The page and the HTTP API call only this."""

from batchverify.desk.desk import Desk
from batchverify.desk.receiving import Receipt
from batchverify.desk.shapes import Case, Confirmed, Download, Live, Row, RowPage, Shown, Stage
from batchverify.store.ledger.acting import Act
from batchverify.tables.passwords import PasswordNeeded

__all__ = [
    "Act",
    "Case",
    "Confirmed",
    "Desk",
    "Download",
    "Live",
    "PasswordNeeded",
    "Receipt",
    "Row",
    "RowPage",
    "Shown",
    "Stage",
]
