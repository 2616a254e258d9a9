"""The bytes that stand for a query: equal queries give equal bytes, different ones never do.

The one thing to know: these bytes are plain personal data. They go into the vault's HMAC and nowhere else.
"""

from __future__ import annotations

import struct

from batchverify.model import Product, Query

# A change of the encoding would make every question new, and so bought again: the version is part of the bytes.
_VERSION = b"batchverify query 1"
_length = struct.Struct(">I").pack
_HEADS = {product: _VERSION + _length(len(product.value)) + product.value.encode() for product in Product}


def key_material(query: Query) -> bytes:
    r"""Write out product and exact fields, each with its length before it, so that no two queries share an encoding.

    Notes and warnings are left out: the same person written differently is the same question.

    >>> from batchverify.model import Product
    >>> key_material(Query(product=Product.ID2, name="A", id_card="1"))[19:]
    b'\x00\x00\x00\x03id2\x00\x00\x00\x01A\x00\x00\x00\x011\x00\x00\x00\x00\x00\x00\x00\x00'
    """
    # surrogatepass: an encoding that refuses some texts would be an exception with a name in it.
    name = query.name.encode("utf-8", "surrogatepass")
    id_card = query.id_card.encode("utf-8", "surrogatepass")
    account_no = query.account_no.encode("utf-8", "surrogatepass")
    mobile = query.mobile.encode("utf-8", "surrogatepass")
    # Spelled out, not looped: every row of every pass comes through here.
    return b"%b%b%b%b%b%b%b%b%b" % (
        *(_HEADS[query.product], _length(len(name)), name, _length(len(id_card)), id_card),
        *(_length(len(account_no)), account_no, _length(len(mobile)), mobile),
    )
