"""Rows of the user's that get room for our sentences, where nobody has chosen their height.

The one thing to know: Excel raises such rows by itself while it reads them; LibreOffice would write over the row below. So
they are given the height that Excel would give them, and keep all else.
"""

from __future__ import annotations

import re

_ROW_TAG = re.compile(rb"""<row(?:[^<>"']|"[^"<]*"|'[^'<]*')*>""")
_HEIGHT = re.compile(rb"""\sht\s*=\s*["'](\d+(?:\.\d+)?)["']""")
_CHOSEN = re.compile(rb"""\scustomHeight\s*=\s*["'](?:1|true)["']""")


def raised_to(xml: bytes, points: int) -> bytes | None:
    """Give a row that is at least so high, or None where somebody has chosen its height.

    >>> raised_to(b'<row r="2"/>', 30), raised_to(b'<row r="2" ht="15" s="1"></row>', 30)
    (b'<row r="2" ht="30"/>', b'<row r="2" s="1" ht="30"></row>')
    >>> raised_to(b'<row r="2" ht="60"/>', 30), raised_to(b'<row r="2" ht="9" customHeight="1"/>', 30)
    (b'<row r="2" ht="60"/>', None)
    """
    found = _ROW_TAG.match(xml)
    if not found or _CHOSEN.search(found[0]):
        return None
    tag = found[0]
    if height := _HEIGHT.search(tag):
        if float(height[1]) >= points:
            return xml
        tag = tag.replace(height[0], b"", 1)
    end = b"/>" if tag.endswith(b"/>") else b">"
    return tag.removesuffix(end).rstrip() + b' ht="%d"' % points + end + xml[found.end() :]
