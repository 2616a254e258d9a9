"""Settings, weakest first: defaults, `config.toml` in the home, `batchverify.toml` here, `BATCHVERIFY_*`, options.

The one thing to know: the AppCode is never an option, so that it is in no shell history and no process list. It comes
from `BATCHVERIFY_APPCODE` or from a 0600 file in the home that `batchverify key set` writes. And `batchverify.toml` may
have come with the spreadsheet: it cannot say where people and AppCode go, nor where answers come from.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tomllib
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings import SettingsError as Unreadable

from batchverify.errors import InputError, SettingsError
from batchverify.model import Billed, CheckLevel, Secret

#: The vendor's own host (VENDOR §1). `http` exists there too and is refused: the query carries a person.
VENDOR_ENDPOINT = "https://bcard3and4.market.alicloudapi.com"
#: Where the vendor's account is asked what is left of the packages (VENDOR §5). No person goes there.
BALANCE_ENDPOINT = "https://market.aliyuncs.com"
KEY_FILE = "appcode"
#: What a file in the current folder may not say.
_NOT_HERE = frozenset(
    {"endpoint", "balance_endpoint", "home", "app_code", "batchverify_appcode", "alert_urls", "approval"}
    | {"webhook_hosts", "webhook_secret", "upload_mib"}
    | {"keep_answers_days", "keep_codes_days", "keep_audit_days", "keep_uploads_days"}
    | {"strict", "allow_minors", "asks_per_card_per_day", "asks_per_operator_per_day", "lock_minutes"}
    | {"unit_price", "billed"}
)
#: Of names that a file has made up, a message shows no more than this, and no number.
_LONGEST_TOLD = 200
_LIKE_A_VALUE = re.compile(r"\d{8,}")
#: Options whose setting has another name.
_BILLED_TABLE = re.compile(r"\s*\[\s*billed\s*\]\s*(?:#.*)?")
_SHOWN_FROM = 16  # characters: four of an AppCode's 32 tell nobody the rest
_SPELLED = {"app_code": "BATCHVERIFY_APPCODE"}


class _Here(TomlConfigSettingsSource):
    """`batchverify.toml` of the current folder."""

    def __call__(self) -> dict[str, Any]:
        named = sorted(name for name in self.toml_data if name.lower() in _NOT_HERE)
        if named:
            raise SettingsError(
                f"batchverify.toml in the current folder names {named[0]!r}, and that file may be a stranger's: it would say who gets "
                "the people and the AppCode, who is told, who approves, how much is asked about whom and what it costs, or what is kept. Name it in config.toml in your home, in the environment or as an option. Nothing was sent."
            )
        return super().__call__()


class Settings(BaseSettings):
    """Everything that may differ between desks. Durations are in the unit that the name says, money is in yuan."""

    # An empty BATCHVERIFY_HOME would be the current folder, with a new ledger that knows nothing of what was paid.
    model_config = SettingsConfigDict(env_prefix="BATCHVERIFY_", env_ignore_empty=True, extra="forbid", frozen=True)

    endpoint: str = VENDOR_ENDPOINT
    # One name only: an APP_CODE that some other program left in the environment must not travel to the vendor.
    app_code: SecretStr | None = Field(default=None, validation_alias="BATCHVERIFY_APPCODE", exclude=True)
    home: Path | None = None
    lang: Literal["en", "zh"] | None = None
    operator: str = ""
    strict: bool = False

    checks: CheckLevel = CheckLevel.BLOCK
    allow_minors: bool = False
    reuse_days_matched: float = Field(default=30, ge=0, le=36_500)
    reuse_days_other: float = Field(default=1, ge=0, le=36_500)

    unit_price: Decimal = Field(default=Decimal("0.19"), ge=0)
    billed: dict[str, Billed] = Field(default_factory=dict)
    balance_endpoint: str = BALANCE_ENDPOINT
    low_balance_percent: int = Field(default=20, ge=0, le=100)
    # Each may hold a token, so they are shown nowhere.
    alert_urls: Annotated[tuple[SecretStr, ...], NoDecode] = Field(default=(), exclude=True)
    approval: bool = False
    # Whom the page may tell that a job is over, and the secret by which they know it is us.
    webhook_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    webhook_secret: SecretStr | None = Field(default=None, min_length=16, exclude=True)

    keep_answers_days: float = Field(default=30, ge=0, le=36_500)
    keep_codes_days: float = Field(default=180, ge=1, le=36_500)
    keep_audit_days: float = Field(default=1_095, ge=1_095, le=36_500)
    # What was uploaded to the page is a copy, and so is what comes out of it.
    keep_uploads_days: float = Field(default=7, ge=0, le=36_500)
    upload_mib: int = Field(default=200, ge=1, le=2_048)

    # The publisher's side is limited to 500 a second (VENDOR §4); the buyer's own limit is unpublished, so it is found out.
    # Slower than one ask in 100 s, a single process would hold up all the others on its home for as long.
    qps: float = Field(default=500, ge=0.01, le=100_000)
    concurrency: int = Field(default=50, ge=1, le=2000)
    deadline_seconds: float = Field(default=15, gt=0, le=60)
    asks_per_card_per_day: int = Field(default=4, ge=1, le=1_000_000)
    asks_per_operator_per_day: int | None = Field(default=None, ge=0, le=1_000_000_000)
    lock_minutes: int = Field(
        default=730, ge=1, le=525_600
    )  # 12 h, as the vendor says, and 10 min for the difference of two clocks
    breaker_pause_seconds: float = Field(default=30, gt=0, le=3600)
    back_off_seconds: float = Field(default=1, gt=0, le=3600)

    @field_validator("alert_urls", "webhook_hosts", mode="before")
    @classmethod
    def _several(cls, given: Any) -> Any:
        """In the environment they stand in one line, with spaces between."""
        return given.split() if isinstance(given, str) else given

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The order of the module docstring, strongest first. Dotenv and secret folders are not read."""
        del dotenv_settings, file_secret_settings
        here = _Here(settings_cls, Path("batchverify.toml"))
        at_home = TomlConfigSettingsSource(settings_cls, home_folder(init_settings().get("home")) / "config.toml")
        return init_settings, env_settings, here, at_home


