"""What the vendor's account says is left of the packages: `DescribeApiMetering`, asked with an AccessKey. No ask, no bill.

The one thing to know: in its answer `TotalQuota` is what is LEFT; the size of the packages is `TotalCapacity`.

The SDK comes with the extra `balance` and is imported only here, and only when it is used. What it raises may hold the
AccessKey's id and the whole URL, so of its errors only the vendor's short code is passed on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from batchverify.errors import InputError, SettingsError
from batchverify.model import Secret
from batchverify.vendor.products import parse_endpoint

#: VENDOR §1: the product that the AppCode is bought for.
PRODUCT_CODE = "cmapi028807"
_SUBSCRIPTION = 1
_TIMEOUT_MILLISECONDS = 10_000
_MOST_PAGES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """Who asks. `token` is that of temporary credentials, None for lasting ones."""

    id: Secret
    secret: Secret
    token: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metered:
    """All subscriptions of the product together, in asks. `total` is None where the vendor names none."""

    left: int
    used: int
    total: int | None


def read_balance(endpoint: str, key: AccessKey, *, product_code: str = PRODUCT_CODE) -> Metered:
    """Ask the account at `endpoint` what is left of the product's packages.

    Raises:
        InputError: There is no such product, or no answer that can be understood.
        SettingsError: The extra is missing, the endpoint may not be asked, or the AccessKey is refused.
    """
    found = list(_results(endpoint, key, product_code))
    if not found:
        raise InputError(
            f"The account has no package of {product_code}. Use the AccessKey of the account that bought it, or type the balance in: "
            "`batchverify quota balance --left N`."
        )
    left, used = (_sum(found, name) for name in ("total_quota", "total_usage"))
    if left is None:
        raise InputError("The vendor's answer names no balance (TotalQuota). Type it in: `batchverify quota balance --left N`.")
    total = _sum(found, "total_capacity")
    return Metered(left=left, used=used or 0, total=None if total is None else max(total, left))


def _results(endpoint: str, key: AccessKey, product_code: str) -> Iterator[Any]:
    models, runtime = _sdk("alibabacloud_market20151101.models"), _sdk("darabonba.runtime")
    client = _client(endpoint, key)
    seen = 0
    for page in range(1, _MOST_PAGES + 1):
        request = models.DescribeApiMeteringRequest(page_num=page, product_code=product_code, type=_SUBSCRIPTION)
        options = runtime.RuntimeOptions(
            autoretry=False, connect_timeout=_TIMEOUT_MILLISECONDS, read_timeout=_TIMEOUT_MILLISECONDS
        )
        body = _answer(lambda request=request, options=options: client.describe_api_metering_with_options(request, options))
        results = body.result or []
        yield from results
        seen += len(results)
        if not results or seen >= (body.count or 0):
            return


def _client(endpoint: str, key: AccessKey) -> Any:
    place = parse_endpoint(endpoint, named_hosts=(urlsplit(endpoint).hostname or "",))
    config = _sdk("alibabacloud_tea_openapi.utils_models").Config(
        access_key_id=key.id.reveal(),
        access_key_secret=key.secret.reveal(),
        security_token=None if key.token is None else key.token.reveal(),
        endpoint=place.origin.partition("://")[2],
        protocol=place.scheme,
        region_id="cn-hangzhou",
    )
    return _sdk("alibabacloud_market20151101.client").Client(config)


def _answer(send: Any) -> Any:
    try:
        body = send().body
    except Exception as error:  # noqa: BLE001  (the SDK raises what it likes; none of it may be shown as it is)
        code = str(getattr(error, "code", "") or "")
        if not code.replace(".", "").replace("_", "").isalnum():
            code = type(error).__name__
        if "AccessKey" in code or "Signature" in code or "Forbidden" in code or "NoPermission" in code:
            raise SettingsError(
                f"The vendor refuses the AccessKey ({code}). Look at ALIBABA_CLOUD_ACCESS_KEY_ID and "
                "ALIBABA_CLOUD_ACCESS_KEY_SECRET; it needs the right to read the cloud market."
            ) from None
        raise InputError(
            f"The balance could not be read ({code}). Try again, or type it in: `batchverify quota balance --left N`."
        ) from None
    if body is None or body.success is False:
        raise InputError("The vendor gave no balance. Type it in: `batchverify quota balance --left N`.")
    return body


def _sdk(module: str) -> Any:
    from importlib import import_module  # noqa: PLC0415 - seconds, and not everybody has the extra

    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise SettingsError(
            "Reading the balance needs the extra 'balance'. Install it with `pip install 'batchverify[balance]'`, "
            "or type the balance in: `batchverify quota balance --left N`."
        ) from None


def _sum(found: list[Any], name: str) -> int | None:
    numbers = [getattr(one, name) for one in found if getattr(one, name) is not None]
    try:
        return sum(int(number) for number in numbers) if numbers else None
    except (TypeError, ValueError):
        return None
