"""Texts as they come against texts as they are sent."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchverify.rules.normalise import NOTES, normalise_card, normalise_id_number, normalise_mobile, normalise_name

ID = "110101199003070011"
ID_X = "11010119900307002X"
CARD = "6217000000000000004"
FULL_WIDTH = str.maketrans({str(digit): chr(0xFF10 + digit) for digit in range(10)})

# Everything that has been seen around or inside real cells, and plain letters and digits between.
rough_text = st.text(
    st.one_of(
        st.sampled_from(
            "0123456789xX１２Ｘｘ-－—– \u3000\t\n\u00a0\u200b\u202d\u202c\ufeff'\"=’“+（）()·•・．.张三〇O¹½Ⅹ㈠⼀\ue000\ufffd"
        ),
        st.characters(),
    ),
    max_size=24,
)


@pytest.mark.parametrize(
    ("text", "sent", "notes"),
    [
        ("", "", ()),
        ("   ", "", ("separators",)),
        (ID, ID, ()),
        (ID_X, ID_X, ()),
        (ID_X.lower(), ID_X, ("lowercase_x",)),
        (ID.translate(FULL_WIDTH), ID, ("full_width",)),
        (ID_X[:-1] + "Ｘ", ID_X, ("full_width",)),
        (ID_X[:-1] + "ｘ", ID_X, ("full_width", "lowercase_x")),
        *((ID_X[:-1] + lookalike, ID_X, ("x_lookalike",)) for lookalike in "ⅩⅹХх×Χχ✕✖╳"),
        ("110101 19900307 0011", ID, ("separators",)),
        ("110101-19900307-002 x", ID_X, ("lowercase_x", "separators")),
        ("\u202d" + ID + "\u202c", ID, ("invisible",)),
        ("\ufeff" + ID + "\u200b", ID, ("invisible",)),
        ("\u00a0" + ID, ID, ("invisible", "separators")),
        ("'" + ID, ID, ("quote_mark",)),
        (f'="{ID}"', ID, ("quote_mark",)),
        (f"= “ {ID} ”", ID, ("quote_mark",)),
        (ID + "\t", ID, ("separators",)),
        ("1101011990X3070011", "1101011990X3070011", ()),
        ("-" + ID, "-" + ID, ()),
        ("1101**********0011", "1101**********0011", ()),
        ("身份证", "身份证", ()),
    ],
)
def test_an_id_number_is_written_as_the_standard_does_with_a_note_for_each_change(text, sent, notes):
    assert normalise_id_number(text) == (sent, notes)


@pytest.mark.parametrize(
    ("text", "sent", "notes"),
    [
        (CARD, CARD, ()),
        ("6217 0000 0000 0000 004", CARD, ("separators",)),
        ("6217-0000-0000-0000-004", CARD, ("separators",)),
        ("6217—0000–0000−0000\u3000004", CARD, ("separators",)),
        ("６２１７　0000 0000 0000 004", CARD, ("full_width", "separators")),
        ("'6217 0000 0000 0000 004\t", CARD, ("separators", "quote_mark")),
        ("6217,0000,0000", "6217,0000,0000", ()),
        (CARD + "x", CARD + "x", ()),
        (CARD + "'", CARD + "'", ()),
        ("٦٢١٧", "٦٢١٧", ()),
    ],
)
def test_a_card_number_loses_its_grouping_and_nothing_else(text, sent, notes):
    assert normalise_card(text) == (sent, notes)


@pytest.mark.parametrize(
    ("text", "sent", "notes"),
    [
        ("13800138000", "13800138000", ()),
        ("138 0013 8000", "13800138000", ("separators",)),
        ("+8613800138000", "13800138000", ("country_prefix",)),
        ("008613800138000", "13800138000", ("country_prefix",)),
        ("8613800138000", "13800138000", ("country_prefix",)),
        ("(+86) 138-0013-8000", "13800138000", ("separators", "country_prefix")),
        ("（86）13800138000", "13800138000", ("full_width", "country_prefix")),
        ("＋８６ 13800138000", "13800138000", ("full_width", "separators", "country_prefix")),
        ("86138001380", "86138001380", ()),
        ("+85261234567", "+85261234567", ()),
        ("+86 010-12345678", "+8601012345678", ("separators",)),
    ],
)
def test_a_mobile_number_loses_the_prefix_of_china_only_before_eleven_digits(text, sent, notes):
    assert normalise_mobile(text) == (sent, notes)


@pytest.mark.parametrize(
    ("text", "sent", "notes"),
    [
        ("张三", "张三", ()),
        ("买买提·艾力", "买买提·艾力", ()),
        ("刘〇", "刘〇", ()),
        ("王\U00020000", "王\U00020000", ()),
        ("张 三", "张三", ("spaces",)),
        ("张\u3000三", "张三", ("spaces",)),
        ("张\n三 ", "张三", ("spaces",)),
        ("张\u00a0三", "张三", ("invisible", "spaces")),
        ("张\u200b三\ufeff", "张三", ("invisible",)),
        ("张三\ufe00", "张三", ("invisible",)),
        ("'张三", "张三", ("quote_mark",)),
        ('="张三"', "张三", ("quote_mark",)),
        *((f"买买提{dot}艾力", "买买提·艾力", ("middle_dot",)) for dot in "•・･‧．.∙⋅●\u0387"),
        ("买买提 · 艾力", "买买提·艾力", ("middle_dot",)),
        ("买买提\u3000• 艾力", "买买提·艾力", ("middle_dot",)),
        ("\u2f45三", "方三", ("compatibility",)),
        ("\uf9e9三", "里三", ("compatibility",)),
        ("WANG Xiaoming", "WANG Xiaoming", ()),
        ("  WANG   Xiaoming ", "WANG Xiaoming", ("spaces",)),
        ("J. O'Neil", "J. O'Neil", ()),
        ("Ｊｏｈｎ", "Ｊｏｈｎ", ()),
        ("张三 Zhang", "张三 Zhang", ()),
        ("张\ue000", "张\ue000", ()),
        (" ", "", ("spaces",)),
    ],
)
def test_a_name_loses_what_carries_no_meaning_and_keeps_the_rest(text, sent, notes):
    assert normalise_name(text) == (sent, notes)


@pytest.mark.parametrize("normalise", [normalise_id_number, normalise_card, normalise_mobile, normalise_name])
@settings(max_examples=200)
@given(text=rough_text)
def test_what_is_normal_is_left_alone(normalise, text):
    sent, notes = normalise(text)

    assert set(notes) <= set(NOTES)
    assert len(notes) == len(set(notes))
    assert bool(notes) == (sent != text)
    assert normalise(sent) == (sent, ())


@settings(max_examples=100)
@given(
    digits=st.text("0123456789", min_size=12, max_size=19),
    gaps=st.lists(st.sampled_from(["", "", " ", "-", "\u3000", "\u200b", "\u00a0"]), min_size=20, max_size=20),
    wide=st.lists(st.booleans(), min_size=19, max_size=19),
    around=st.sampled_from([("", ""), (" ", "\t"), ("'", ""), ('="', '"'), ("\ufeff", "\n"), ("\u202d", "\u202c")]),
)
def test_dressed_digits_are_the_same_digits(digits, gaps, wide, around):
    dressed = "".join(
        (digit.translate(FULL_WIDTH) if is_wide else digit) + gap for digit, is_wide, gap in zip(digits, wide, gaps, strict=False)
    )
    dressed = around[0] + dressed.rstrip("-") + around[1]

    assert normalise_card(dressed)[0] == digits
    assert normalise_id_number(dressed)[0] == digits


def test_no_character_but_a_decimal_digit_becomes_a_digit():
    """A footnote mark or a list number behind a card must not lengthen it. Oracle: the Unicode property."""
    numeric = [chr(code) for code in range(0x110000) if unicodedata.numeric(chr(code), None) is not None]

    for character in numeric:
        sent, _ = normalise_card("6217" + character)
        value = unicodedata.decimal(character, None)
        becomes_digit = value is not None and unicodedata.normalize("NFKC", character).isascii()
        assert sent == (f"6217{value}" if becomes_digit else f"6217{character}"), hex(ord(character))
