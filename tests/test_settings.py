"""Settings: which layer wins, what is refused by name and never by value, and where the AppCode may come from."""

import os
from decimal import Decimal
from pathlib import Path

import pytest

from batchverify.errors import SettingsError
from batchverify.model import Billed, CheckLevel, Secret
from batchverify.settings import (
    VENDOR_ENDPOINT,
    app_code,
    clear_app_code,
    fixed_settings,
    home_folder,
    keep_settings,
    load_settings,
    store_app_code,
)
from tests.threats import guards

CANARY = "canary-5e3d"


def test_without_any_layer_the_defaults_hold(home):
    settings = load_settings(home=home)

    assert settings.endpoint == VENDOR_ENDPOINT
    assert (settings.checks, settings.unit_price, settings.qps) == (CheckLevel.BLOCK, Decimal("0.19"), 500)
    assert settings.app_code is None


def test_each_layer_is_stronger_than_the_one_before(home, tmp_path, monkeypatch):
    home.mkdir()
    (home / "config.toml").write_text('qps = 1\nconcurrency = 1\noperator = "home"\nunit_price = 0.1\n[billed]\n203 = "0"\n')
    (tmp_path / "batchverify.toml").write_text('qps = 2\nconcurrency = 2\noperator = "here"\n')
    monkeypatch.setenv("BATCHVERIFY_QPS", "3")
    monkeypatch.setenv("BATCHVERIFY_CONCURRENCY", "3")

    settings = load_settings(home=home, qps=4.0)

    assert (settings.qps, settings.concurrency, settings.operator, settings.unit_price) == (4, 3, "here", Decimal("0.1"))
    assert settings.billed == {"203": Billed.NO}


def test_an_option_of_none_was_not_given(home, monkeypatch):
    monkeypatch.setenv("BATCHVERIFY_OPERATOR", "甲")

    assert load_settings(home=home, operator=None).operator == "甲"


@guards("logs")
@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("qps", 0, "Input should be greater than or equal to 0.01"),
        ("concurrency", 2001, "Input should be less than or equal to 2000"),
        ("lang", CANARY, "Input should be 'en' or 'zh'"),
        ("checks", CANARY, "Input should be 'strict', 'block', 'warn' or 'off'"),
        ("colour", CANARY, "Extra inputs are not permitted"),
    ],
)
def test_a_value_that_does_not_fit_is_named_and_not_shown(home, name, value, problem):
    with pytest.raises(SettingsError) as caught:
        load_settings(home=home, **{name: value})

    assert (
        str(caught.value) == f"The setting {name!r} does not fit: {problem}. See `batchverify run --help` or the settings files."
    )
    assert CANARY not in str(caught.value)


def test_a_setting_in_the_environment_that_cannot_be_read_is_named_and_not_shown(home, monkeypatch):
    monkeypatch.setenv("BATCHVERIFY_BILLED", CANARY)

    with pytest.raises(SettingsError) as caught:
        load_settings(home=home)

    assert str(caught.value) == (
        "A setting is not of the form that is expected: "
        'error parsing value for field "billed" from source "EnvSettingsSource". Nothing was sent.'
    )


def test_a_settings_file_that_is_no_toml_is_named(home, tmp_path):
    (tmp_path / "batchverify.toml").write_text("qps = \n")

    with pytest.raises(
        SettingsError, match=r"^A settings file is not valid TOML: .*Mend batchverify.toml or config.toml in the home.$"
    ):
        load_settings(home=home)


@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(b"operator = '\xff'"), Path.mkdir])
def test_a_settings_file_that_cannot_be_read_is_an_error_of_settings(home, tmp_path, spoil):
    spoil(tmp_path / "batchverify.toml")
    if (tmp_path / "batchverify.toml").is_dir():
        assert load_settings(home=home).operator == ""  # a folder is no settings file
        return

    with pytest.raises(SettingsError, match=r"^A settings file could not be read \(UnicodeDecodeError\)."):
        load_settings(home=home)


