"""One core for the vendor, one for whoever asks it, and processes that are measured from outside."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """The core of each side; None where the system does not pin, or has one core only."""

    vendor: int | None
    client: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A process from its start to its end, and what it told of itself."""

    wall_seconds: float
    cpu_seconds: float
    peak_mb: float
    told: dict[str, Any]


def cores() -> Cores:
    if not hasattr(os, "sched_getaffinity"):
        return Cores(vendor=None, client=None)
    free = sorted(os.sched_getaffinity(0))
    return Cores(vendor=free[0], client=free[-1]) if len(free) > 1 else Cores(vendor=None, client=None)


def pin(core: int | None) -> None:
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def measured(act: str, **given: Any) -> Measured:
    """Run one act of `benchmarks.child` in a process of its own on the client's core."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.child", act, json.dumps(given)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=_untraced(), preexec_fn=_pinning(cores().client))  # noqa: PLW1509
    assert process.stdout is not None
    told = process.stdout.read()
    if not hasattr(os, "wait4"):
        process.wait()
        return Measured(wall_seconds=time.perf_counter() - started, cpu_seconds=0.0, peak_mb=0.0, told=json.loads(told))
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode:
        raise SystemExit(f"The part {act!r} ended with {process.returncode}; its error stands above.")
    scale = 1_048_576 if sys.platform == "darwin" else 1_024
    return Measured(
        wall_seconds=wall,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss / scale,
        told=json.loads(told),
    )


@contextmanager
def vendor(latency_ms: float) -> Iterator[str]:
    """The sandbox as a process on its own core; gives its endpoint."""
    command = [sys.executable, "-m", "batchverify.sandbox", "--latency-ms", str(latency_ms), "--quota", "100000000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_untraced(), preexec_fn=_pinning(cores().vendor))  # noqa: PLW1509
    assert process.stdout is not None
    try:
        found = re.search(r"http://\S+", process.stdout.readline())
        if found is None:
            raise SystemExit("The sandbox did not start; its error stands above.")
        yield found[0]
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def cpu_name() -> str:
    """The processor as the system names it, or ""."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ""
    found = re.search(r"model name\s*:\s*(.+)", text)
    return found[1].strip() if found else ""


def _untraced() -> dict[str, str]:
    """Give the environment without what would have a test run trace each line of the processes that are timed."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "BATCHVERIFY_"))}


def _pinning(core: int | None) -> Any:
    return (lambda: pin(core)) if core is not None else None
