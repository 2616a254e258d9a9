"""From a cell's text to the exact text that is sent, with a note for everything that was changed on the way.

The one thing to know: nothing is guessed. Only what cannot carry meaning is taken away (spaces between digits, invisible
characters, quote marks that force text) or written in its standard form (full-width digits, a lowercase x). Whatever else
stands there is left where it is, for the checks to find. Each function is idempotent, and a clean text returns at once.

Source of the rules: SPREADSHEETS ("full-width digits" down to "middle dots").
"""

from __future__ import annotations

import re
import unicodedata

import regex

#: A text as it would be sent, and the words that say how it differs from the cell.
Normal = tuple[str, tuple[str, ...]]

FULL_WIDTH = "full_width"
SEPARATORS = "separators"
INVISIBLE = "invisible"
QUOTE_MARK = "quote_mark"
LOWERCASE_X = "lowercase_x"
X_LOOKALIKE = "x_lookalike"
COUNTRY_PREFIX = "country_prefix"
SPACES = "spaces"
MIDDLE_DOT = "middle_dot"
COMPATIBILITY = "compatibility"

#: Every note that a function here can make.
NOTES = (
    FULL_WIDTH,
    SEPARATORS,
    INVISIBLE,
    QUOTE_MARK,
    LOWERCASE_X,
    X_LOOKALIKE,
    COUNTRY_PREFIX,
    SPACES,
    MIDDLE_DOT,
    COMPATIBILITY,
)

# 〇 is a numeral to Unicode, yet it stands in names.
HAN = r"\p{Unified_Ideograph}〇"

# Only a shortcut, so the standard module and the two blocks of everyday characters do.
_CLEAN_NAME = re.compile("[㐀-䶿一-鿿〇]+(?:·[㐀-䶿一-鿿〇]+)*")
_HAN_WITH_SPACES = regex.compile(rf"[{HAN}·\s]+")
# White space is no part of it: it separates, and a name may need it. Variation selectors only choose a glyph.
_INVISIBLE_CHARACTERS = regex.compile(r"[[\p{Cf}\p{Cc}\p{Default_Ignorable_Code_Point}\p{Variation_Selector}]--\s]", regex.V1)
_HARD_SPACES = regex.compile("[\u00a0\u2007\u202f]")
_BETWEEN_DIGITS = regex.compile(r"(?<=[0-9])[\s\p{Pd}\u2212]+(?=[0-9X])")
_QUOTES = frozenset("'\"‘’“”`")
_OPENING_QUOTES = regex.compile(rf"(?:=?\s*[{''.join(sorted(_QUOTES))}]\s*)+")
_X_LOOKALIKES = frozenset("ⅩⅹХх×Χχ✕✖╳")
_CLEAN_MOBILE = regex.compile("1[0-9]{10}")
_MOBILE_PREFIX = regex.compile(r"\(?(?:\+\s*|00)?86\)?[\s\p{Pd}]*(?=1[0-9]{10}\Z)")
# White space is looked at from its beginning only: tried from each of its places, a cell full of it would take hours.
_DOTS = regex.compile(r"(?:(?<!\s)\s++)?[•・･‧∙⋅●\u0387]\s*+")
_DOTS_BETWEEN_HAN = regex.compile(rf"(?<=[{HAN}])\s*[．.·]\s*(?=[{HAN}])")
# Kangxi radicals come from PDF files, compatibility ideographs from old Korean and Taiwanese encodings: same look, other code.
_COMPATIBILITY_HAN = regex.compile(r"[\u2e80-\u2fdf\uf900-\ufaff\U0002f800-\U0002fa1f]")


def normalise_id_number(text: str) -> Normal:
    """Write an ID number as GB 11643 does: half-width digits without separators, the check character an uppercase X.

    >>> normalise_id_number("110101199003070011")
    ('110101199003070011', ())
    >>> normalise_id_number(" 110101 19900307 002x")
    ('11010119900307002X', ('separators', 'lowercase_x'))
    >>> normalise_id_number("１１０１０１１９９００３０７００２Х")
    ('11010119900307002X', ('full_width', 'x_lookalike'))
    """
    if text.isdecimal() and text.isascii():
        return text, ()
    body = text[:-1]
    if text[-1:] == "X" and body.isdecimal() and body.isascii():
        return text, ()
    plain, notes = _uncover(text)
    # Only the last place may hold an X; elsewhere it is a wrong character and stays one.
    match plain[-1:]:
        case "x":
            plain = plain[:-1] + "X"
            notes.append(LOWERCASE_X)
        case last if last in _X_LOOKALIKES:
            plain = plain[:-1] + "X"
            notes.append(X_LOOKALIKE)
    return _join_digits(plain, notes)


