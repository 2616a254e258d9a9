"""The hash chain of a run's events (RELIABILITY §7): each link is the SHA-256 of the one before and of its event.

The one thing to know: the text under the hash is spelled out here and nowhere else, so that another program can check
a chain from the report alone. Who owns the machine can rewrite a chain; a head kept elsewhere shows it.
"""

from __future__ import annotations

import hashlib


def first_link(run_id: str, started_at: int) -> bytes:
    """Begin a run's chain; `started_at` is microseconds UTC.

    >>> first_link("j-aaaaaaaa.1", 0).hex()[:16]
    '92229a8ccdee009c'
    """
    return hashlib.sha256(f"batchverify {run_id} {started_at}".encode()).digest()


def next_link(
    head: bytes,
    *,
    seq: int,
    at: int,
    attempt: int,
    tag: bytes,
    transition: str,
    code: str,
    billed: str,
    request_id: str,
) -> bytes:
    """Add an event to a chain.

    Only the vendor's texts can hold a space, and the length of the first stands before it: no two events have one text.

    >>> head = first_link("j-aaaaaaaa.1", 0)
    >>> one = next_link(head, seq=1, at=5, attempt=9, tag=b"k", transition="answered", code="01", billed="1", request_id="R")
    >>> two = next_link(head, seq=1, at=5, attempt=9, tag=b"k", transition="answered", code="02", billed="1", request_id="R")
    >>> one == two
    False
    """
    text = f"{seq} {at} {attempt} {tag.hex()} {transition} {billed} {len(code)} {code} {request_id}"
    return hashlib.sha256(head + text.encode()).digest()