def home_folder(chosen: str | Path | None = None) -> Path:
    """The home: the option, else `BATCHVERIFY_HOME`, else the platform's folder for a user's data."""
    if chosen is not None:
        return Path(chosen)
    named = os.environ.get("BATCHVERIFY_HOME")
    return Path(named) if named else Path(platformdirs.user_data_dir("batchverify", appauthor=False))


def load_settings(**options: Any) -> Settings:
    """Settings with the given options on top; an option that is None was not given.

    Raises:
        SettingsError: A value does not fit. The message names the setting and never its value.
    """
    given = {_SPELLED.get(name, name): value for name, value in options.items() if value is not None}
    try:
        return Settings(**given)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"A settings file is not valid TOML: {_told(str(error))}. Mend batchverify.toml or config.toml in the home."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"A settings file could not be read ({type(error).__name__}). "
            "Look at batchverify.toml here and config.toml in the home; they are UTF-8."
        ) from None
    except Unreadable as error:
        # Its text names the setting and never the value.
        raise SettingsError(f"A setting is not of the form that is expected: {error}. Nothing was sent.") from None
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        where = _told(".".join(str(part) for part in problem["loc"]))
        raise SettingsError(
            f"The setting {where!r} does not fit: {problem['msg']}. See `batchverify run --help` or the settings files."
        ) from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(
            f"A settings file or a setting in the environment is longer or deeper than any setting is ({type(error).__name__}). "
            "Look at batchverify.toml here and config.toml in the home. Nothing was sent."
        ) from None


def _told(text: str) -> str:
    """Names from a settings file, for a message: bounded, and without what may be a value that slipped into a name.

    >>> _told("c4naryc0de12345678"), _told("billed.203")
    ('c4naryc0de…', 'billed.203')
    """
    return _LIKE_A_VALUE.sub("…", text[:_LONGEST_TOLD])


def app_code(settings: Settings, home: Path) -> Secret:
    """The AppCode from the environment, else from the home's 0600 file.

    Raises:
        SettingsError: There is none, no header can carry it, or others could read its file. Nothing was sent.
    """
    if settings.app_code is not None:
        return _sendable(settings.app_code.get_secret_value().strip())
    path = home / KEY_FILE
    try:
        mode = path.stat().st_mode
        text = path.read_bytes().decode("ascii", "replace").strip()
    except OSError:
        raise SettingsError(
            "There is no AppCode. Set BATCHVERIFY_APPCODE, or run `batchverify key set`; `--sandbox` needs none."
        ) from None
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise SettingsError(f"Others may read {path}. Run `chmod 600 {path}`.")
    return _sendable(text)


def access_key() -> tuple[Secret, Secret, Secret | None]:
    """The AccessKey of the vendor's account and the token of a temporary one, from the environment and nowhere else.

    Raises:
        SettingsError: There is none.
    """
    words = [
        os.environ.get(f"ALIBABA_CLOUD_{name}", "").strip() for name in ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN")
    ]
    if not words[0] or not words[1]:
        raise SettingsError(
            "There is no AccessKey. Set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET in the environment, "
            "or type the balance in: `batchverify quota balance --left N`."
        )
    return Secret(words[0]), Secret(words[1]), Secret(words[2]) if words[2] else None


def billed_line(status: str, billed: Billed) -> str:
    """The line of the table `[billed]` that says whether a status is billed.

    >>> billed_line("203", Billed.NO)
    '"203" = "0"'
    """
    return f'"{status}" = "{billed.value}"'


