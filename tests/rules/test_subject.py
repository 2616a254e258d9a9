import pytest

from batchverify.rules.subject import numbers_of


@pytest.mark.parametrize(
    "text", ["110101199003070011", " 110101 19900307 0011", "１１０１０１１９９００３０７００１１", "110101-19900307-0011"]
)
def test_an_id_number_is_found_however_it_is_typed_and_in_its_older_form(text):
    assert numbers_of(text) == {"110101199003070011", "110101900307001"}


def test_an_older_id_number_is_found_in_its_newer_form():
    assert numbers_of("110101900307001") == {"110101900307001", "110101199003070011"}


def test_whoever_was_born_in_this_century_has_no_older_form():
    assert numbers_of("11010120050307001x") == {"11010120050307001X"}


def test_a_centenarian_has_no_newer_form_that_is_known():
    assert numbers_of("110101900307996") == {"110101900307996"}


def test_a_wrong_check_character_is_looked_for_too_since_it_may_have_been_sent():
    assert "110101199003070019" in numbers_of("110101199003070019")


def test_a_card_is_found_whatever_its_luhn_digit():
    assert numbers_of("6217 0000 0000 0000 003") == {"6217000000000000003"}


@pytest.mark.parametrize("text", ["", "张三", "12345", "1101011990030700112233", "13800138000a"])
def test_what_is_no_number_has_no_form(text):
    assert numbers_of(text) == frozenset()
