"""One spelling for signing, strict reading, and a name for every difference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchverify.rules.canonical import canonical, differences, parse

_LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
DOCUMENTS = st.recursive(
    _LEAVES, lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=4), below, max_size=4), max_leaves=20
)


@given(DOCUMENTS)
def test_what_is_spelled_out_is_read_back_the_same(document):
    assert parse(canonical(document).decode()) == document
    assert list(differences(document, document)) == []


@given(DOCUMENTS, DOCUMENTS)
def test_documents_differ_where_their_spelling_does(one, other):
    assert (list(differences(one, other)) == []) == (canonical(one) == canonical(other))


@pytest.mark.parametrize("text", ['{"a":1,"a":1}', "[1.5]", "[1e3]", "[NaN]", "[Infinity]", "[-Infinity]", "{", "[1]x"])
def test_what_could_be_read_as_two_things_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse(text)


def test_differences_are_named_by_their_place():
    found = {"rows": {"total": 3}, "runs": [{"head": "a"}, {"head": "b"}], "one": [1], "same": True}
    expected = {"rows": {"total": 4}, "runs": [{"head": "a"}, {"head": "c"}], "one": [1, 2], "same": 1}

    assert list(differences(found, expected)) == ["one", "rows.total", "runs[1].head", "same"]


def test_the_order_of_keys_means_nothing():
    assert canonical({"a": 1, "b": 2}) == canonical({"b": 2, "a": 1})
