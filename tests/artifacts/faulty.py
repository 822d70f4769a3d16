"""A store before which S3 fails, and the server behind it as it is."""

import time
from functools import lru_cache
from typing import Any

import botocore.session

from tests.artifacts.conftest import BUCKET
from tests.chaos.s3_proxy import S3Proxy
from tte2_ray.artifacts.store import Store

MOST_WAIT_S = 15.0
"""Before the second to the fifth attempt at a request: up to 1, 2, 4 and 8 seconds."""


class Waits:
    """Stands for the clock of botocore and of the store: notes for how long they wait between two
    attempts, and waits `most_s` seconds of them at most."""

    def __init__(self) -> None:
        self.waited: list[float] = []
        self.most_s = 0.1

    def sleep(self, seconds: float) -> None:
        """Seconds that were asked for."""
        self.waited.append(seconds)
        time.sleep(min(seconds, self.most_s))


class Faulty:
    """A store behind a proxy.

    Args:
        store: an empty one.
        proxy: what it goes through.
        endpoint: of the server itself.
        waits: of the clients of this process.
    """

    def __init__(self, store: Store, proxy: S3Proxy, endpoint: str, waits: Waits) -> None:
        self.store, self.proxy, self.waits = store, proxy, waits
        self._direct = _direct(endpoint)
        self._prefix = store.root.removeprefix(f"s3://{BUCKET}/")

    def put(self, key: str, data: bytes) -> None:
        """Past the proxy."""
        self._direct.put_object(Bucket=BUCKET, Key=f"{self._prefix}/{key}", Body=data)

    def get(self, key: str) -> bytes | None:
        """What the server has, None where that is nothing."""
        if key not in self.keys():
            return None
        found = self._direct.get_object(Bucket=BUCKET, Key=f"{self._prefix}/{key}")
        return bytes(found["Body"].read())

    def keys(self) -> list[str]:
        """All that the server has."""
        found: dict[str, Any] = self._direct.list_objects_v2(Bucket=BUCKET, Prefix=self._prefix)
        return [each["Key"][len(self._prefix) + 1 :] for each in found.get("Contents", ())]


@lru_cache(maxsize=1)
def _direct(endpoint: str) -> Any:
    return botocore.session.Session().create_client("s3", endpoint_url=endpoint)
