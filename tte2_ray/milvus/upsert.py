"""Upsert rows as columns, which is how they travel to Milvus and lie in it.

`MilvusClient.upsert` packs a row value by value and looks the type of each up: 67 µs of Python for
a row of this schema, against 9 for the same rows packed column by column (docs/decisions/0008). A
loader is as fast as that. So this calls what the connection behind a client offers, which the
pinned pymilvus has public for no class but its deprecated `Collection`.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymilvus import MilvusClient

Entity = dict[str, Any]
Upsert = Callable[[Sequence[Entity]], int]
"""Sends rows; how many of them were taken."""


class ColumnUpsert:
    """Sends rows to one collection. From several threads at once.

    Args:
        client: connected.
        collection: that exists.
        timeout_s: of a request.
    """

    def __init__(self, client: "MilvusClient", collection: str, timeout_s: float) -> None:
        self._client, self._collection, self._timeout_s = client, collection, timeout_s
        self._schema: dict[str, Any] = {}

    def __call__(self, batch: Sequence[Entity]) -> int:
        """Upserts rows that have every field; the number that the server took.

        Raises:
            pymilvus.exceptions.MilvusException, grpc.RpcError: the request failed; a refusal for
                now is not tried again, as pymilvus would at full speed until the timeout.
        """
        # Asked for where it is needed first: a loader is made before its server is busy.
        self._schema = self._schema or self._client.describe_collection(
            self._collection, timeout=self._timeout_s
        )
        columns = [
            {"name": field["name"], "type": field["type"], "values": _values(batch, field["name"])}
            for field in self._schema["fields"]
        ]
        answer = self._client._get_connection().upsert(
            self._collection,
            columns,
            schema=self._schema,
            timeout=self._timeout_s,
            context=self._client._generate_call_context(),
            retry_on_rate_limit=False,
        )
        return int(answer.upsert_count)


def _values(batch: Sequence[Entity], name: str) -> list[Any]:
    import numpy as np

    values = [entity[name] for entity in batch]
    # pymilvus walks over a vector number by number, and Python's own are faster to walk over.
    return np.stack(values).tolist() if name == "vector" else values
