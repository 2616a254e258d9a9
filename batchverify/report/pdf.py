"""The audit report as a PDF on A4, set by typst (extra `pdf`), with the signed document attached.

The one thing to know: date and fonts are given, so the same document gives the same bytes on the same machine. Another
typst or another font sets other bytes, and then the pages cannot be compared, only the document attached to them.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from batchverify.errors import InputError
from batchverify.report.audit import KIND
from batchverify.report.blocks import Block, Chart, Facts, Grid, Note, SignOff
from batchverify.report.pages import pages_of
from batchverify.rules.canonical import canonical
from batchverify.words import Lang

#: By choice first: Debian's fonts-noto-cjk, then what other systems come with. All of them have the rare characters of names.
_SANS = ("Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei")
_MONO = ("Noto Sans Mono CJK SC", "Source Han Mono SC", "Menlo", "Consolas")
_STREAM = re.compile(rb"stream\r?\n")
_LANGUAGE = re.compile(rb"/Lang\s*\((en|zh)")
#: More than all the streams of a report together.
_MOST_BYTES = 256 << 20
_START = b'{"ask_classes":'


def pdf_of(document: Mapping[str, Any], lang: Lang) -> bytes:
    """Draw a signed document as a PDF, the same each time.

    Raises:
        InputError: typst, or a font that has Chinese, is not there. The message names what to install.
    """
    try:
        import typst  # noqa: PLC0415 - an extra
    except ImportError:
        raise InputError(
            "A PDF needs the extra 'pdf'. Install it with `pip install 'batchverify[pdf]'`, or write .html, .xlsx or .json."
        ) from None
    known = set(typst.Fonts().families())
    sans = [family for family in _SANS if family in known]
    mono = [family for family in _MONO if family in known]
    if not sans:
        raise InputError(
            "A PDF needs a font with Chinese characters, and there is none. Install one (Debian: `apt install fonts-noto-cjk`), "
            "or write .html, .xlsx or .json."
        )
    pages = pages_of(document, lang)
    laid_out = asdict(pages) | {
        "sections": [
            {"title": section.title, "blocks": [_plain(block) for block in section.blocks]} for section in pages.sections
        ]
    }
    set_pages = typst.compile(
        files("batchverify.report").joinpath("audit.typ").read_bytes(),
        format="pdf",
        sys_inputs={
            "pages": json.dumps(laid_out, ensure_ascii=False),
            "document": canonical(document).decode(),
            "sans": json.dumps(sans),
            "mono": json.dumps(mono + sans),
        },
        timestamp=datetime.strptime(pages.ended_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC),
    )
    return bytes(set_pages)


def embedded_in_pdf(content: bytes) -> tuple[str, Lang] | None:
    """Give the document attached to a PDF of ours, as text, and its language; None in any other PDF, or where it is not plain."""
    language = _LANGUAGE.search(content)
    for stream in _streams(content):
        if stream.startswith(_START) and KIND.encode() in stream:
            try:
                return stream.decode(), Lang(language[1].decode()) if language else Lang.EN
            except UnicodeDecodeError:
                return None
    return None


def _streams(content: bytes) -> Iterator[bytes]:
    """Give every stream, inflated. Bounded in time and memory, for a stranger's file may hold streams without end."""
    left, end = _MOST_BYTES, 0
    while left > 0 and (begun := _STREAM.search(content, end)) and (end := content.find(b"endstream", begun.end())) >= 0:
        packed = content[begun.end() : end]
        try:
            stream = zlib.decompressobj().decompress(packed, left)
        except zlib.error:
            stream = packed.rstrip(b"\r\n")
        left -= len(stream)
        end += len(b"endstream")
        yield stream


def _plain(block: Block) -> dict[str, Any]:
    """Give a block as the template reads it, by its form."""
    form = {Facts: "facts", Grid: "grid", Chart: "chart", Note: "note", SignOff: "sign-off"}[type(block)]
    return {"form": form, **asdict(block)}