def keep_billed(home: Path, status: str, billed: Billed) -> Path:
    """Write into the home's `config.toml` whether a status is billed; everything else in it stays as it is.

    Raises:
        SettingsError: The file cannot be changed safely. Nothing was written.
    """
    line = billed_line(status, billed)

    def change(text: str, before: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        after = before | {"billed": before.get("billed", {}) | {status: billed.value}}
        return _with_billed(text, status, line, is_new="billed" not in before), after

    return _changed(home, change, by_hand=f"Write {line} into its table [billed] yourself.")


def keep_settings(home: Path, changes: Mapping[str, str | float | bool | None]) -> Path:
    """Write settings into the home's `config.toml`; None goes back to the default. Everything else in it stays as it is.

    Raises:
        SettingsError: A value does not fit, or the file cannot be changed safely. Nothing was written.
    """
    load_settings(home=home, **changes)
    lines = {name: f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in changes.items() if value is not None}

    def change(text: str, before: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        after = {name: value for name, value in (before | dict(changes)).items() if value is not None}
        return _with_settings(text, lines, forgotten=changes), after

    return _changed(home, change, by_hand=f"Write {'; '.join(lines.values())} into it yourself, above its tables.")


def fixed_settings() -> dict[str, str]:
    """Name the settings that `config.toml` cannot change, since something stronger gives them, and what that is.

    Raises:
        SettingsError: `batchverify.toml` in the current folder cannot be read.
    """
    fixed: dict[str, str] = {}
    try:
        here = tomllib.loads(Path("batchverify.toml").read_text("utf-8"))
    except FileNotFoundError:
        here = {}
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(
            f"batchverify.toml in the current folder could not be read ({type(error).__name__}). Mend it."
        ) from None
    fixed |= {name.lower(): "batchverify.toml" for name in here}
    given = {name.upper() for name, value in os.environ.items() if value}
    named = {name: f"BATCHVERIFY_{name.upper()}" for name in Settings.model_fields} | _SPELLED
    return fixed | {name: variable for name, variable in named.items() if variable in given}


def _changed(home: Path, change: Callable[[str, dict[str, Any]], tuple[str, dict[str, Any]]], *, by_hand: str) -> Path:
    """Replace `config.toml` in one step by what `change` makes of it, if that says exactly what it should."""
    path = home / "config.toml"
    text = path.read_text("utf-8") if path.exists() else ""
    refused = SettingsError(f"{path} was left as it is. {by_hand}")
    try:
        changed, wanted = change(text, tomllib.loads(text))
        after = tomllib.loads(changed)
    except (ValueError, RecursionError):
        raise refused from None
    if after != wanted:
        raise refused
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = home / "config.toml.new"
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as target:
        target.write(changed)
        target.flush()
        os.fsync(target.fileno())
    draft.replace(path)
    return path


def _with_settings(text: str, lines: Mapping[str, str], *, forgotten: Collection[str]) -> str:
    """Put lines above the first table, in the place of those that say the same settings."""
    every = text.splitlines()
    end = next((number for number, one in enumerate(every) if one.lstrip().startswith("[")), len(every))
    kept = [one for one in every[:end] if one.partition("=")[0].strip().strip("\"'") not in forgotten]
    while kept and not kept[-1].strip():
        kept.pop()
    below = every[end:]
    return "\n".join([*kept, *lines.values(), *([""] if below else []), *below]) + "\n"


def _with_billed(text: str, status: str, line: str, *, is_new: bool) -> str:
    """Put a line into the table, in the place of one for the same status."""
    if is_new:
        return f"{text.rstrip()}\n\n[billed]\n{line}\n".lstrip()
    lines = text.splitlines()
    start = next((number for number, one in enumerate(lines) if _BILLED_TABLE.fullmatch(one)), None)
    if start is None:
        return text  # written inline, or in the way of dotted keys: not for us to take apart
    end = next((number for number in range(start + 1, len(lines)) if lines[number].lstrip().startswith("[")), len(lines))
    kept = [one for one in lines[start + 1 : end] if one.partition("=")[0].strip().strip("\"'") != status]
    return "\n".join([*lines[: start + 1], line, *kept, *lines[end:]]) + "\n"


def _sendable(text: str) -> Secret:
    if not text or " " in text or not (text.isascii() and text.isprintable()):
        raise SettingsError("The AppCode is empty or holds a space or a character that no header can carry. Set it again.")
    return Secret(text)


def app_code_typed(text: str) -> Secret:
    """Take an AppCode as somebody has typed or pasted it.

    Raises:
        InputError: It is none.
    """
    if not (text.strip().isascii() and text.strip().isalnum()):
        raise InputError("That is no AppCode: it has letters and digits only. Copy it from the vendor's console.")
    return Secret(text.strip())


def end_of(code: Secret) -> str:
    """Give the last four characters of an AppCode, to know it by; none of a short one.

    >>> end_of(Secret("0123456789abcdef0123456789abcdef")), end_of(Secret("sandbox"))
    ('…cdef', '…')
    """
    text = code.reveal()
    return f"…{text[-4:]}" if len(text) >= _SHOWN_FROM else "…"


def store_app_code(code: Secret, home: Path) -> None:
    """Write the AppCode to its 0600 file, replacing an older one in one step."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = home / f"{KEY_FILE}.new"
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as target:
        target.write(code.reveal())
        target.flush()
        os.fsync(target.fileno())
    draft.replace(home / KEY_FILE)


def clear_app_code(home: Path) -> bool:
    """Remove the stored AppCode; False if there was none."""
    path = home / KEY_FILE
    existed = path.exists()
    path.unlink(missing_ok=True)
    return existed
