"""A file on its way from a form to the desk, as a stream.

The one thing to know: nothing of it is kept here, and nothing is written but by the desk: a form parser that spools would
leave a copy of the sheet in the machine's folder for temporary files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from batchverify.errors import BatchVerifyError, InputError

if TYPE_CHECKING:
    from batchverify.desk import Case

_MOST_PARTS = 20
_MOST_FIELD_BYTES = 64 * 1024
_NOT_A_FORM = "A file is sent as multipart/form-data with one part that has a file name. Nothing was kept."


class Receipt(Protocol):
    """What the desk takes a file with."""

    def write(self, piece: bytes, /) -> object: ...

    def finish(self) -> Case: ...

    def abort(self) -> None: ...


#: Begins to take a file, by the name it has on the other machine and the fields that stood before it.
Opens = Callable[[str, Mapping[str, str]], Receipt]


async def receive_upload(request: Request, *, opens: Opens) -> tuple[Case, dict[str, str]]:
    """Take the one file of a form. `opens` is called in a thread when the file's first byte is near, and may refuse by raising.

    Raises:
        InputError: The form is broken, or has no file or several. Nothing is kept of it.
    """
    form = _Form(_boundary(request))
    receipt: Receipt | None = None
    case: Case | None = None
    try:
        async for chunk in request.stream():
            for name, piece in form.feed(chunk):
                if name is not None:
                    if receipt is not None:
                        raise InputError("One file is taken at a time, and the form has more. Nothing was kept.")
                    receipt = await run_in_threadpool(opens, name, dict(form.fields))
                if piece and receipt is not None:
                    await run_in_threadpool(receipt.write, piece)
        if receipt is None or not form.is_whole:
            raise InputError(_NOT_A_FORM)
        case = await run_in_threadpool(receipt.finish)
    except ClientDisconnect:
        raise InputError("The upload was broken off. Nothing was kept.") from None
    finally:
        if receipt is not None and case is None:
            with suppress(BatchVerifyError):
                await run_in_threadpool(receipt.abort)
    return case, form.fields


class _Form:
    """A multipart body, piece by piece: fields are kept, and pieces of the file are handed on."""

    def __init__(self, boundary: bytes) -> None:
        self.fields: dict[str, str] = {}
        self.is_whole = False
        self._pieces: list[tuple[str | None, bytes]] = []
        self._headers: dict[str, bytes] = {}
        self._header, self._value = b"", b""
        self._name, self._field, self._is_file, self._parts = "", b"", False, 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._take_header,
                "on_header_value": self._take_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._take,
                "on_part_end": self._end,
                "on_end": self._finish,
            },
        )

    def feed(self, chunk: bytes) -> Iterator[tuple[str | None, bytes]]:
        """Give the file's pieces in a chunk; the first comes with its name and is empty."""
        try:
            self._parser.write(chunk)
        except MultipartParseError:
            raise InputError(_NOT_A_FORM) from None
        pieces, self._pieces = self._pieces, []
        yield from pieces

    def _begin(self) -> None:
        self._headers.clear()
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise InputError(f"The form has more than {_MOST_PARTS} parts. Nothing was kept.")

    def _take_header(self, given: bytes, start: int, end: int) -> None:
        self._header += given[start:end]

    def _take_value(self, given: bytes, start: int, end: int) -> None:
        self._value += given[start:end]

    def _end_header(self) -> None:
        self._headers[self._header.decode("latin-1").lower()] = self._value
        self._header, self._value = b"", b""

    def _end_headers(self) -> None:
        told = self._headers.get("content-disposition", b"").decode("latin-1")
        _, options = parse_options_header(told)
        self._name = options.get(b"name", b"").decode(errors="replace")
        self._is_file, self._field = b"filename" in options, b""
        if self._is_file:
            # An input without a chosen file sends an empty name.
            name = options[b"filename"].decode(errors="replace")
            if not name:
                raise InputError("No file was chosen. Choose a spreadsheet. Nothing was kept.")
            self._pieces.append((name, b""))

    def _take(self, given: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._pieces.append((None, given[start:end]))
            return
        self._field += given[start:end]
        if len(self._field) > _MOST_FIELD_BYTES:
            raise InputError(f"A field of the form is longer than {_MOST_FIELD_BYTES // 1024} KiB. Nothing was kept.")

    def _end(self) -> None:
        if not self._is_file:
            self.fields[self._name] = self._field.decode(errors="replace")

    def _finish(self) -> None:
        self.is_whole = True


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise InputError(_NOT_A_FORM)
    return options[b"boundary"]
