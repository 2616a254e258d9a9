"""The ledger: the durable record of every ask, and the one gate through which each must pass (RELIABILITY §2).

The one thing to know: an ask may leave only after the `with ledger.transaction(...)` block that granted it has ended,
because only then is the intent on the disk.
"""

from batchverify.store.ledger.gate import Gate
from batchverify.store.ledger.ledger import Ledger
from batchverify.store.ledger.shapes import (
    BillRow,
    Busy,
    Event,
    Grant,
    Granted,
    Held,
    Hold,
    Job,
    JobSpec,
    Locked,
    Output,
    Package,
    Reuse,
    Run,
    RunKind,
    RunSpec,
    Settlement,
    Spent,
    Wait,
    Wallet,
    Want,
)

__all__ = [
    "BillRow",
    "Busy",
    "Event",
    "Gate",
    "Grant",
    "Granted",
    "Held",
    "Hold",
    "Job",
    "JobSpec",
    "Ledger",
    "Locked",
    "Output",
    "Package",
    "Reuse",
    "Run",
    "RunKind",
    "RunSpec",
    "Settlement",
    "Spent",
    "Wait",
    "Wallet",
    "Want",
]
