"""A command whose system calls wait for our word: each may go on, fail with an error, or be the process's last.

The one thing to know: the kernel itself asks (seccomp user notification, Linux 5.5 or newer), so the process under it is the
real one with the real SQLite and no hook of ours. `strace -e inject` would do the same, but it counts for each thread apart:
the n-th write of the ledger's thread could not be reached without hitting the main thread's n-th before. Here calls are
counted over all threads, for each place apart, while the caller stands still.

This file is also the program that installs the filter and then becomes the command:

    python tests/campaigns/watched_calls.py SOCKET COMMAND [ARGUMENT …]
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

#: For each kind of machine: its audit word, the number of seccomp(2), and the numbers of the calls that change a disk.
_MACHINES: Mapping[str, tuple[int, int, Mapping[str, int]]] = {
    "x86_64": (
        0xC000003E,
        317,
        {
            "write": 1,
            "pwrite64": 18,
            "writev": 20,
            "pwritev": 296,
            "fsync": 74,
            "fdatasync": 75,
            "ftruncate": 77,
            "rename": 82,
            "renameat": 264,
        }
        | {
            "renameat2": 316,
            "link": 86,
            "linkat": 265,
            "unlink": 87,
            "unlinkat": 263,
            "mkdir": 83,
            "mkdirat": 258,
            "openat": 257,
        },
    ),
    "aarch64": (
        0xC00000B7,
        277,
        {"write": 64, "pwrite64": 68, "writev": 66, "pwritev": 70, "fsync": 82, "fdatasync": 83, "ftruncate": 46, "renameat": 38}
        | {"renameat2": 276, "linkat": 37, "unlinkat": 35, "mkdirat": 34, "openat": 56},
    ),
}
#: Which argument is the path, for calls that name one; the others have a descriptor as their first.
_PATH_ARGUMENT = {
    "rename": 1,
    "renameat": 3,
    "renameat2": 3,
    "link": 1,
    "linkat": 3,
    "unlink": 0,
    "unlinkat": 1,
    "mkdir": 0,
    "mkdirat": 1,
    "openat": 1,
}
_ONE_NAME = {"renameat": "rename", "renameat2": "rename", "linkat": "link", "unlinkat": "unlink", "mkdirat": "mkdir"} | {
    "openat": "create",
    "writev": "write",
    "pwritev": "write",
    "pwrite64": "write",
    "fdatasync": "fsync",
}
_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER, _NEW_LISTENER = 1, 8
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_RECEIVE, _SEND, _CONTINUE = 0xC0502100, 0xC0182101, 1
#: id, thread, flags, number, architecture, instruction, six arguments (struct seccomp_notif).
_NOTICE = struct.Struct("=QIIiIQ6Q")
_VERDICT = struct.Struct("=QqiI")
_LONGEST_PATH = 4096


def why_not() -> str:
    """Say why this machine cannot watch calls, "" where it can."""
    if sys.platform != "linux" or platform.machine() not in _MACHINES:
        return "Watching system calls needs Linux on x86_64 or aarch64."
    with suppress(OSError):
        if "user_notif" in Path("/proc/sys/kernel/seccomp/actions_avail").read_text("ascii").split():
            return ""
    return "Watching system calls needs a kernel with seccomp user notification (Linux 5.5 or newer)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A kind of system call at a kind of place. `nth` counts from 1 over all threads."""

    name: str
    place: str
    nth: int = 0

    def __str__(self) -> str:
        return f"{self.name} {self.nth} of {self.place}"


