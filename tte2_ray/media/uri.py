"""What a URI of the manifest names, and whether it may be read at all."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media.limits import MediaLimits

Scheme = Literal["file", "s3", "http", "https"]

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://")
_LOCAL_HOSTS = ("", "localhost")


@dataclass(frozen=True, kw_only=True)
class Location:
    """A parsed URI.

    `target` is a path for file (percent-decoded), the URI itself for s3, http and https.
    """

    scheme: Scheme
    target: str


def shown(uri: str) -> str:
    """The URI as messages carry it: no query (signatures), no control characters, not too long.

    >>> shown("https://host/a.png?X-Amz-Signature=secret")
    'https://host/a.png?…'
    """
    head, mark, _ = uri.partition("?") if _SCHEME.match(uri) else (uri, "", "")
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in head)
    text = re.sub(r"//[^/@]*@", "//…@", text)
    return (text if len(text) <= 300 else f"{text[:200]}…{text[-99:]}") + ("?…" if mark else "")


def locate(uri: str, limits: MediaLimits) -> Location:
    """Parses a URI and holds it against the allowed schemes.

    Plain paths and S3 keys are literal; `file:` URIs and http paths are percent-encoded.

    Raises:
        RowError: `uri_not_allowed` for a scheme or host outside the list, `malformed_row` for a
            URI that names nothing.
    """
    location = _parse(uri)
    if location.scheme not in limits.allowed_schemes:
        raise RowError(
            RowErrorClass.URI_NOT_ALLOWED,
            f"{shown(uri)}: scheme {location.scheme} is not in {list(limits.allowed_schemes)}",
        )
    return location


def _parse(uri: str) -> Location:
    if "\0" in uri or not uri.strip():
        raise RowError(RowErrorClass.MALFORMED_ROW, f"{shown(uri)!r} names no file")
    if re.match(r"^file:/", uri, re.IGNORECASE):
        return _parse_file(uri)
    match = _SCHEME.match(uri)
    if match is None:
        return Location(scheme="file", target=uri)
    scheme = match.group(1).lower()
    if scheme == "s3":
        return _parse_s3(uri)
    if scheme == "http":
        return Location(scheme="http", target=uri)
    if scheme == "https":
        return Location(scheme="https", target=uri)
    raise RowError(RowErrorClass.URI_NOT_ALLOWED, f"{shown(uri)}: unsupported scheme {scheme}")


def _parse_file(uri: str) -> Location:
    # Not urlsplit: "?" and "#" are legal in file names, and manifests often leave them unencoded.
    path, host = uri[len("file:") :], ""
    if path.startswith("//"):
        host, slash, path = path[2:].partition("/")
        path = slash + path
    if host.lower() not in _LOCAL_HOSTS:
        raise RowError(
            RowErrorClass.URI_NOT_ALLOWED,
            f"{shown(uri)}: names another host; a local file is file:///path",
        )
    path = unquote(path, errors="surrogateescape")
    if "\0" in path or not path:
        raise RowError(RowErrorClass.MALFORMED_ROW, f"{shown(uri)} names no file")
    return Location(scheme="file", target=path)


def _parse_s3(uri: str) -> Location:
    bucket, _, key = uri[len("s3://") :].partition("/")
    if not bucket or not key:
        raise RowError(RowErrorClass.MALFORMED_ROW, f"{shown(uri)}: want s3://bucket/key")
    return Location(scheme="s3", target=f"s3://{bucket}/{key}")
