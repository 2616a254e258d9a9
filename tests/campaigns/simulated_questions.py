"""Questions for a world: few people, so that the same ID number, card or question comes up again and again.

The one thing to know: what the vendor says follows from a card's digits before its last, as for all made-up people here.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache

from batchverify.model import Product, Query
from batchverify.rules.key import key_material
from batchverify.store.vault import Vault
from batchverify.vendor.products import request_target
from tests.campaigns.people import card_number, id_number

_DIGITS = ("00", "00", "00", "02", "52", "54")
_id_number = lru_cache(id_number)
_card_number = lru_cache(card_number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query and what stands for it in the ledger."""

    query: Query
    key: bytes
    id_tag: bytes
    card_tag: bytes | None


def draw_questions(draw: random.Random, vault: Vault) -> list[Question]:
    """Draw 5 to 15 questions that share ID numbers, cards and names."""
    queries: dict[str, Query] = {}
    people, count = draw.randint(2, 12), 5 + int(draw.random() ** 2 * 11)
    for _ in range(count):
        number = draw.randrange(people)
        # Mostly the person's own name and card, so that the same question, ID number or card comes up again.
        name = f"王{chr(0x4E00 + (number if draw.random() < 0.9 else draw.randrange(people)))}"
        if draw.random() < 0.2:
            query = Query(product=Product.ID2, name=name, id_card=_id_number(number))
        else:
            card = number if draw.random() < 0.6 else draw.randrange(people)
            query = Query(
                product=draw.choice((Product.BANK3, Product.BANK3, Product.BANK3_DETAIL)),
                name=name,
                id_card=_id_number(number),
                account_no=_card_number(card, _DIGITS[(card * 5 + people) % len(_DIGITS)]),
            )
        queries[request_target(query)] = query
    return [
        Question(
            query=query,
            key=vault.key(key_material(query)),
            id_tag=vault.id_tag(query.id_card),
            card_tag=vault.card_tag(query.account_no) if query.account_no else None,
        )
        for query in queries.values()
    ]
