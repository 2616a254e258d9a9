"""A hundred hostile files are uploaded to a server, one after another: each gets a sentence, and the server lives.

    python -m tests.campaigns.hostile_uploads

The one thing to know: the files are those of `tests.campaigns.hostile`, and what they are sent to is a `batchverify serve` of its own.
"""

from __future__ import annotations

import itertools
import re
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from batchverify.web.people import People, Role
from tests.campaigns.hostile import files
from tests.campaigns.processes import Desk

MAX_MEMORY_BYTES = 512 << 20


def upload_all(base: str, headers: Mapping[str, str], *, every: int = 1) -> dict[str, int]:
    """Upload every so-many-th of them; gives the status of each answer.

    Raises AssertionError where one ends in anything but a job or a sentence, or the server is gone.
    """
    ends = {}
    with httpx.Client(base_url=base, headers=headers, timeout=60) as program:
        for name, content in itertools.islice(files(), 0, None, every):
            answer = program.post("/api/jobs", files={"file": ("名单.xlsx", content)})
            ends[name] = answer.status_code
            assert answer.status_code in {201, 422}, (name, answer.text)
            if answer.status_code == 201:
                assert program.delete(f"/api/jobs/{answer.json()['job']['id']}").status_code == 204
            else:
                assert answer.json()["code"] in {"input", "settings"}, (name, answer.text)
                assert re.search(r"[.?`]$", answer.json()["detail"]), (name, answer.text)
        assert program.get("/api/jobs").json() == {"jobs": []}, "nothing is kept of what was refused"
    return ends


def most_memory(pid: int) -> int:
    """The most memory that a process ever had, in bytes, as Linux counts it."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("ascii"))
    assert found is not None
    return int(found[1]) * 1024


def main() -> int:
    """Upload them all and print how many were refused; 1 where the server took too much memory."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        desk = Desk(folder=Path(folder))
        _, token = People(desk.home).new_token("campaign", [Role.PREPARE])
        process = desk.begin("serve", "--sandbox", "--no-browser", "--port", "0")
        assert process.stdout is not None
        base = process.stdout.readline().split()[4].partition("/enter/")[0]
        ends = upload_all(base, {"authorization": f"Bearer {token.reveal()}"})
        most = most_memory(process.pid)
        process.send_signal(signal.SIGINT)
        process.communicate()
    refused = sum(status == 422 for status in ends.values())
    sys.stdout.write(
        f"{len(ends)} uploads in {time.monotonic() - began:.0f} s: {refused} refused, {len(ends) - refused} read; "
        f"most memory of the server {most >> 20} MB, exit code {process.returncode}\n"
    )
    return int(most > MAX_MEMORY_BYTES or process.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
