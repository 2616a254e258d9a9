"""Files that a stranger left where a desk works must not say who gets the people, or from where answers come."""

import pytest

from batchverify.errors import SettingsError
from batchverify.settings import load_settings
from tests.threats import guards


@guards("endpoints")
@pytest.mark.parametrize(
    "line",
    [
        'endpoint = "https://vendor.example"',
        'endpoint = "http://127.0.0.1:8765"',
        'Endpoint = "https://vendor.example"',
        'home = "here"',
        'BATCHVERIFY_APPCODE = "00000000000000000000000000000000"',
    ],
)
def test_a_file_in_the_current_folder_names_no_endpoint_no_home_and_no_app_code(home, line):
    home.parent.joinpath("batchverify.toml").write_text(line)

    with pytest.raises(SettingsError, match=r"^batchverify.toml in the current folder names '") as caught:
        load_settings()

    assert "vendor.example" not in str(caught.value)
    assert "0000" not in str(caught.value)


def test_it_may_set_the_rest_and_the_home_may_set_all(home):
    home.mkdir(mode=0o700)
    home.joinpath("config.toml").write_text('endpoint = "https://vendor.example"\nqps = 7\nconcurrency = 8\n')
    home.parent.joinpath("batchverify.toml").write_text("qps = 9\n")

    settings = load_settings(home=home)

    assert (settings.endpoint, settings.qps, settings.concurrency) == ("https://vendor.example", 9, 8)
