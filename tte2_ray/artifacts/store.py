"""One interface over `s3://bucket/prefix` and local folders.

Keys are slash-separated and relative to the root: `ecr/<fingerprint>/shard-….parquet`. A prefix
names a folder ("ecr/ab" never lists "ecr/abc"). Writes are whole or absent, never half-visible.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import quote, unquote, urlsplit

from tte2_ray.config.paths import with_home
from tte2_ray.errors import ConfigError, PrerequisiteError

MAX_KEY_PART_BYTES = 200
"""File systems allow 255 bytes a name; the rest is left for suffixes."""

_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]+)://", re.IGNORECASE)


class ObjectRefusedError(PrerequisiteError):
    """This object is not for us to read or write; the store itself answers."""


@dataclass(frozen=True, kw_only=True)
class ObjectStat:
    """What is known of an object without reading it."""

    size: int
    """Bytes."""
    version: str
    """Changes when the object does: the ETag on S3, size and modification time on disk."""


class Store(Protocol):
    """Where artifacts lie. Picklable: clients are made where they are first used.

    Every method raises `ResourceMissingError` where what was named is not there,
    `ObjectRefusedError` where that alone is refused, `PrerequisiteError` where the store refuses
    us or cannot be reached, `RuntimeFailure` where it died.
    """

    @property
    def root(self) -> str:
        """What `open_store` was given, made absolute."""

    def check(self, *, write: bool = True) -> None:
        """Prove within seconds that the store can be read, written and put to once.

        Args:
            write: False only reads.
        """

    def get(self, key: str) -> bytes:
        """The whole object."""

    def open(self, key: str) -> BinaryIO:
        """The object as a seekable file that is read piece by piece."""

    def put(self, key: str, data: bytes) -> None:
        """Write or replace the object atomically."""

    def put_file(self, key: str, file: Path) -> None:
        """Write or replace the object by a local file of any size, piece by piece."""

    def put_once(self, key: str, data: bytes) -> bool:
        """Write the object unless the key is taken; whether this call wrote it."""

    def stat(self, key: str) -> ObjectStat | None:
        """Size and version, or None where there is no such object."""

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""

    def list(self, prefix: str = "", *, shallow: bool = False) -> Iterator[tuple[str, int]]:
        """`(key, bytes)` of what lies under the folder `prefix`, in the order of the keys.

        Args:
            prefix: a folder; "" is the root.
            shallow: only what lies directly in it.
        """

    def leftovers(self) -> Iterator[tuple[str, int]]:
        """`(key, bytes)` of what writes left that were cut off; `list` does not show it."""

    def delete(self, key: str) -> None:
        """Remove the object; no error where there is none."""

    def uri(self, key: str) -> str:
        """The `s3://` or `file://` URI of a key."""


def open_store(root: str) -> Store:
    """The store at a root; nothing is contacted or created yet (see `Store.check`).

    Args:
        root: `s3://bucket/prefix`, `file:///folder`, or a path. S3 takes its endpoint, region and
            credentials from the standard AWS environment (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, …).

    Raises:
        ConfigError: the root is empty, its scheme is unknown, or the home that it names.
    """
    match = _SCHEME.match(root)
    scheme = match.group(1).lower() if match else "path"
    if scheme not in ("path", "file") and "@" in root.split("/")[2]:
        raise ConfigError(
            f"a root {scheme}://… holds a user or a password, and would be printed with it: S3 "
            "takes credentials from the AWS environment"
        )
    if scheme == "s3":
        from tte2_ray.artifacts.s3 import S3Store

        bucket, _, prefix = root[len("s3://") :].partition("/")
        if not bucket:
            raise ConfigError(f"{root!r} names no bucket; write s3://bucket/prefix")
        return S3Store(bucket, prefix.strip("/"))
    if scheme not in ("file", "path") or not root.strip():
        raise ConfigError(f"cannot store at {root!r}: give s3://bucket/prefix or a local folder")
    from tte2_ray.artifacts.disk import DiskStore

    path = unquote(urlsplit(root).path) if scheme == "file" else root
    return DiskStore(str(Path(with_home(path)).absolute()))


def check_key(key: str) -> str:
    """The key itself, if it cannot leave its root.

    Raises:
        ValueError: it is empty, absolute, or has an empty, `.` or `..` part, or a NUL.
    """
    if "\0" in key or any(part in ("", ".", "..") for part in key.split("/")):
        raise ValueError(f"{key!r} is no key; encode ids with key_part()")
    return key


def key_part(name: str) -> str:
    """One part of a key for any text: different texts give different parts.

    A long text keeps its beginning and ends in its hash, so that file systems take it.

    >>> key_part("shoes/red #1"), key_part(".."), key_part("")
    ('shoes%2Fred%20%231', '%2E.', '%')
    """
    # quote() leaves "~" alone; here it is kept for marking what was shortened.
    encoded = quote(name, safe="", errors="surrogatepass").replace("~", "%7E") or "%"
    if encoded.startswith("."):
        encoded = "%2E" + encoded[1:]
    if len(encoded) <= MAX_KEY_PART_BYTES:
        return encoded
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{encoded[: MAX_KEY_PART_BYTES - 66]}~~{digest}"


def folder_prefix(prefix: str) -> str:
    """The prefix as a folder: "" or with one closing slash."""
    stripped = prefix.strip("/")
    return f"{check_key(stripped)}/" if stripped else ""
