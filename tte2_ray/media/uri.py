"""What a URI of the manifest names, and whether it may be read at all."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media.limits import SCHEMES, MediaLimits

Scheme = Literal["file", "s3", "http", "https"]

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://")
_WITHOUT_SLASHES = re.compile(
    r"^(abfss?|az|data|file|ftps?|gcs|gs|hdfs|hf|https?|oss|s3[an]?|sftp|wasbs?):[^\s/,]*[/,]",
    re.IGNORECASE,
)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_LOCAL_HOSTS = ("", "localhost")


@dataclass(frozen=True, kw_only=True)
class Location:
    """A parsed URI.

    `target` is a path for file (percent-decoded), the URI itself for s3, http and https.
    """

    scheme: Scheme
    target: str


def is_uri(text: str) -> bool:
    """Whether a text names a place of its own; what does not is a path, which may be relative.

    A URI begins with a scheme and `://`, or with a scheme that storage has, a colon and no space
    until a slash or a comma. Any other colon belongs to a name.

    >>> [is_uri(text) for text in ("gs:bucket/x", "data:image/png;base64,iVBORw0KGgo=")]
    [True, True]
    >>> [is_uri(text) for text in ("photo 10:30.png", "scan:1/2.png", "./gs:bucket/x")]
    [False, False, False]
    """
    return bool(_SCHEME.match(text) or _WITHOUT_SLASHES.match(text))


def shown(uri: str) -> str:
    """The URI as messages carry it: no query (signatures), no control characters, not too long.

    >>> shown("https://host/a.png?X-Amz-Signature=secret")
    'https://host/a.png?…'
    """
    head, mark, _ = uri.partition("?") if is_uri(uri) else (uri, "", "")
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in head)
    text = re.sub(r"//[^/@]*@", "//…@", text)
    return (text if len(text) <= 300 else f"{text[:200]}…{text[-99:]}") + ("?…" if mark else "")


def locate(uri: str, limits: MediaLimits) -> Location:
    """Parses a URI and holds it against the allowed schemes.

    Plain paths (see `is_uri`) and S3 keys are literal; `file:` URIs and http paths are
    percent-encoded.

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
        _require_path(uri)
        return Location(scheme="file", target=uri)
    scheme = match.group(1).lower()
    if scheme == "s3":
        return _parse_s3(uri)
    if scheme == "http":
        return Location(scheme="http", target=uri)
    if scheme == "https":
        return Location(scheme="https", target=uri)
    raise RowError(RowErrorClass.URI_NOT_ALLOWED, f"{shown(uri)}: unsupported scheme {scheme}")


def _require_path(uri: str) -> None:
    match = _WITHOUT_SLASHES.match(uri)
    if match is None:
        return
    scheme = match.group(1).lower()
    start = "file:///" if scheme == "file" else f"{scheme}://"
    wrong = f"it must begin {start}" if scheme in SCHEMES else f"unsupported scheme {scheme}"
    raise RowError(
        RowErrorClass.URI_NOT_ALLOWED,
        f"{shown(uri)}: {wrong}; if it is the name of a file, write ./ before it",
    )


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
    if not _BUCKET.fullmatch(bucket):  # an ARN, say, which leads to another endpoint than ours
        message = f"{shown(uri)}: {bucket.rpartition('@')[2][:80]!a} is no name of a bucket"
        raise RowError(RowErrorClass.URI_NOT_ALLOWED, message)
    return Location(scheme="s3", target=f"s3://{bucket}/{key}")
