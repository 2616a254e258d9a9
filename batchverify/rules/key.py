"""The bytes that stand for a query: equal queries give equal bytes, different ones never do.

The one thing to know: these bytes are plain personal data. They go into the vault's HMAC and nowhere else.
"""

from __future__ import annotations

from batchverify.model import Query

# A change of the encoding would make every question new, and so bought again: the version is part of the bytes.
_VERSION = b"batchverify query 1"


def key_material(query: Query) -> bytes:
    r"""Write out product and exact fields, each with its length before it, so that no two queries share an encoding.

    Notes and warnings are left out: the same person written differently is the same question.

    >>> from batchverify.model import Product
    >>> key_material(Query(product=Product.ID2, name="A", id_card="1"))[19:]
    b'\x00\x00\x00\x03id2\x00\x00\x00\x01A\x00\x00\x00\x011\x00\x00\x00\x00\x00\x00\x00\x00'
    """
    parts = (query.product.value, query.name, query.id_card, query.account_no, query.mobile)
    # surrogatepass: an encoding that refuses some texts would be an exception with a name in it.
    encoded = (part.encode("utf-8", "surrogatepass") for part in parts)
    return _VERSION + b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
