"""The vendor in miniature: the same paths, answers and errors, its own bill, and faults on demand.

The one thing to know: it imports nothing of ours, because it is the referee and may not share a bug with the client. Its
bill, not our ledger, says what was asked and what it costs. `verdicts` documents which made-up numbers get which answer.

    with sandbox.running(sandbox.Settings(quota=100)) as vendor:
        ...                      # ask vendor.endpoint with the AppCode "sandbox"
        assert vendor.bill.total() == 3
"""

from batchverify.sandbox.bill import Ask, Bill, Window, digest, question_digest
from batchverify.sandbox.faults import Fault, Rule
from batchverify.sandbox.running import Running, running, serve, tls_context
from batchverify.sandbox.server import Server, start
from batchverify.sandbox.vendor import Settings, Vendor
from batchverify.sandbox.wallet import Package, Standing

__all__ = [
    "Ask",
    "Bill",
    "Fault",
    "Package",
    "Rule",
    "Running",
    "Server",
    "Settings",
    "Standing",
    "Vendor",
    "Window",
    "digest",
    "question_digest",
    "running",
    "serve",
    "start",
    "tls_context",
]
