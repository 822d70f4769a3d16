"""Which version of a media file a row means, from its metadata alone: nothing is downloaded."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from tte2_ray.artifacts.store import ObjectRefusedError, Store, open_store
from tte2_ray.artifacts.web_versions import WebVersions
from tte2_ray.errors import ConfigError, ResourceMissingError, RowError, RowErrorClass
from tte2_ray.media.fetch import allowed_path
from tte2_ray.media.limits import MediaLimits
from tte2_ray.media.uri import Location, Scheme, locate

ABSENT = "absent"
"""What is not there, or is refused by it or to it; the row fails later, with its reason."""
ON_WEB = "web-"
"""Begins the version of a file on the web; "" there where its server tells none."""


class MediaVersions:
    """Asks for the versions of files: size and modification time, on S3 the ETag, over http(s) what
    the server tells (`WebVersions`). What the limits do not allow is not asked for.

    Args:
        limits: where files may lie.
        concurrency: most requests at once.
    """

    def __init__(self, limits: MediaLimits, concurrency: int = 16) -> None:
        self._limits = limits
        self._concurrency = concurrency
        self._buckets: dict[str, Store] = {}
        self._web = WebVersions(limits)

    def of(self, uris: Iterable[str]) -> dict[str, str]:
        """The version of each URI.

        Raises:
            PrerequisiteError: S3 cannot be reached, or does not take our credentials.
            RuntimeFailure: S3 failed, after the retries.
        """
        places = {uri: self._place(uri) for uri in dict.fromkeys(uris)}
        found = {uri: self._of_file(uri, place) for uri, place in places.items()}
        remote = {uri: p.scheme for uri, p in places.items() if p and p.scheme != "file"}
        if remote:
            with ThreadPoolExecutor(min(self._concurrency, len(remote))) as pool:
                versions = pool.map(self._of_remote, remote, remote.values())
                found.update(zip(remote, versions, strict=True))
        return found

    def _place(self, uri: str) -> Location | None:
        try:
            return locate(uri, self._limits)
        except RowError:
            return None

    def _of_file(self, uri: str, place: Location | None) -> str:
        if place is None:
            return ABSENT
        if place.scheme != "file":
            return ""
        try:
            found = os.stat(allowed_path(place.target, uri, self._limits))
        except (RowError, OSError, ValueError):
            return ABSENT
        return f"{found.st_size}-{found.st_mtime_ns}"

    def _of_remote(self, uri: str, scheme: Scheme) -> str:
        return self._of_object(uri) if scheme == "s3" else self._on_web(uri)

    def _on_web(self, uri: str) -> str:
        try:
            version = self._web.of(uri)
        except RowError as error:
            return ABSENT if error.error_class is RowErrorClass.NOT_FOUND else ""
        return version and ON_WEB + version

    def _of_object(self, uri: str) -> str:
        bucket, _, key = uri[len("s3://") :].partition("/")
        try:
            store = self._buckets.setdefault(bucket, open_store(f"s3://{bucket}"))
            found = store.stat(key)
        except (ConfigError, ResourceMissingError, ObjectRefusedError, ValueError):
            return ABSENT
        return found.version if found else ABSENT
