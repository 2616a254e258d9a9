"""What can go wrong, sorted by what it means for the bill.

The one thing to know: `NotSent` is only ever raised when no byte of the ask left this machine, or when the vendor's
gateway itself refused it. Whatever is in between is `InDoubt`, because a repeated GET is a second bill. Messages name a
thing, a place and a remedy, and never hold the content of a cell. Any exception outside this tree is a bug.
"""

from __future__ import annotations

from datetime import datetime


class BatchVerifyError(Exception):
    """Everything this package raises on purpose. `exit_code` is what the command line ends with."""

    exit_code = 2


class InputError(BatchVerifyError):
    """The spreadsheet, an option or a path is wrong. Nothing was sent, nothing was written."""


class SettingsError(BatchVerifyError):
    """A setting is wrong or missing. Nothing was sent, nothing was written."""


class HomeError(BatchVerifyError):
    """The home is full, read-only, damaged or not ours. No further ask leaves after it."""

    exit_code = 5


class AskError(BatchVerifyError):
    """One ask did not bring an answer. `code` is the word shown in `bv_code`; the subclass says what it means for the bill.

    `request_id` and `vendor_at` are the gateway's, where the head of an answer came all the same: by its own clock the vendor
    counts the ask, if it does.
    """

    exit_code = 3

    def __init__(self, message: str, *, code: str, request_id: str = "", vendor_at: datetime | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.request_id = request_id
        self.vendor_at = vendor_at


class NotSent(AskError):
    """Surely not billed: the ask never left this machine. It may be asked again, a bounded number of times."""


class Throttled(AskError):
    """Surely not billed: the gateway turned the ask away for now. The same row is asked again later."""

    def __init__(self, message: str, *, code: str, request_id: str = "", retry_after_seconds: float | None = None) -> None:
        super().__init__(message, code=code, request_id=request_id)
        self.retry_after_seconds = retry_after_seconds


class Refused(AskError):
    """Surely not billed, and no other ask would fare better: the run stops and can be resumed."""

    exit_code = 4


class QuotaExhausted(Refused):
    """The package is used up or has expired. A top-up lets `resume` go on."""


class KeyRejected(Refused):
    """The AppCode is unknown, was reset, or was not bought for this product."""


class AccountOverdue(Refused):
    """The vendor's or the buyer's account is in debt."""


class BadRequest(Refused):
    """The gateway does not know the path or misses a parameter: a bug of this package, never a property of a row."""


class InDoubt(AskError):
    """Perhaps billed: the ask left, and no whole, matching answer came. Never sent again by itself."""


class EchoMismatch(InDoubt):
    """The answer speaks of another person than was asked about. It is not attached to any row, and the run stops."""
