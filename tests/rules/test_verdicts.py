"""The vendor's tables, product by product."""

import pytest

from batchverify.model import Field, Product, RowStatus
from batchverify.rules.verdicts import KNOWN_STATUSES, field_at_fault, verdict

DETAIL = {
    "matched": "01",
    "mismatched": "02",
    "card_problem": "03 04 05 06 07 08 09 10 11 12 14 15 16",
    "unverifiable": "13 202 208 3008 3999",
    "locked": "203",
    "invalid": "204 205 206 209 211",
    "in_doubt": "9999",
}
PLAIN = {"matched": "01", "mismatched": "02", "unverifiable": "202", "locked": "203", "invalid": "204 205 206"}
TABLES = {
    Product.BANK3: PLAIN,
    Product.BANK4: PLAIN | {"invalid": "204 205 206 207"},
    Product.BANK3_DETAIL: DETAIL,
    Product.BANK4_DETAIL: DETAIL | {"invalid": "204 205 206 207 209 211"},
    Product.ID2: PLAIN | {"invalid": "204 205"},
}


@pytest.mark.parametrize("product", Product)
def test_each_status_of_the_product_means_what_the_vendor_says(product):
    expected = {status: RowStatus(word) for word, statuses in TABLES[product].items() for status in statuses.split()}

    assert {status: verdict(product, status) for status in KNOWN_STATUSES[product]} == expected


@pytest.mark.parametrize("product", Product)
@pytest.mark.parametrize("status", ["", "1", "001", "00", "17", "200", "500", "ok", "01 "])
def test_a_status_that_is_not_known_leaves_the_row_in_doubt(product, status):
    assert verdict(product, status) is RowStatus.IN_DOUBT


def test_a_status_of_another_product_leaves_the_row_in_doubt():
    assert verdict(Product.ID2, "206") is RowStatus.IN_DOUBT
    assert verdict(Product.BANK3, "207") is RowStatus.IN_DOUBT
    assert verdict(Product.BANK4, "03") is RowStatus.IN_DOUBT


def test_the_field_at_fault_is_named_where_the_status_names_it():
    named = {status: field_at_fault(status) for status in KNOWN_STATUSES[Product.BANK4_DETAIL] if field_at_fault(status)}

    assert named == {"204": Field.NAME, "205": Field.ID_CARD, "206": Field.ACCOUNT_NO, "207": Field.MOBILE}
