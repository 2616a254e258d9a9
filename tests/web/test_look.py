"""What is seen, as far as it can be judged without a browser: words, contrast, weight, and that nothing comes from elsewhere."""

import re
import string

import pytest
from jinja2 import Environment, nodes

from batchverify.model import RowStatus
from batchverify.web.drawing import STATIC
from batchverify.words import SAYINGS, Lang
from batchverify.words.page import PAGE
from batchverify.words.page.actions import page_action

TEMPLATES = sorted((STATIC.parent / "templates").glob("*.html"))
STYLE = (STATIC / "app.css").read_text()
#: What is called the same in every language.
NAMES = frozenset({"batchverify", "English", "中", "文", "CSV", "XLSX"})
#: What is read on what, by the tokens of the style sheet.
PAIRS = [
    *[(ink, ground) for ink in ("ink", "faint", "link") for ground in ("paper", "surface", "sunk")],
    *[("ink", f"{tone}-tint") for tone in ("good", "bad", "warn", "accent")],
    *[(tone, f"{tone}-tint") for tone in ("good", "bad", "warn")],
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("link", "accent-tint"),
    ("bad", "surface"),
    *[(str(status), f"{status}-fill") for status in RowStatus],
]


def test_every_word_of_the_page_is_there_in_both_languages_with_the_same_figures():
    for key, (english, chinese) in PAGE.items():
        assert english.strip(), key
        assert chinese.strip(), key
        assert _figures(english) == _figures(chinese), key


def test_templates_use_words_that_exist_and_no_words_of_their_own():
    environment = Environment(autoescape=True)
    for path in TEMPLATES:
        text = path.read_text()
        for call in environment.parse(text).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "t":
                for key in _keys(call.args[0]):
                    assert any(word.startswith(key) for word in PAGE) if key.endswith((".", "_")) else key in PAGE, (
                        path.name,
                        key,
                    )
        bare = re.sub(r"<[^>]*>", " ", re.sub(r"\{[{%#].*?[}%#]\}", "", text, flags=re.DOTALL))
        assert set(re.findall(r"[A-Za-z]{3,}|[一-鿿]", bare)) <= NAMES, path.name


def test_what_to_do_on_the_page_names_buttons_and_no_commands():
    for code in SAYINGS:
        for lang in Lang:
            text = page_action(code, lang)
            assert "`" not in text, code
            assert "--" not in text, code
            assert not re.search(r"\b(resume|quota (add|reconcile)|key set)\b", text), code
            assert lang is Lang.EN or "rerun" not in text, code


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_text_can_be_read_in_both_modes(mode):
    tokens = _tokens()[mode]
    for ink, ground in PAIRS:
        contrast = _contrast(tokens[ink], tokens[ground])
        assert contrast >= 4.5, f"{ink} on {ground}: {contrast:.2f}"


def test_nothing_comes_from_elsewhere_and_nothing_stands_inline():
    for path in [*TEMPLATES, *STATIC.iterdir()]:
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "//" not in re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE).replace("://", "#"), path.name
        assert not re.search(r"https?:|\bstyle=|<style|\son[a-z]+=|javascript:|innerHTML|\beval\(", text), path.name
    for path in TEMPLATES:
        assert not re.search(r"<script(?![^>]*\bsrc=)", path.read_text()), path.name


def test_what_the_first_page_needs_beside_itself_is_small():
    assert sum(path.stat().st_size for path in STATIC.iterdir()) < 60_000


def _figures(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def _keys(node):
    """The keys that an expression may give; one that is put together gives its beginning."""
    match node:
        case nodes.Const(value=value):
            return [value]
        case nodes.Add(left=left):
            return [_keys(left)[0]]
        case nodes.CondExpr(expr1=first, expr2=second):
            return [*_keys(first), *_keys(second)]
        case nodes.Name() | nodes.Getattr():
            return []
    raise AssertionError(node)


def _tokens():
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)[:2]
    read = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in (light, dark)]
    return {"light": read[0], "dark": read[0] | read[1]}


def _contrast(one, other):
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(color):
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
