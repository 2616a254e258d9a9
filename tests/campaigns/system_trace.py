"""What a command did to the disk and to the network, in order, as strace saw it.

The one thing to know: strace is one thread that sees every call of every thread enter and leave, and lets a thread go on only
when it has written the line. So what stands earlier in the trace was earlier: where a sync has returned above the line of a
send, it had returned before the first byte left. The product knows nothing of it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qs

_CALLS = (
    "openat,open,creat,write,pwrite64,writev,pwritev,sendto,sendmsg,fsync,fdatasync,sync_file_range,ftruncate,truncate,fallocate,"
    "rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,mkdir,mkdirat,copy_file_range,sendfile"
)
#: strace cuts longer strings.
_LONGEST = 10_000_000
#: Calls that name what they do it to, and what that is.
_NAMING = {
    **dict.fromkeys(("rename", "renameat", "renameat2"), "rename"),
    **dict.fromkeys(("link", "linkat"), "link"),
    **dict.fromkeys(("unlink", "unlinkat"), "unlink"),
    **dict.fromkeys(("mkdir", "mkdirat"), "mkdir"),
    "rmdir": "rmdir",
}
_LINE = re.compile(r"(\d+) +(\d+\.\d+) (.*)")
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+|\?)")
_HEX = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_DESCRIPTOR = re.compile(r"(\d+|AT_FDCWD)<((?:\\x[0-9a-f]{2})*)>(\(deleted\))?")
_FLAGS = re.compile(r"\bO_[A-Z_|]+")
_REQUEST = re.compile(rb"GET /(\w+)\?(\S*) HTTP/1\.1\r\n")


def why_not() -> str:
    """Say why nothing can be traced here, "" where it can."""
    return "" if shutil.which("strace") else "Tracing needs strace: apt-get install strace."


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing done: `name` is create, write, cut, sync, rename, unlink, mkdir, rmdir, link or send.

    `began` is how many steps were done when it was begun: a sync covers those and no later one. `path` is absolute.
    """

    name: str
    path: str = ""
    target: str = ""
    offset: int = 0
    content: bytes = field(default=b"", repr=False)
    began: int = 0
    at: float = 0.0


def record(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], trace: Path
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and write its trace."""
    strace = [
        "strace",
        "-f",
        "--seccomp-bpf",
        "-y",
        "-ttt",
        "-xx",
        "-s",
        str(_LONGEST),
        "-o",
        str(trace),
        "-e",
        f"trace={_CALLS}",
    ]
    return subprocess.run(
        [*strace, *command],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def steps_of(trace: Path, *, below: Path) -> list[Step]:
    """What a trace says was done below a folder, and each ask that was sent. Calls that failed did nothing."""
    reader = _Reader(below=below)
    for line in trace.read_text("ascii", errors="replace").splitlines():
        reader.read(line)
    return reader.steps


def question_of(step: Step) -> tuple[str, str, str]:
    """Name, ID number and card of a send."""
    found = _REQUEST.match(step.content)
    assert found is not None
    words = parse_qs(found[2].decode("ascii"))
    return words["name"][0], words["idCard"][0], words["accountNo"][0]


@dataclass(slots=True, kw_only=True)
class _Reader:
    below: Path
    steps: list[Step] = field(default_factory=list)
    _unfinished: dict[str, tuple[str, int]] = field(default_factory=dict)
    _offsets: dict[int, int] = field(default_factory=dict)

    def read(self, line: str) -> None:
        found = _LINE.match(line)
        if found is None:
            return
        thread, at, text = found[1], float(found[2]), found[3]
        began = len(self.steps)
        if text.endswith("<unfinished ...>"):
            head = text.removesuffix("<unfinished ...>").rstrip()
            self._unfinished[thread] = (head, began)
            self._send(head, at)
            return
        resumed = re.match(r"<\.\.\. \w+ resumed>(.*)", text)
        if resumed is not None:
            head, began = self._unfinished.pop(thread, ("", began))
            text = head + resumed[1]
        else:
            self._send(text, at)
        call = _CALL.match(text)
        if call is not None and not call[3].startswith(("-", "?")):
            self._done(call[1], call[2], int(call[3]), began, at)

    def _send(self, text: str, at: float) -> None:
        """A send counts from its beginning: from then on bytes may have left."""
        name, _, rest = text.partition("(")
        if name not in {"write", "writev", "sendto", "sendmsg"}:
            return
        descriptor = _DESCRIPTOR.match(rest)
        if descriptor is None or not _bytes(descriptor[2]).startswith((b"socket:", b"TCP")):
            return
        content = b"".join(_bytes(part) for part in _HEX.findall(rest))
        if _REQUEST.match(content):
            self.steps.append(Step(name="send", content=content, began=len(self.steps), at=at))

    def _done(self, name: str, text: str, result: int, began: int, at: float) -> None:
        strings = [_bytes(part) for part in _HEX.findall(text)]
        descriptor = _DESCRIPTOR.match(text)
        step = self._meant(name, text, result, strings, descriptor)
        if step is not None and self._is_ours(step):
            self.steps.append(replace(step, began=began, at=at))

    def _is_ours(self, step: Step) -> bool:
        return any(Path(path).is_relative_to(self.below) for path in (step.path, step.target) if path)

    def _meant(
        self, name: str, text: str, result: int, strings: Sequence[bytes], descriptor: re.Match[str] | None
    ) -> Step | None:
        """The step that a call was, None for one that changes nothing that is looked at."""
        if name in {"openat", "open", "creat"}:
            return self._opened(text, result, strings)
        named = [self._absolute(part) for part in strings]
        if name in _NAMING:
            done = "rmdir" if "AT_REMOVEDIR" in text else _NAMING[name]
            return Step(name=done, path=named[0], target=named[-1] if len(named) > 1 else "")
        path = _bytes(descriptor[2]).decode("utf-8", "surrogateescape") if descriptor else ""
        number = int(descriptor[1]) if descriptor and descriptor[1].isdigit() else -1
        match name:
            case "write":
                offset = self._offsets.get(number, 0)
                self._offsets[number] = offset + result
                return Step(name="write", path=path, offset=offset, content=strings[0][:result])
            case "pwrite64":
                return Step(name="write", path=path, offset=_last_number(text), content=strings[0][:result])
            case "ftruncate":
                return Step(name="cut", path=path, offset=_last_number(text))
            case "fsync" | "fdatasync":
                return Step(name="sync", path=path)
            case _ if path and Path(path).is_relative_to(self.below):
                raise AssertionError(f"The trace has a {name} of {path!r}, and nobody has said what that does.")
            case _:
                return None

    def _opened(self, text: str, result: int, strings: Sequence[bytes]) -> Step | None:
        """What is opened is written from its beginning, and may come into being or be emptied by it."""
        self._offsets[result] = 0
        flags = " ".join(_FLAGS.findall(text))
        if "O_TMPFILE" in flags or not ("O_CREAT" in flags or "O_TRUNC" in flags):
            return None
        return Step(name="create", path=self._absolute(strings[0]), offset=0 if "O_TRUNC" in flags else -1)

    def _absolute(self, name: bytes) -> str:
        """Relative names are those of the command's folder, which is the one that is looked at."""
        return str(self.below / name.decode("utf-8", "surrogateescape"))


def _last_number(text: str) -> int:
    return int(text.rpartition(",")[2])


def _bytes(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))
