"""The rows that a collection holds of some shards: shown, counted, removed."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tte2_ray.errors import RuntimeFailure
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.expressions import quoted
from tte2_ray.milvus.patience import followed, patiently

if TYPE_CHECKING:
    from pymilvus import MilvusClient

_POLL_S = 0.3


class ShardRows:
    """Of one collection.

    Every method raises `RuntimeFailure` where the server went away for `patience_s`.

    Args:
        client: connected.
        config: of the same server.
        collection: that exists, with its index.
    """

    def __init__(self, client: "MilvusClient", config: MilvusConfig, collection: str) -> None:
        self._client, self._config, self._collection = client, config, collection

    def show(self) -> None:
        """Lets readers see what was imported, once the index of it is built."""

        def unindexed() -> int:
            found = self._client.describe_index(
                self._collection, "vector", timeout=self._config.timeout_s
            )
            return int((found or {}).get("pending_index_rows", 0))

        doing = f"index {self._collection}"
        followed(doing, self._config, unindexed, lambda left: left == 0, "{} rows left".format)
        patiently(
            f"load {self._collection}",
            self._config,
            lambda: self._client.refresh_load(self._collection, timeout=self._config.patience_s),
        )

    def count(self, shards: Sequence[str]) -> int:
        """How many rows of these shards a reader sees now."""

        def counted() -> int:
            rows = self._client.query(
                self._collection,
                filter=_of(shards),
                output_fields=["count(*)"],
                consistency_level="Strong",
                timeout=self._config.timeout_s,
            )
            return int(rows[0]["count(*)"])

        return patiently(f"count rows of {self._collection}", self._config, counted)

    def counts(self, shards: Sequence[str]) -> dict[str, int]:
        """How many of each; shards without one are left out."""
        if not self.count(shards):
            return {}
        each = {shard: self.count([shard]) for shard in shards}
        return {shard: count for shard, count in each.items() if count}

    def wait_for(self, shards: Sequence[str], rows: int) -> int:
        """How many rows of these shards are seen: so many, more, or fewer and patience is spent."""
        return self._once(shards, lambda count: count >= rows)

    def remove(self, shards: Sequence[str]) -> None:
        """Deletes the rows of these shards, and sees that they are gone."""
        patiently(
            f"delete rows of {self._collection}",
            self._config,
            lambda: self._client.delete(
                self._collection, filter=_of(shards), timeout=self._config.timeout_s
            ),
        )
        if left := self._once(shards, lambda count: count == 0):
            raise RuntimeFailure(
                f"{self._collection}: {left} rows of {len(shards)} shards are still there after "
                "they were deleted; run the same command again"
            )

    def _once(self, shards: Sequence[str], holds: Callable[[int], bool]) -> int:
        deadline = time.monotonic() + self._config.patience_s
        while not holds(count := self.count(shards)) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        return count


def _of(shards: Sequence[str]) -> str:
    return f"shard in [{', '.join(map(quoted, shards))}]"