def test_a_settings_file_that_is_closed_to_us_is_an_error_of_settings(home, tmp_path):
    if os.geteuid() == 0:
        (tmp_path / "batchverify.toml").symlink_to("/proc/self/mem")
    else:
        (tmp_path / "batchverify.toml").touch(mode=0)

    with pytest.raises(SettingsError, match=r"^A settings file could not be read \(\w*Error\)."):
        load_settings(home=home)


def test_the_home_is_the_option_else_the_environment_else_the_users_folder(home, monkeypatch):
    assert home_folder(home) == home_folder(str(home)) == home
    assert home_folder().name == "batchverify"
    monkeypatch.setenv("BATCHVERIFY_HOME", str(home / "other"))
    assert home_folder() == home / "other"
    assert load_settings().home == home / "other"


def test_the_config_of_a_home_named_by_text_is_read(home):
    home.mkdir()
    (home / "config.toml").write_text('operator = "乙"\n')

    assert load_settings(home=str(home)).operator == "乙"


def test_the_app_code_comes_from_its_own_variable_and_from_no_other(home, monkeypatch):
    for foreign in ("APP_CODE", "app_code", "APPCODE", "BATCHVERIFY_APP_CODE"):
        monkeypatch.setenv(foreign, CANARY)
    assert load_settings(home=home).app_code is None

    monkeypatch.setenv("BATCHVERIFY_APPCODE", " testappcode\n")
    settings = load_settings(home=home)

    assert app_code(settings, home).reveal() == "testappcode"
    assert "testappcode" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_the_app_code_is_kept_in_a_file_that_only_its_owner_reads(home):
    store_app_code(Secret("first"), home)
    store_app_code(Secret("second"), home)

    assert (home / "appcode").stat().st_mode & 0o777 == 0o600
    assert app_code(load_settings(home=home), home).reveal() == "second"
    assert sorted(path.name for path in home.iterdir()) == ["appcode"]


@guards("app-code")
def test_an_app_code_that_others_may_read_is_refused(home):
    store_app_code(Secret("secret"), home)
    (home / "appcode").chmod(0o644)

    with pytest.raises(SettingsError) as caught:
        app_code(load_settings(home=home), home)

    assert str(caught.value) == f"Others may read {home / 'appcode'}. Run `chmod 600 {home / 'appcode'}`."


def test_without_an_app_code_the_ways_to_one_are_named(home):
    with pytest.raises(SettingsError) as caught:
        app_code(load_settings(home=home), home)

    assert str(caught.value) == (
        "There is no AppCode. Set BATCHVERIFY_APPCODE, or run `batchverify key set`; `--sandbox` needs none."
    )


def test_clearing_the_app_code_says_whether_there_was_one(home):
    store_app_code(Secret("secret"), home)

    assert [clear_app_code(home), clear_app_code(home)] == [True, False]


def test_an_app_code_file_of_odd_bytes_is_refused_and_no_crash(home):
    store_app_code(Secret("密码"), home)

    with pytest.raises(SettingsError, match="a character that no header can carry"):
        app_code(load_settings(home=home), home)


@guards("endpoints")
@pytest.mark.parametrize(
    "name",
    [
        *("endpoint", "home", "app_code", "BATCHVERIFY_APPCODE", "Endpoint", "alert_urls", "approval", "keep_codes_days"),
        *("strict", "allow_minors", "lock_minutes", "asks_per_card_per_day", "asks_per_operator_per_day", "unit_price"),
    ],
)
def test_a_file_that_came_with_the_spreadsheet_does_not_say_who_gets_the_people(home, tmp_path, name):
    (tmp_path / "batchverify.toml").write_text(f'{name} = "https://{CANARY}.example"\n')

    with pytest.raises(SettingsError) as caught:
        load_settings(home=home)

    assert str(caught.value) == (
        f"batchverify.toml in the current folder names {name!r}, and that file may be a stranger's: it would say who gets "
        "the people and the AppCode, who is told, who approves, how much is asked about whom and what it costs, or what is kept. Name it in config.toml in your home, in the environment or as an option. Nothing was sent."
    )


