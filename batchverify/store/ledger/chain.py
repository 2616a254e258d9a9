"""The hash chain of a run's events (RELIABILITY §7): each link is the SHA-256 of the one before and of its event.

The one thing to know: no event holds a key or a tag of a person, only a commitment that says nothing once its nonce is gone, so
that what was asked can be erased and the chain still holds. The text under the hash is spelled out here and nowhere else, so that another program can check
a chain from the report alone. Who owns the machine can rewrite a chain; a head kept elsewhere shows it.
"""

from __future__ import annotations

import hashlib

NONCE_BYTES = 16
TAG_BYTES = 16


def first_link(run_id: str, started_at: int) -> bytes:
    """Begin a run's chain; `started_at` is microseconds UTC.

    >>> first_link("j-aaaaaaaa.1", 0).hex()[:16]
    '92229a8ccdee009c'
    """
    return hashlib.sha256(f"batchverify {run_id} {started_at}".encode()).digest()


def commitment(nonce: bytes | None, key: bytes) -> bytes:
    """Stand for a question in an event: 16 bytes that open while the attempt's nonce and key are there, and say nothing after.

    So a question can be forgotten although its events are not: without the nonce nobody can test a guess. Of an attempt that was
    erased, b"". What follows the first 16 bytes of a nonce says what the question was known by before, and is no part of it.

    >>> commitment(bytes(16), b"key").hex()
    'feb3fd2b37b72e8e58208bd9f5683467'
    """
    return b"" if nonce is None else hashlib.sha256(nonce[:NONCE_BYTES] + key).digest()[:TAG_BYTES]


def erasure_link(head: bytes, *, number: int, at: int, kind: str, counts: str, gone: bytes) -> bytes:
    """Add an entry to the chain of erasures, which begins with the head b"". `counts` is the JSON text as it is kept.

    >>> erasure_link(b"", number=1, at=5, kind="purge", counts="{}", gone=b"").hex()[:16]
    '13f37ef024bcb207'
    """
    return hashlib.sha256(head + f"erasure {number} {at} {kind} {gone.hex()} {counts}".encode()).digest()


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
