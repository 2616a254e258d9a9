"""`key`: the AppCode comes in by standard input, stays in a file only its owner may read, and is never shown whole."""

from __future__ import annotations

import stat

CODE = "0123456789abcdef0123456789abWXYZ"


def test_a_code_is_kept_shown_by_its_end_and_cleared(desk):
    assert desk.run("key", "set", typed=f"{CODE}\n", asks=False).code == 0

    kept = desk.home / "appcode"
    shown = desk.run("key", "show", asks=False)
    cleared = desk.run("key", "clear", asks=False), desk.run("key", "clear", asks=False)

    assert shown.out == "…WXYZ\n"
    assert [(one.code, one.err) for one in cleared] == [(0, "Cleared.\n"), (0, "There was none.\n")]
    assert not kept.exists()
    assert desk.run("key", "show", asks=False).code == 2


def test_the_file_is_private_and_a_code_that_others_could_read_is_refused(desk):
    desk.run("key", "set", typed=f"  {CODE}  \n", asks=False)
    kept = desk.home / "appcode"

    assert (kept.read_text(), stat.S_IMODE(kept.stat().st_mode)) == (CODE, 0o600)

    kept.chmod(0o644)
    refused = desk.run("key", "show", asks=False)

    assert (refused.code, refused.out) == (2, "")
    assert refused.err == f"Error: Others may read {kept}. Run `chmod 600 {kept}`.\n"


def test_nothing_and_what_is_no_code_are_refused_without_repeating_it(desk):
    nothing = desk.run("key", "set", typed="", asks=False)
    odd = desk.run("key", "set", typed="APPCODE 0123\n", asks=False)

    assert (nothing.code, odd.code) == (2, 2)
    assert "0123" not in odd.out + odd.err
    assert not (desk.home / "appcode").exists()


def test_nothing_is_told_of_a_short_code(desk):
    assert desk.run("key", "show").out == "…\n"


def test_the_kept_code_is_the_one_that_is_sent(desk, vendor):
    vendor.post("appcode", {"reset": CODE})
    try:
        desk.run("key", "set", typed=f"{CODE}\n", asks=False)
        (desk.folder / "people.csv").write_text("姓名,身份证号,银行卡号\n王一,110101196001010003,6217000000000000004\n", "utf-8")

        ended = desk.run("run", "people.csv", "--yes", "--endpoint", vendor.endpoint, asks=False)

        assert ended.code == 0
        assert vendor.bill()["billed"] == 1
    finally:
        vendor.post("appcode", {"reset": "sandbox"})


def test_the_key_of_the_home_is_renewed_and_said_so(desk, vendor):
    people = "姓名,身份证号,银行卡号\n王一,110101196001010003,6217000000000000004\n"
    (desk.folder / "people.csv").write_text(people, "utf-8")
    none = desk.run("key", "rotate", asks=False)
    desk.run("run", "people.csv", "--yes")

    renewed = desk.run("key", "rotate", asks=False)
    again = desk.run("run", "people.csv", "--yes")

    assert (none.code, none.out) == (0, "This home has no key yet: the first run makes one.\n")
    said = "The key is renewed (sandbox): 1 answers encrypted anew, 1 codes of questions wrapped anew.\n"
    assert (renewed.code, renewed.out, renewed.err) == (0, said, "")
    assert (again.code, vendor.bill()["billed"]) == (0, 1)
