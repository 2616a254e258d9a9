"""The Merkle tree: the vectors of RFC 6962's reference code, every proof of every size, and no proof of anything else."""

from __future__ import annotations

import hashlib

import pytest

from batchverify.rules.merkle import Tree, inclusion_path, leaf_hash, root_from_path

# Certificate Transparency's own test vectors: the eight leaves and the roots over the first one, two, … eight of them.
VECTOR_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
VECTOR_ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def leaves_of(size: int) -> list[bytes]:
    return [leaf_hash(f"leaf {number}".encode()) for number in range(size)]


def root_of(leaves: list[bytes]) -> bytes:
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    assert tree.size == len(leaves)
    return tree.root()


@pytest.mark.parametrize(("size", "root"), VECTOR_ROOTS.items())
def test_the_published_vectors_come_out(size, root):
    assert root_of([leaf_hash(bytes.fromhex(word)) for word in VECTOR_LEAVES[:size]]).hex() == root


def test_every_leaf_of_every_tree_has_a_proof():
    for size in range(1, 40):
        leaves = leaves_of(size)
        root = root_of(leaves)
        for index, leaf in enumerate(leaves):
            assert root_from_path(leaf, index=index, size=size, path=inclusion_path(leaves, index)) == root


def test_a_proof_holds_for_its_own_leaf_and_place_alone():
    leaves = leaves_of(11)
    root = root_of(leaves)
    for index in range(11):
        path = inclusion_path(leaves, index)
        for other in range(11):
            assert (root_from_path(leaves[other], index=index, size=11, path=path) == root) is (other == index)
            assert (root_from_path(leaves[index], index=other, size=11, path=path) == root) is (other == index)
        for place in range(len(path)):
            forged = [*path[:place], hashlib.sha256(path[place]).digest(), *path[place + 1 :]]
            assert root_from_path(leaves[index], index=index, size=11, path=forged) != root


def test_two_inner_nodes_do_not_pass_for_a_leaf():
    leaves = leaves_of(2)

    assert leaf_hash(leaves[0] + leaves[1]) != root_of(leaves)


def test_any_change_of_the_leaves_changes_the_root():
    leaves = leaves_of(9)
    roots = {
        root_of(leaves),
        root_of(leaves[:-1]),
        root_of([*leaves, leaves[-1]]),
        root_of([leaves[1], leaves[0], *leaves[2:]]),
        root_of([*leaves[:4], leaf_hash(b"another"), *leaves[5:]]),
    }

    assert len(roots) == 5


def test_there_is_no_proof_of_a_leaf_that_is_not_there():
    with pytest.raises(IndexError, match="There is no leaf 3 among 3"):
        inclusion_path(leaves_of(3), 3)
    assert root_from_path(leaf_hash(b""), index=0, size=0, path=[]) is None
