"""Where an ask goes: the paths and parameters of the products, and the endpoints that may be asked at all.

The one thing to know: the request target holds a name, an ID number and a card number, so it leaves this machine over
verified TLS or not at all; plain http is for the sandbox on the loopback interface.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from types import MappingProxyType
from urllib.parse import quote

from batchverify.errors import BadRequest, NotSent, SettingsError
from batchverify.model import Field, Product, Query

#: The hosts that the vendor's documents and public client programs name (VENDOR §1).
KNOWN_HOSTS = frozenset(f"{name}.market.alicloudapi.com" for name in ("bcard3and4", "bankali", "tbank", "fephone"))

#: The gateway takes URL and headers up to 8 kB (VENDOR §4); the headers of an ask stay under 1 kB.
TARGET_BYTES = 7 * 1024

_THREE = (Field.ACCOUNT_NO, Field.ID_CARD, Field.NAME)
_FOUR = (*_THREE, Field.MOBILE)

#: Path and parameters of each product, in the vendor's order (VENDOR §1).
ROUTES: Mapping[Product, tuple[str, tuple[Field, ...]]] = MappingProxyType(
    {
        Product.BANK3: ("/bank3Check", _THREE),
        Product.BANK3_DETAIL: ("/bank3CheckNew", _THREE),
        Product.BANK4: ("/bankCheck4", _FOUR),
        Product.BANK4_DETAIL: ("/bankCheck4New", _FOUR),
        Product.ID2: ("/IDCard", (Field.ID_CARD, Field.NAME)),
    },
)

_SHAPE = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?/?", re.IGNORECASE | re.ASCII
)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_DEFAULT_PORTS = {"https": 443, "http": 80}
_MAX_PORT = 65535
_MAX_HOST = 253


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Scheme, host and port that asks go to. Made by `parse_endpoint`, which is what makes it one that may be asked."""

    scheme: str
    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """True where asks cannot leave this machine: the sandbox. Its answers belong to a ledger of their own."""
        return _is_loopback(self.host)

    @property
    def is_tls(self) -> bool:
        return self.scheme == "https"

    @property
    def origin(self) -> str:
        """The endpoint as a URL without a trailing slash; the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" if self.port == _DEFAULT_PORTS[self.scheme] else f"{self.scheme}://{host}:{self.port}"

    def __str__(self) -> str:
        return self.origin


def parse_endpoint(text: str, *, named_hosts: Collection[str] = ()) -> Endpoint:
    """Read an endpoint setting, `SCHEME://HOST[:PORT]`.

    `named_hosts` are hosts that the user allows besides `KNOWN_HOSTS`; they are compared without regard to case.
    Raises `SettingsError` (nothing was sent) for anything but https to an allowed host, or either scheme on loopback.

    >>> parse_endpoint("https://bcard3and4.market.alicloudapi.com/").origin
    'https://bcard3and4.market.alicloudapi.com'
    >>> parse_endpoint("http://127.0.0.1:8028").is_loopback
    True
    """
    # The text is repeated in no message: one with a userinfo part would hold a password.
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise SettingsError(
            "The endpoint setting is not of the form https://HOST or https://HOST:PORT "
            "(no user, path, query or fragment; a host of other letters in its xn-- form). Correct the endpoint setting.",
        )
    scheme = found["scheme"].lower()
    host = _read_host(found["host"].lower())
    port = int(found["port"] or _DEFAULT_PORTS[scheme])
    if not 0 < port <= _MAX_PORT:
        raise SettingsError(f"Port {port} of the endpoint setting does not exist. Use one from 1 to {_MAX_PORT}.")
    endpoint = Endpoint(scheme=scheme, host=host, port=port)
    if endpoint.is_loopback:
        return endpoint
    if scheme == "http":
        raise SettingsError(
            f"The endpoint {endpoint.origin!r} is plain http, which would show names, ID and card numbers to everyone on the way. "
            "Use https; http is taken on loopback (127.0.0.1, localhost) only.",
        )
    if host not in KNOWN_HOSTS and host not in {name.lower() for name in named_hosts}:
        raise SettingsError(
            f"The host {host!r} of the endpoint setting is not one of the vendor's ({', '.join(sorted(KNOWN_HOSTS))}). "
            "If personal data may really go there, name it among the allowed hosts in the settings.",
        )
    return endpoint


def fields_of(product: Product) -> tuple[Field, ...]:
    """Return the fields that a product takes, all of them required, in the vendor's order.

    >>> [field.value for field in fields_of(Product.ID2)]
    ['idCard', 'name']
    """
    return ROUTES[product][1]


def request_target(query: Query) -> str:
    """Path and query string of an ask: the vendor's parameter order, case-sensitive names, values as percent-encoded UTF-8.

    Raises `BadRequest` where a parameter is empty, `NotSent` (code "too_long") where the gateway would not take the
    length. Both before anything leaves, so not billed.

    >>> request_target(Query(product=Product.ID2, name="张三", id_card="110101199003070011"))
    '/IDCard?idCard=110101199003070011&name=%E5%BC%A0%E4%B8%89'
    """
    path, parameters = ROUTES[query.product]
    pairs = []
    for parameter in parameters:
        value = _value(query, parameter)
        if not value:
            raise BadRequest(
                f"The product {query.product.value!r} needs the parameter {parameter.value!r}, and the query has none. "
                "Nothing was sent; this is a bug, please report it.",
                code="bad_request",
            )
        # Digits need no encoding, and encoding is what this function costs.
        encoded = value if value.isascii() and value.isdecimal() else quote(value, safe="")
        pairs.append(f"{parameter.value}={encoded}")
    target = f"{path}?{'&'.join(pairs)}"
    if len(target) > TARGET_BYTES:
        raise NotSent(
            f"The ask would be {len(target)} bytes long, and the gateway takes {TARGET_BYTES}. Shorten the fields of this row.",
            code="too_long",
        )
    return target


def _value(query: Query, parameter: Field) -> str:
    match parameter:
        case Field.NAME:
            return query.name
        case Field.ID_CARD:
            return query.id_card
        case Field.ACCOUNT_NO:
            return query.account_no
        case Field.MOBILE:
            return query.mobile


def _read_host(host: str) -> str:
    """Check a lower-case host, an IP literal or a DNS name, and take the brackets off an IPv6 literal."""
    try:
        if host.startswith("["):
            return str(IPv6Address(host[1:-1]))
        labels = host.split(".")
        # 127.1, 2130706433 and 0x7f.1 are addresses to some resolvers and names to others: dotted quads only.
        if _NUMERIC_LABEL.fullmatch(labels[-1]):
            return str(IPv4Address(host))
    except AddressValueError:
        pass
    else:
        if len(host) <= _MAX_HOST and all(_LABEL.fullmatch(label) for label in labels):
            return host
    raise SettingsError("The host of the endpoint setting is neither a DNS name nor an IP address. Correct the endpoint setting.")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return IPv6Address(host) == IPv6Address("::1") if ":" in host else IPv4Address(host).is_loopback
    except AddressValueError:
        return False
