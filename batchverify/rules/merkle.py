"""One hash over many leaves, and the proof that a single leaf is among them (the tree of RFC 6962, section 2.1).

The one thing to know: leaves and inner nodes are hashed under different first bytes, so no inner node can pass for a
leaf. A leaf says nothing of the others in a proof only if it is salted; whoever makes the leaves must see to that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

_LEAF = b"\x00"
_NODE = b"\x01"


def leaf_hash(content: bytes) -> bytes:
    """Hash a leaf.

    >>> leaf_hash(b"").hex()[:16]
    '6e340b9cffb37a98'
    """
    return hashlib.sha256(_LEAF + content).digest()


class Tree:
    """A tree that grows to the right. It keeps one hash for each finished subtree: 20 for a million leaves."""

    __slots__ = ("_finished", "size")

    def __init__(self) -> None:
        self._finished: list[tuple[int, bytes]] = []
        self.size = 0

    def add(self, leaf: bytes) -> None:
        """Append a leaf by its hash."""
        count = 1
        self.size += 1
        while self._finished and self._finished[-1][0] == count:
            leaf = _node(self._finished.pop()[1], leaf)
            count *= 2
        self._finished.append((count, leaf))

    def root(self) -> bytes:
        """Give the hash over all leaves so far; that of no leaf is the hash of nothing.

        >>> tree = Tree()
        >>> tree.root().hex()[:16]
        'e3b0c44298fc1c14'
        """
        if not self._finished:
            return hashlib.sha256().digest()
        *lefts, (_, right) = self._finished
        for _, left in reversed(lefts):
            right = _node(left, right)
        return right


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Give the hashes that lead from a leaf up to the root, the lowest first. `leaves` are the hashes of all of them.

    Raises IndexError for a leaf that is not there: a bug of the caller's.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"There is no leaf {index} among {len(leaves)}.")
    path: list[bytes] = []
    first, last = 0, len(leaves)
    while last - first > 1:
        middle = first + _left_size(last - first)
        if index < middle:
            path.append(_root_of(leaves, middle, last))
            last = middle
        else:
            path.append(_root_of(leaves, first, middle))
            first = middle
    return path[::-1]


def root_from_path(leaf: bytes, *, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Compute the root that a leaf and its path stand for; None where no tree of `size` leaves has such a path.

    >>> leaves = [leaf_hash(word) for word in (b"a", b"b", b"c")]
    >>> tree = Tree()
    >>> for leaf in leaves:
    ...     tree.add(leaf)
    >>> root_from_path(leaves[2], index=2, size=3, path=inclusion_path(leaves, 2)) == tree.root()
    True
    >>> root_from_path(leaves[2], index=1, size=3, path=inclusion_path(leaves, 2)) is None
    True
    """
    sides = _sides(index, size)
    if sides is None or len(sides) != len(path):
        return None
    for is_right, other in zip(sides, path, strict=True):
        leaf = _node(other, leaf) if is_right else _node(leaf, other)
    return leaf


def _sides(index: int, size: int) -> list[bool] | None:
    """Tell for each step from the leaf up whether it comes from the right; None for a leaf outside of the tree."""
    if not 0 <= index < size:
        return None
    sides: list[bool] = []
    while size > 1:
        left = _left_size(size)
        is_right = index >= left
        sides.append(is_right)
        index, size = (index - left, size - left) if is_right else (index, left)
    return sides[::-1]


def _left_size(size: int) -> int:
    """The largest power of two below `size`, which is 2 or more."""
    return 1 << ((size - 1).bit_length() - 1)


def _root_of(leaves: Sequence[bytes], first: int, last: int) -> bytes:
    tree = Tree()
    for place in range(first, last):
        tree.add(leaves[place])
    return tree.root()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()
