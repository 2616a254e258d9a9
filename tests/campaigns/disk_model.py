"""A disk that forgets: what a folder looks like after a power cut, by what was synced before.

The one thing to know: nothing is kept but what POSIX promises. A file's bytes are safe once the file was synced, a name once
its folder was, and neither makes the other safe. Of all else a cut may keep everything, nothing, or any part: names without
bytes, later writes without earlier ones, half of a write.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath

from tests.campaigns.system_trace import Step

_SECTOR, _PAGE = 512, 4096


class Loss(StrEnum):
    """What a cut takes of that which was not synced."""

    ALL = "all"
    NOTHING = "nothing"
    BYTES = "bytes"
    NAMES = "names"
    SOME = "some"
    TORN = "torn"


@dataclass(slots=True)
class File:
    """A file's bytes: those that are safe, and what was done to them since, in order."""

    safe: bytes = b""
    since: list[tuple[int, int, bytes | None]] = field(default_factory=list)
    """For each change the step, the offset and the bytes; None cuts the file there."""

    def sync(self, began: int) -> None:
        """Make safe what was done before a sync began."""
        kept = [change for change in self.since if change[0] < began]
        self.since = [change for change in self.since if change[0] >= began]
        self.safe = _applied(self.safe, [(offset, content) for _, offset, content in kept])

    def after(self, loss: Loss, draw: random.Random) -> bytes:
        """The bytes after a cut."""
        changes = [(offset, content) for _, offset, content in self.since]
        match loss:
            case Loss.ALL | Loss.BYTES:
                return self.safe
            case Loss.NOTHING | Loss.NAMES:
                return _applied(self.safe, changes)
            case Loss.SOME:
                kept = [change for change in changes if draw.random() < draw.choice((0.2, 0.5, 0.9))]
                draw.shuffle(kept)
                return _applied(self.safe, kept)
            case Loss.TORN:
                return _applied(self.safe, [_torn(change, draw) for change in changes if draw.random() < 0.7])


@dataclass(slots=True)
class Folder:
    """A folder's names: those that are safe, those that are seen, and what was done to them since, in order."""

    safe: dict[str, Node] = field(default_factory=dict)
    seen: dict[str, Node] = field(default_factory=dict)
    since: list[tuple[int, str, Node | None]] = field(default_factory=list)

    def put(self, step: int, name: str, node: Node | None) -> None:
        """Give a name to a node, or take it away."""
        self.since.append((step, name, node))
        _name(self.seen, name, node)

    def sync(self, began: int) -> None:
        """Make safe what was done before a sync began."""
        for step, name, node in self.since:
            if step < began:
                _name(self.safe, name, node)
        self.since = [change for change in self.since if change[0] >= began]

    def after(self, loss: Loss, draw: random.Random) -> dict[str, Node]:
        """The names after a cut. What a journal keeps is the beginning of what was done."""
        kept: list[tuple[int, str, Node | None]] = []
        match loss:
            case Loss.NOTHING | Loss.BYTES:
                kept = self.since
            case Loss.SOME:
                kept = [change for change in self.since if draw.random() < 0.5]
            case Loss.TORN:
                kept = self.since[: draw.randint(0, len(self.since))]
            case Loss.ALL | Loss.NAMES:
                pass
        names = dict(self.safe)
        for _, name, node in kept:
            _name(names, name, node)
        return names


Node = File | Folder


class Disk:
    """What lies below a folder, safe and seen. Steps are done to it in order; `put_down` writes what a cut leaves."""

    def __init__(self, root: Path) -> None:
        """Begin with what lies there, all of it safe."""
        self.root = root
        self._tree = _read(root)
        self._done = 0

    def do(self, step: Step) -> None:
        """Do one step."""
        at, self._done = self._done, self._done + 1
        if step.name == "sync":
            if (node := self._find(step.path)) is not None:
                node.sync(step.began)
            return
        folder, name = self._place(step.path) if step.path else (None, "")
        if folder is not None:
            self._change(step, at, folder, name)

    def _change(self, step: Step, at: int, folder: Folder, name: str) -> None:
        node = folder.seen.get(name)
        match step.name:
            case "create" if node is None:
                folder.put(at, name, File())
            # What is emptied on opening is cut; a file without a name is nobody's after a power cut.
            case "create" | "write" | "cut" if isinstance(node, File) and step.offset >= 0:
                node.since.append((at, step.offset, step.content if step.name == "write" else None))
            case "mkdir":
                folder.put(at, name, Folder())
            case "unlink" | "rmdir":
                folder.put(at, name, None)
            case "rename" | "link":
                target, new_name = self._place(step.target)
                assert target is not None
                target.put(at, new_name, node)
                if step.name == "rename":
                    folder.put(at, name, None)

    def put_down(self, loss: Loss, draw: random.Random) -> None:
        """Write what is left after a cut in the place of all that lies below the root."""
        _clear(self.root)
        _write(self.root, self._tree, loss, draw)

    def _find(self, path: str) -> Node | None:
        if Path(path) == self.root:
            return self._tree
        folder, name = self._place(path)
        return None if folder is None else folder.seen.get(name)

    def _place(self, path: str) -> tuple[Folder | None, str]:
        """The folder that holds a path, as it is seen, and the last name; None for what lies elsewhere."""
        try:
            *above, name = PurePosixPath(path).relative_to(self.root).parts
        except ValueError:
            return None, ""
        folder: Node | None = self._tree
        for part in above:
            folder = folder.seen.get(part) if isinstance(folder, Folder) else None
        return (folder if isinstance(folder, Folder) else None), name


def _name(names: dict[str, Node], name: str, node: Node | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def _applied(before: bytes, changes: list[tuple[int, bytes | None]]) -> bytes:
    after = bytearray(before)
    for offset, content in changes:
        if content is None:
            del after[offset:]
        if len(after) < offset:
            after += bytes(offset - len(after))
        if content is not None:
            after[offset : offset + len(content)] = content
    return bytes(after)


def _torn(change: tuple[int, bytes | None], draw: random.Random) -> tuple[int, bytes | None]:
    """A write of which only the beginning came to the disk, up to the edge of a sector or a page."""
    offset, content = change
    if content is None or draw.random() < 0.5:
        return change
    edge = draw.choice((_SECTOR, _PAGE))
    edges = range(edge - offset % edge, len(content), edge)
    return offset, content[: draw.choice([0, *edges])]


def _read(folder: Path) -> Folder:
    names: dict[str, Node] = {}
    for path in folder.iterdir():
        names[path.name] = _read(path) if path.is_dir() else File(safe=path.read_bytes())
    return Folder(safe=names, seen=dict(names))


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _write(folder: Path, node: Folder, loss: Loss, draw: random.Random) -> None:
    for name, child in node.after(loss, draw).items():
        path = folder / name
        if isinstance(child, Folder):
            path.mkdir(mode=0o700)
            _write(path, child, loss, draw)
        else:
            path.touch(mode=0o600)
            path.write_bytes(child.after(loss, draw))


def prefixes(steps: list[Step]) -> Iterator[int]:
    """The places of a cut that matter most: before and after each sync, and as each ask leaves."""
    for at, step in enumerate(steps):
        if step.name == "sync":
            yield at
        if step.name in {"sync", "send"}:
            yield at + 1
