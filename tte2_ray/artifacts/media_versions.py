"""Which version of a media file a row means, from its metadata alone: nothing is downloaded."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.errors import ConfigError, PrerequisiteError, ResourceMissingError, RowError
from tte2_ray.media.limits import SCHEMES, MediaLimits
from tte2_ray.media.uri import locate

ABSENT = "absent"
"""What is not there, or is refused to us; the row fails later, with its reason."""

_ANY_SCHEME = MediaLimits(allowed_schemes=SCHEMES)


class MediaVersions:
    """Asks for the versions of files: size and modification time, on S3 the ETag.

    For http(s) there is none ("").

    Args:
        concurrency: most requests to S3 at once.
    """

    def __init__(self, concurrency: int = 16) -> None:
        self._concurrency = concurrency
        self._buckets: dict[str, Store] = {}

    def of(self, uris: Iterable[str]) -> dict[str, str]:
        """The version of each URI.

        Raises:
            RuntimeFailure: S3 failed, after the retries.
        """
        different = list(dict.fromkeys(uris))
        remote = [uri for uri in different if uri.lower().startswith("s3://")]
        found = {uri: _of_file(uri) for uri in different if uri not in set(remote)}
        if remote:
            with ThreadPoolExecutor(min(self._concurrency, len(remote))) as pool:
                found.update(zip(remote, pool.map(self._of_object, remote), strict=True))
        return found

    def _of_object(self, uri: str) -> str:
        bucket, _, key = uri[len("s3://") :].partition("/")
        try:
            store = self._buckets.setdefault(bucket, open_store(f"s3://{bucket}"))
            found = store.stat(key)
        except (ConfigError, ResourceMissingError, PrerequisiteError, ValueError):
            return ABSENT
        return found.version if found else ABSENT


def _of_file(uri: str) -> str:
    try:
        location = locate(uri, _ANY_SCHEME)
        if location.scheme != "file":
            return ""
        found = os.stat(location.target)
    except (RowError, OSError, ValueError):
        return ABSENT
    return f"{found.st_size}-{found.st_mtime_ns}"