def test_the_config_of_the_home_may_say_who_is_asked(home):
    home.mkdir()
    (home / "config.toml").write_text('endpoint = "https://vendor.example"\n')

    assert load_settings(home=home).endpoint == "https://vendor.example"


def test_places_for_alerts_stand_in_one_line_of_the_environment_and_are_shown_nowhere(home, monkeypatch):
    monkeypatch.setenv("BATCHVERIFY_ALERT_URLS", f"json://{CANARY}.example  mailto://{CANARY}:pass@example.com")

    settings = load_settings(home=home)

    assert [url.get_secret_value() for url in settings.alert_urls] == [
        f"json://{CANARY}.example",
        f"mailto://{CANARY}:pass@example.com",
    ]
    assert CANARY not in f"{settings!r}{settings.model_dump()}{settings.model_dump_json()}"


def test_places_for_alerts_are_a_list_in_the_config_of_the_home(home):
    home.mkdir()
    (home / "config.toml").write_text('alert_urls = ["json://one.example", "json://two.example"]\n')

    assert len(load_settings(home=home).alert_urls) == 2


def test_settings_are_kept_above_the_tables_and_everything_else_stays(home):
    home.mkdir()
    (home / "config.toml").write_text('# ours\nqps = 7\noperator = "甲"  # who\n\n[billed]\n203 = "0"\n', "utf-8")

    keep_settings(home, {"operator": '乙 "二"', "allow_minors": True, "reuse_days_other": 2.5, "unit_price": "0.1600"})

    assert (home / "config.toml").read_text("utf-8") == (
        '# ours\nqps = 7\noperator = "乙 \\"二\\""\nallow_minors = true\nreuse_days_other = 2.5\nunit_price = "0.1600"\n\n'
        '[billed]\n203 = "0"\n'
    )
    assert (home / "config.toml").stat().st_mode & 0o777 == 0o600
    kept = load_settings(home=home)
    assert (kept.operator, kept.allow_minors, kept.unit_price, kept.billed) == (
        '乙 "二"',
        True,
        Decimal("0.1600"),
        {"203": Billed.NO},
    )

    keep_settings(home, {"operator": None, "lang": "zh"})

    assert (load_settings(home=home).operator, load_settings(home=home).lang) == ("", "zh")


@pytest.mark.parametrize(
    ("there", "changes", "problem"),
    [
        ("qps = 1\n", {"qps": 0}, "The setting 'qps' does not fit"),
        ('operator = """\n甲\n"""\n', {"operator": "乙"}, 'was left as it is. Write operator = "乙" into it yourself'),
    ],
)
def test_settings_that_do_not_fit_or_cannot_be_placed_leave_the_file_as_it_is(home, there, changes, problem):
    home.mkdir()
    (home / "config.toml").write_text(there, "utf-8")

    with pytest.raises(SettingsError, match=problem):
        keep_settings(home, changes)

    assert [path.name for path in home.iterdir()] == ["config.toml"]
    assert (home / "config.toml").read_text("utf-8") == there


def test_what_is_stronger_than_the_homes_file_is_named(home, tmp_path, monkeypatch):
    assert fixed_settings() == {}

    monkeypatch.setenv("BATCHVERIFY_CHECKS", "warn")
    monkeypatch.setenv("BATCHVERIFY_APPCODE", CANARY)
    monkeypatch.setenv("BATCHVERIFY_LANG", "")
    (tmp_path / "batchverify.toml").write_text("qps = 2\n")

    assert fixed_settings() == {
        "checks": "BATCHVERIFY_CHECKS",
        "app_code": "BATCHVERIFY_APPCODE",
        "qps": "batchverify.toml",
    }

    (tmp_path / "batchverify.toml").write_text("qps = \n")
    with pytest.raises(SettingsError, match=r"batchverify\.toml in the current folder could not be read"):
        fixed_settings()
