"""The audit report as one page that needs nothing else: style and drawings inside, the signed document embedded.

The one thing to know: every text goes through `escape`, and there is no script on the page nor may one run. The standard
library is enough for one page without a choice in it; a template engine would be one more thing to trust.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape, unescape
from typing import Any

from batchverify.report.blocks import Block, Chart, Facts, Grid, Kind, Note, Section, SignOff
from batchverify.report.pages import pages_of
from batchverify.rules.canonical import canonical
from batchverify.words import Lang

_ID = "batchverify-report"
_EMBEDDED = re.compile(rf'<pre id="{_ID}" hidden>([^<]*)</pre>')
_LANGUAGE = re.compile(r'<html lang="(en|zh)')
_TAGS = {Lang.EN: "en", Lang.ZH: "zh-CN"}
_PIECE = 16
#: A table with more columns is set in a smaller type.
_MANY_COLUMNS = 7
_HASH = re.compile(r"[0-9a-f]{40,}")
#: What may stand in the style sheet of what comes from outside of it.
_UNSAFE_IN_STYLE = re.compile(r"[^\w .…·-]")

_STYLE = """
:root { color-scheme: light; --ink: #1f2933; --faint: #5f6b7a; --rule: #d5dbe3; --tint: #f3f6f9; --blue: #1f4e78; }
* { box-sizing: border-box; }
body { margin: 0; background: #e9edf1; color: var(--ink); font: 14px/1.5 "Noto Sans CJK SC", "Noto Sans SC", "Microsoft YaHei", "PingFang SC",
  "Noto Sans", "Segoe UI", Arial, sans-serif; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
main { max-width: 820px; margin: 24px auto; padding: 40px 48px; background: #fff; box-shadow: 0 1px 6px rgb(0 0 0 / .15); }
header { border-bottom: 3px solid var(--blue); padding-bottom: 10px; margin-bottom: 18px; }
h1 { margin: 0; color: var(--blue); font-size: 28px; }
header p { margin: 2px 0 0; color: var(--faint); overflow-wrap: anywhere; }
h2 { margin: 30px 0 10px; padding-bottom: 3px; border-bottom: 1px solid var(--rule); color: var(--blue); font-size: 17px; break-after: avoid; }
.banner { margin: 0 0 18px; padding: 10px 14px; border: 2px solid #b3261e; color: #b3261e; font-weight: 600; }
dl { display: grid; grid-template-columns: minmax(150px, 28%) 1fr; margin: 0 0 12px; }
dt, dd { margin: 0; padding: 3px 8px; border-bottom: 1px solid var(--rule); break-inside: avoid; }
dt { color: var(--faint); padding-left: 0; }
dd { overflow-wrap: anywhere; }
table { width: 100%; margin: 0 0 14px; border-collapse: collapse; table-layout: fixed; font-size: 13px; }
th, td { padding: 3px 6px; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { background: var(--tint); color: var(--blue); font-weight: 600; overflow-wrap: break-word; }
tr { break-inside: avoid; }
thead { display: table-header-group; }
.figure { text-align: right; font-variant-numeric: tabular-nums; }
.code { font-family: "Noto Sans Mono CJK SC", "Noto Sans Mono", Consolas, Menlo, monospace; font-size: .92em; }
.wide { font-size: 11px; }
.wide th, .wide td { padding: 3px; }
.sum td { font-weight: 600; border-top: 2px solid var(--blue); }
svg { display: block; width: 100%; height: auto; margin: 6px 0 14px; break-inside: avoid; }
p { margin: 0 0 10px; }
.strong { font-weight: 600; break-after: avoid; }
.sign { display: grid; grid-template-columns: repeat(3, 1fr); gap: 28px; margin-top: 34px; break-inside: avoid; }
.sign div { border-top: 1px solid var(--ink); padding-top: 4px; height: 74px; }
.sign span { display: block; margin-top: 34px; color: var(--faint); }
@page { size: A4; margin: 16mm 15mm 18mm;
  @bottom-left { content: "FOOT"; font: 8pt sans-serif; color: #5f6b7a; }
  @bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; color: #5f6b7a; } }
@media print { body { background: #fff; font-size: 10pt; } main { max-width: none; margin: 0; padding: 0; box-shadow: none; } table { font-size: 9pt; }
  .wide { font-size: 7.5pt; } }
""".strip()


def html_of(document: Mapping[str, Any], lang: Lang) -> str:
    """Draw a signed document as a page, the same each time."""
    pages = pages_of(document, lang)
    style = _STYLE.replace("FOOT", _UNSAFE_IN_STYLE.sub("", pages.foot))
    embedded = escape(canonical(document).decode())
    banner = f'<p class="banner" role="note">{escape(pages.banner)}</p>' if pages.banner else ""
    sections = "\n".join(_section(section) for section in pages.sections)
    return f"""<!DOCTYPE html>
<html lang="{_TAGS[lang]}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<title>{escape(pages.title)} · {escape(pages.subtitle)}</title>
<style>
{style}
</style>
</head>
<body>
<main>
<header><h1>{escape(pages.title)}</h1><p>{escape(pages.subtitle)}</p></header>
{banner}
{sections}
</main>
<pre id="{_ID}" hidden>{embedded}</pre>
</body>
</html>
"""


def embedded_in_html(page: str) -> tuple[str, Lang] | None:
    """Give the document in a page of ours, as text, and the page's language; None in any other page."""
    found, language = _EMBEDDED.search(page), _LANGUAGE.search(page)
    return (unescape(found[1]), Lang(language[1])) if found and language else None


def _section(section: Section) -> str:
    blocks = "\n".join(_block(block) for block in section.blocks)
    return f"<section>\n<h2>{escape(section.title)}</h2>\n{blocks}\n</section>"


def _block(block: Block) -> str:
    match block:
        case Facts():
            rows = "".join(f'<dt>{escape(label)}</dt><dd class="{kind}">{_text(value)}</dd>' for label, value, kind in block.rows)
            return f"<dl>{rows}</dl>"
        case Grid():
            return "\n".join(_grid(block))
        case Chart():
            return block.svg
        case Note():
            return _note(block)
        case SignOff():
            lines = "".join(f"<div>{escape(role)}<span>{escape(block.date)}</span></div>" for role in block.roles)
            return f'<div class="sign">{lines}</div>'


def _note(note: Note) -> str:
    tone = ' class="strong"' if note.strong else ""
    return f"<p{tone}>{escape(note.text)}</p>"


def _grid(grid: Grid) -> Iterator[str]:
    whole = sum(grid.weights)
    columns = "".join(f'<col width="{weight / whole:.1%}">' for weight in grid.weights)
    size = ' class="wide"' if len(grid.heads) > _MANY_COLUMNS else ""
    yield f"<table{size}><colgroup>{columns}</colgroup><thead><tr>{_cells(grid.heads, grid.kinds, 'th')}</tr></thead><tbody>"
    for place, row in enumerate(grid.rows, 1):
        mark = ' class="sum"' if grid.sums and place == len(grid.rows) else ""
        yield f"<tr{mark}>{_cells(row, grid.kinds, 'td')}</tr>"
    yield "</tbody></table>"


def _cells(texts: Sequence[str], kinds: Sequence[Kind], tag: str) -> str:
    return "".join(
        f'<{tag} class="{kind}">{_text(text)}</{tag}>' if tag == "td" or kind is Kind.FIGURE else f"<{tag}>{_text(text)}</{tag}>"
        for text, kind in zip(texts, kinds, strict=True)
    )


def _text(text: str) -> str:
    """Escape a text. A hash gets places where a line may break; whoever copies it gets none of them."""
    safe = escape(text)
    return _HASH.sub(lambda found: "<wbr>".join(found[0][at : at + _PIECE] for at in range(0, len(found[0]), _PIECE)), safe)