@dataclass(slots=True, kw_only=True)
class Watch:
    """What to do about which call, and what was seen.

    `place_of` gives the place of a path, "" where its calls are none of ours. At the call `at`, `strike` is asked while the
    caller stands still: it returns the error number that the call fails with, or 0 for the death of the process.
    """

    place_of: Callable[[str], str]
    at: Call | None = None
    strike: Callable[[], int] = lambda: 0
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    order: list[Call] = field(default_factory=list)
    struck: bool = False

    def run(self, command: Sequence[str], *, folder: Path, environment: Mapping[str, str], seconds: float = 60) -> Outcome:
        """Run a command under the watch to its end."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, "-I", "-S", __file__, str(theirs.fileno()), *command],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    encoding="utf-8",
                    cwd=folder,
                    env=dict(environment),
                    pass_fds=[theirs.fileno()],
                )
            _, (listener, *_), _, _ = socket.recv_fds(ours, 1, 1)
        watcher = threading.Thread(target=self._watch, args=(listener, process.pid, folder))
        watcher.start()
        try:
            out, err = process.communicate(timeout=seconds)
        finally:
            process.kill()
            watcher.join()
            os.close(listener)
        return Outcome(code=process.returncode, out=out, err=err)

    def _watch(self, listener: int, process: int, folder: Path) -> None:
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        while all(event & select.POLLIN for _, event in poll.poll()):
            notice = bytearray(_NOTICE.size)
            try:
                fcntl.ioctl(listener, _RECEIVE, notice)
            except OSError:
                continue  # it was killed before we could look
            number, thread, _, call, _, _, *arguments = _NOTICE.unpack(notice)
            made = self._count(thread, _NAMES[call], arguments, folder)
            error = -1
            if made is not None and made == self.at:
                self.struck, error = True, self.strike()
            if error == 0:
                os.kill(process, signal.SIGKILL)
                continue
            verdict = _VERDICT.pack(number, 0, -max(error, 0), _CONTINUE if error < 0 else 0)
            try:
                fcntl.ioctl(listener, _SEND, bytearray(verdict))
            except OSError:
                # A signal had come in between: the call begins anew and is asked about again.
                self._take_back(made)

    def _take_back(self, made: Call | None) -> None:
        if made is not None and made == self.order[-1]:
            self.order.pop()
            self.seen[made.name, made.place] -= 1
            self.struck = self.struck and made != self.at

    def _count(self, thread: int, call: str, arguments: Sequence[int], folder: Path) -> Call | None:
        """Count a call at a place of ours; None for any other."""
        try:
            path = _path_of(thread, call, arguments, folder)
        except OSError:
            return None
        if not (place := self.place_of(path)):
            return None
        name = _ONE_NAME.get(call, call)
        self.seen[name, place] += 1
        self.order.append(Call(name=name, place=place, nth=self.seen[name, place]))
        return self.order[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a watched command ended. `code` is negative where a signal ended it."""

    code: int
    out: str
    err: str


def _path_of(thread: int, call: str, arguments: Sequence[int], folder: Path) -> str:
    at = _PATH_ARGUMENT.get(call)
    if at is None:
        return str(Path(f"/proc/{thread}/fd/{arguments[0]}").readlink()).removesuffix(" (deleted)")
    with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:  # noqa: PTH123 - read at an address
        memory.seek(arguments[at])
        # To the end of the page first: the next one need not be there.
        found = memory.read(_LONGEST_PATH - arguments[at] % _LONGEST_PATH)
        if b"\0" not in found:
            found += memory.read(_LONGEST_PATH)
    return os.fsdecode(os.path.join(os.fsencode(folder), found.partition(b"\0")[0]))  # noqa: PTH118 - of bytes


_AUDIT_WORD, _SECCOMP, _NUMBERS = _MACHINES.get(platform.machine(), (0, 0, {}))
_NAMES = {number: name for name, number in _NUMBERS.items()}


def _filter() -> bytes:
    """A classic BPF program: ask about our calls (of openat those that may create a file), let all others pass."""
    step = struct.Struct("=HBBI").pack
    asked = [number for name, number in _NUMBERS.items() if name != "openat"]
    tests = len(asked)
    program = [step(_LOAD, 0, 0, 4), step(_EQUAL, 1, 0, _AUDIT_WORD), step(_RETURN, 0, 0, _ALLOW), step(_LOAD, 0, 0, 0)]
    # Jumps count the steps left out: from a test over the tests behind it and the four steps of openat to the last one.
    program += [step(_EQUAL, tests - at - 1 + 4, 0, number) for at, number in enumerate(asked)]
    program += [step(_EQUAL, 0, 2, _NUMBERS["openat"]), step(_LOAD, 0, 0, 16 + 8 * 2), step(_ANY_BIT, 1, 0, os.O_CREAT)]
    program += [step(_RETURN, 0, 0, _ALLOW), step(_RETURN, 0, 0, _NOTIFY)]
    return b"".join(program)


def _become(channel: int, command: Sequence[str]) -> None:
    """Install the filter, hand its listener over, and become the command."""
    libc = ctypes.CDLL(None, use_errno=True)
    program = _filter()
    code = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("@HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    with socket.socket(fileno=channel) as ours:
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        listener = libc.syscall(_SECCOMP, _SET_MODE_FILTER, _NEW_LISTENER, ctypes.create_string_buffer(head, len(head)))
        if listener < 0:
            raise OSError(ctypes.get_errno(), "The kernel did not take the filter.")
        socket.send_fds(ours, [b"."], [listener])
        os.close(listener)
    os.execv(command[0], list(command))


if __name__ == "__main__":
    _become(int(sys.argv[1]), sys.argv[2:])
