"""What the process itself could tell of people without any command of ours meaning to: logs, tracebacks, warnings, core files.

The one thing to know: only what this package logs is written, and of an error only its class and where it happened. Messages
and arguments are other people's words, and any of them may hold a cell.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

#: The package's own loggers. httpx writes the whole URL, and so the person, at INFO; of the others nobody knows what they will.
_OURS = "batchverify"
_NUMBER = re.compile(r"\d{8,}[xX]?")


def keep_discreet() -> None:
    """For the rest of the process: no core file, and no error shows more than its class and its place, wherever it is raised."""
    forbid_core_files()
    sys.excepthook = _of_the_process
    threading.excepthook = _of_a_thread
    sys.unraisablehook = _of_nobody
    warnings.showwarning = _show_warning
    # What cannot be formatted would be shown with all its arguments.
    logging.raiseExceptions = False


def forbid_core_files() -> None:
    """Have the system keep no image of the memory when the process dies; its children inherit that."""
    with contextlib.suppress(ImportError):  # Windows asks nobody; what it keeps is told in the README
        import resource

        # 1 and not 0: it is less than any image has, and where images go to a program and not to a file, Linux heeds only 1.
        least = 1 if sys.platform == "linux" else 0
        with contextlib.suppress(ValueError, OSError):  # it may be 0 already, and then it cannot be raised
            resource.setrlimit(resource.RLIMIT_CORE, (least, least))


def discreet(handler: logging.Handler) -> logging.Handler:
    """Have a handler write nothing but what this package logs, and of errors nothing but class and place."""
    handler.addFilter(lambda record: record.name.partition(".")[0] == _OURS)
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    return handler


class _Formatter(logging.Formatter):
    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        return "\n".join(told(ei[1])) if ei[1] is not None else ""


def told(error: BaseException) -> Iterator[str]:
    """Tell of an error without its message or any value: either could hold a cell."""
    yield type(error).__name__
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}"


def without_numbers(text: str) -> str:
    """Take out what may be the number of a person who was named where an option belongs.

    >>> without_numbers("Got unexpected extra argument (110101199003070011)")
    'Got unexpected extra argument (…)'
    """
    return _NUMBER.sub("…", text)


def _show(error: BaseException | None, where: str) -> None:
    if error is None or sys.stderr is None:  # pragma: no cover - a process without a terminal, or an error that is gone
        return
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"A bug in batchverify, {where}: " + "\n".join(told(error)) + "\n")


def _of_the_process(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    _show(error, "at its edge")


def _of_a_thread(arguments: threading.ExceptHookArgs) -> None:
    _show(arguments.exc_value, "in a thread")


def _of_nobody(arguments: Any) -> None:
    _show(arguments.exc_value, "while something was let go")


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    del message, file, line
    if sys.stderr is not None:
        sys.stderr.write(f"{category.__name__} at {Path(filename).name}:{lineno}\n")
