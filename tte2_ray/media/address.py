"""Which addresses of a network may be reached for a row of a manifest."""

import ipaddress
import socket

from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media.bounded import TransientFetchError
from tte2_ray.media.limits import MediaLimits
from tte2_ray.media.uri import shown

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_UNICAST = ipaddress.ip_network("2000::/3")
"""Of IPv6, all that is handed out; the rest is local, a form of an IPv4 address, or nothing yet."""
_NEVER = tuple(
    ipaddress.ip_network(net)
    for net in (
        "168.63.129.16/32",  # Azure's host agent: a public address that serves credentials
        "192.0.0.0/24",  # protocol assignments, a cloud metadata address among them
        "192.88.99.0/24",  # relays to 6to4, long deprecated
        "3fff::/20",  # documentation, which Python 3.11 does not know yet
    )
)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet.

    >>> [is_public(a) for a in ("8.8.8.8", "127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1")]
    [True, False, False, False]
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip not in _UNICAST:
            return False
    if any(ip.version == net.version and ip in net for net in _NEVER):
        return False
    return ip.is_global and not ip.is_multicast


def checked_addresses(host: str, port: int, url: str, limits: MediaLimits) -> tuple[str, ...]:
    """Resolves a name once; the answer is what may be connected to.

    Raises:
        RowError: `uri_not_allowed` where any of the name's addresses is not public (and
            `allow_private_addresses` is off), `fetch_failed` where it has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise TransientFetchError(
            f"{shown(url)}: cannot resolve {host}: {error.strerror}"
        ) from error
    addresses = tuple(str(entry[4][0]) for entry in found)
    private = [a for a in addresses if not is_public(a)]
    if private and not limits.allow_private_addresses:
        raise RowError(
            RowErrorClass.URI_NOT_ALLOWED,
            f"{shown(url)}: {host} is {private[0]}, which is not a public address",
        )
    return addresses
