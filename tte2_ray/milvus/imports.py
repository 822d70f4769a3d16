"""Files that the server imports by itself: asked for, looked after, and found again.

    ask(file) ─▶ pending ─▶ started ─▶ persisted ─▶ completed (index built)
                    └──────────┴────────────┴─▶ failed: nothing of it stays

An import appends: the same file twice is every row twice. So it is asked for once, and where the
answer is lost, what the server lists says whether it was heard.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tte2_ray.milvus.config import MilvusConfig

if TYPE_CHECKING:
    from pymilvus import MilvusClient

State = Literal["running", "completed", "failed"]
_KEY = "idempotency_key"
"""A field of the request in a protocol that is still a draft (milvus-io/milvus#50954); pymilvus
3.0.2 does not have it."""


@dataclass(frozen=True, kw_only=True)
class ImportTask:
    """What the server says of one import."""

    number: int
    state: State
    file: str
    """As it was asked for; "" where a server does not say (2.4 and later)."""
    said: str
    """State, rows and share as the server words them: a change means that it goes on."""
    reason: str
    """Why it failed; "" otherwise."""


class Imports:
    """The imports of one collection.

    Args:
        client: connected to a server that imports files (see `abilities`).
        config: of the same server.
        collection: that exists.
    """

    def __init__(self, client: "MilvusClient", config: MilvusConfig, collection: str) -> None:
        self._client, self._config, self._collection = client, config, collection

    def ask(self, file: str, *, key: str) -> int:
        """Asks for an import, once: a request that breaks off may have been heard.

        Args:
            file: a Parquet file, as the server names it.
            key: of this import; a server that knows such keys makes one of two requests with it.

        Returns:
            The number of the task.

        Raises:
            pymilvus.exceptions.MilvusException, grpc.RpcError: it was refused, or not answered.
        """
        from pymilvus.client.prepare import Prepare
        from pymilvus.client.utils import check_status

        request = Prepare.do_bulk_insert(self._collection, "", [file])
        if _KEY in request.DESCRIPTOR.fields_by_name:
            setattr(request, _KEY, key)
        # `do_bulk_insert` of the same connection would ask again wherever an answer is lost.
        stub = self._client._get_connection()._stub
        answer = stub.Import(request, timeout=self._config.timeout_s, metadata=self._metadata())
        check_status(answer.status)
        return int(answer.tasks[0])

    def task(self, number: int) -> ImportTask:
        """What the server says of a task; raises as `ask`, also where there is none."""
        found = self._client._get_connection().get_bulk_insert_state(
            number, timeout=self._config.timeout_s
        )
        return _task(found)

    def tasks(self) -> list[ImportTask]:
        """Every import of the collection that the server remembers (2.3 for a day), as `task`."""
        found = self._client._get_connection().list_bulk_insert_tasks(
            0, self._collection, timeout=self._config.timeout_s
        )
        return [_task(each) for each in found]

    def _metadata(self) -> Any:
        from pymilvus.client.grpc_handler import _api_level_md

        return _api_level_md(self._client._generate_call_context())


def _task(found: Any) -> ImportTask:
    states: dict[int, State] = {
        found.ImportCompleted: "completed",
        found.ImportFailed: "failed",
        found.ImportFailedAndCleaned: "failed",
    }
    share = found.infos.get(found.IMPORT_PROGRESS, "")
    return ImportTask(
        number=int(found.task_id),
        state=states.get(found.state, "running"),
        file=str(found.infos.get(found.IMPORT_FILES, "")),
        said=f"{found.state_name} {found.row_count} {share}".strip(),
        reason=str(found.infos.get(found.FAILED_REASON, "")),
    )