def normalise_card(text: str) -> Normal:
    """Write a card number as digits only; 4-4-4 grouping, dashes and full-width digits are undone.

    >>> normalise_card("6217 0000 0000 0000 003")
    ('6217000000000000003', ('separators',))
    >>> normalise_card('="6217000000000000003"')
    ('6217000000000000003', ('quote_mark',))
    """
    if text.isdecimal() and text.isascii():
        return text, ()
    return _join_digits(*_uncover(text))


def normalise_mobile(text: str) -> Normal:
    """Write a mobile number as its 11 digits; the country prefix +86, 0086 or 86 is taken away before eleven of them.

    >>> normalise_mobile("+86 138-0013-8000")
    ('13800138000', ('separators', 'country_prefix'))
    >>> normalise_mobile("13800138000")
    ('13800138000', ())
    """
    if _CLEAN_MOBILE.fullmatch(text):
        return text, ()
    joined, notes = _join_digits(*_uncover(text))
    prefix = _MOBILE_PREFIX.match(joined)
    return (joined[prefix.end() :], (*notes, COUNTRY_PREFIX)) if prefix else (joined, notes)


def normalise_name(text: str) -> Normal:
    """Write a name as registers do: no spaces among Han, one middle dot (U+00B7); other names keep single spaces.

    Full-width letters are left alone (NFKC is for numbers only), and so is what cannot be read, for the check to find.

    >>> normalise_name("张 三")
    ('张三', ('spaces',))
    >>> normalise_name("买买提．艾力")
    ('买买提·艾力', ('middle_dot',))
    >>> normalise_name("  WANG  Xiaoming")
    ('WANG Xiaoming', ('spaces',))
    """
    if _CLEAN_NAME.fullmatch(text):
        return text, ()
    seen = _HARD_SPACES.sub(" ", _INVISIBLE_CHARACTERS.sub("", text))
    stripped = seen.strip()
    bare = _unquote(stripped)
    unified = _COMPATIBILITY_HAN.sub(lambda found: unicodedata.normalize("NFKC", found[0]), bare)
    dotted = _DOTS_BETWEEN_HAN.sub("·", _DOTS.sub("·", unified))
    spaced = ("" if _HAN_WITH_SPACES.fullmatch(dotted) else " ").join(dotted.split())
    changes = {
        INVISIBLE: seen != text,
        QUOTE_MARK: bare != stripped,
        COMPATIBILITY: unified != bare,
        MIDDLE_DOT: dotted != unified,
        SPACES: stripped != seen or spaced != dotted,
    }
    return spaced, tuple(note for note, is_so in changes.items() if is_so)


def _uncover(text: str) -> tuple[str, list[str]]:
    """Take off what hides a number: invisible characters, full width, outer spaces, quote marks that force text."""
    notes: list[str] = []
    seen = _INVISIBLE_CHARACTERS.sub("", text)
    soft = _HARD_SPACES.sub(" ", seen)
    if soft != text:
        notes.append(INVISIBLE)
    folded = [_fold(character) for character in soft]
    if any(one != other and not one.isspace() for one, other in zip(soft, folded, strict=True)):
        notes.append(FULL_WIDTH)
    wide = "".join(folded)
    stripped = wide.strip()
    if stripped != wide:
        notes.append(SEPARATORS)
    bare = _unquote(stripped)
    if bare != stripped:
        notes.append(QUOTE_MARK)
    return bare, notes


def _fold(character: str) -> str:
    """NFKC, except where it would make a digit of a footnote mark or a list number: a card 6217…³ must not grow by a 3."""
    if unicodedata.decimal(character, None) is None and unicodedata.numeric(character, None) is not None:
        return character
    return unicodedata.normalize("NFKC", character)


def _unquote(text: str) -> str:
    """Take off the marks that keep Excel from making a number: a leading ', or ="...". An inner or lone closing one stays."""
    opening = _OPENING_QUOTES.match(text)
    return _without_closing_quotes(text[opening.end() :]) if opening else text


def _without_closing_quotes(text: str) -> str:
    """Take off the quote marks at the end, and the white space before each."""
    place = end = len(text)
    while place and (text[place - 1] in _QUOTES or (end < len(text) and text[place - 1].isspace())):
        place -= 1
        end = place if text[place] in _QUOTES else end
    return text[:end].rstrip() if end < len(text) else text


def _join_digits(text: str, notes: list[str]) -> Normal:
    joined = _BETWEEN_DIGITS.sub("", text)
    if joined != text and SEPARATORS not in notes:
        notes.append(SEPARATORS)
    return joined, tuple(notes)
