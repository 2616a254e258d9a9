"""The command line and the sandbox as processes of their own, as a user would start them.

The one thing to know: the sandbox outlives every process that asks it, and its bill is read over HTTP. So what it says
does not depend on anything that a killed process remembers.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

APP_CODE = "sandbox"
# After a D503CB of the gateway nothing is asked for 90 s.
_PATIENCE_SECONDS = 180


class VendorProcess:
    """A sandbox in its own process: `endpoint` for the command line, `bill()` for who judges it."""

    def __init__(self, *options: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "batchverify.sandbox", "--port", "0", *options],
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment(),
        )
        assert self._process.stdout is not None
        self.endpoint = self._process.stdout.readline().strip().removeprefix("Sandbox at ")

    def bill(self) -> dict[str, Any]:
        """Read the whole bill, every ask of it included."""
        return self._get("/console/bill?asks=1")

    def total(self) -> int:
        """Count the asks so far."""
        return int(self._get("/console/bill")["total"])

    def post(self, word: str, body: object) -> None:
        """Turn a knob of the account: `faults`, `quota`, `appcode`, `latency`, `clock` or `reset`."""
        request = urllib.request.Request(f"{self.endpoint}/console/{word}", json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert json.load(answer) == {"ok": True}

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.communicate(timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _get(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.endpoint}{path}", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A command that has ended. `code` is negative where a signal ended it."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def next_arguments(self) -> list[str]:
        """The command that the summary says goes on, split as a shell does, without the program's name."""
        found = re.search(r"^(?:Go on with: |继续执行: )(.+)$", self.out, re.MULTILINE)
        command = found[1] if found else self.json["next"]
        program, *arguments = shlex.split(command)
        assert program == "batchverify"
        return arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Somebody at a desk: a folder with the sheets, a home, an environment. Commands run there as real processes.

    `program` is the module they start, with what stands before every command.
    """

    folder: Path
    vendor: VendorProcess | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    program: Sequence[str] = ("batchverify",)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def begin(self, *arguments: str | Path, stdin: int | None = subprocess.DEVNULL, asks: bool = True) -> subprocess.Popen[str]:
        """Start `batchverify ARGUMENTS`; where it `asks`, it asks this desk's vendor."""
        command = [sys.executable, "-m", *self.program, *map(str, arguments)]
        environment = clean_environment() | {"BATCHVERIFY_HOME": str(self.home), "TMPDIR": str(self.temporary)}
        if self.vendor is not None and asks:
            environment |= {"BATCHVERIFY_ENDPOINT": self.vendor.endpoint, "BATCHVERIFY_APPCODE": APP_CODE}
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=self.folder,
            env=environment | self.environment,
        )

    def run(self, *arguments: str | Path, typed: str | None = None, asks: bool = True) -> Ended:
        """Run a command to its end. `typed` is what comes from standard input, which is no terminal."""
        started = self.begin(*arguments, stdin=subprocess.DEVNULL if typed is None else subprocess.PIPE, asks=asks)
        return ended(started, typed)

    @property
    def temporary(self) -> Path:
        """The temporary folder that this desk's processes are given."""
        folder = self.folder / "temporary"
        folder.mkdir(exist_ok=True)
        return folder


def ended(process: subprocess.Popen[str], typed: str | None = None) -> Ended:
    """Wait for a command to end."""
    try:
        out, err = process.communicate(typed, timeout=_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Ended(code=process.returncode, out=out, err=err)


def clean_environment() -> dict[str, str]:
    """Give this process's environment without any setting of ours, with one locale and no colors.

    Coverage does not follow: what thousands of processes add to it, tests of one process have shown, and it takes a third of their time.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BATCHVERIFY_", "COV"))}
    return kept | {"LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "NO_COLOR": "1", "PYTHONUTF8": "1", "COLUMNS": "120"}


def wait_until(claim: Callable[[], bool], *, process: subprocess.Popen[str], seconds: float = 30) -> bool:
    """Wait until the claim is true; False where the process ended before."""
    until = time.monotonic() + seconds
    while not claim():
        if process.poll() is not None:
            return False
        assert time.monotonic() < until, "It did not come true in time."
        time.sleep(0.004)
    return True
