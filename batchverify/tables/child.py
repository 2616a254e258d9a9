"""Starting the processes that touch what a stranger sent: no secret of ours in their environment, an end to patience.

The one thing to know: what goes in goes by standard input, never as an argument. Arguments can be read by everybody on the machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO, BinaryIO


def run_child(
    module: str,
    *words: str,
    content: BinaryIO,
    out: IO[bytes],
    head: bytes = b"",
    patience_seconds: float,
    temporary: Path | None = None,
) -> int | None:
    """Have a module of ours read `head` and the whole content and write to `out`; its exit code, None if it was given up.

    `temporary` is where it may put what needs a file.
    """
    # No setting and no secret of ours goes into a process that a stranger's file may take over.
    environment = {word: value for word, value in os.environ.items() if not word.startswith("BATCHVERIFY_")}
    environment["PYTHONIOENCODING"] = "utf-8"
    if temporary is not None:
        environment |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    try:
        return subprocess.run(  # noqa: S603 - our own module, and no word of the user's in the command
            [sys.executable, "-m", module, *words],
            input=head + content.read(),
            stdout=out,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=patience_seconds,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        return None
