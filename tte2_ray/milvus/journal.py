"""The imports of a version, as the artifact store tells them: what a crash may not lose.

<folder>/<batch>.json       shards, rows and file; written once, before the import is asked for
<folder>/<batch>.task.json  the number of the task, once the server gave one
<folder>/<batch>.end.json   how it ended, once it did
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from tte2_ray.artifacts.store import Store

End = Literal["completed", "failed", "unheard"]
"""`unheard`: no server knows of it, and none can hear of it any more, for its file is gone."""
_TASK, _END = ".task.json", ".end.json"


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Shards whose rows lie in one file, to be imported at once."""

    name: str
    shards: tuple[str, ...]
    rows: int
    place: str
    """Root of the store that holds the file."""
    file: str
    """Its key there."""
    path: str
    """The file as the server names it."""


class Journal:
    """What was begun and how it ended; for several processes, each with shards of its own.

    Args:
        store: the artifact store.
        folder: of the version, `indexes/<index>/<version>/bulk`.
    """

    def __init__(self, store: Store, folder: str) -> None:
        self._store, self._folder = store, folder.strip("/")

    def begin(self, batch: Batch) -> None:
        """Writes down what is about to be asked for."""
        self._store.put_once(
            f"{self._folder}/{batch.name}.json", json.dumps(asdict(batch)).encode()
        )

    def asked(self, batch: Batch, task: int) -> None:
        """Writes down the number that the server gave."""
        self._put(batch, _TASK, {"task": task})

    def end(self, batch: Batch, end: End) -> None:
        """Writes down how it ended."""
        self._put(batch, _END, {"end": end})

    def batches_of(self, shards: Collection[str]) -> Iterator[tuple[Batch, End | None]]:
        """Every batch with one of these shards, and how it ended; None where that is not known.

        Args:
            shards: their names.
        """
        wanted = set(shards)
        keys = {key for key, _ in self._store.list(self._folder, shallow=True)}
        for key in sorted(keys):
            if key.endswith((_TASK, _END)):
                continue
            stored = json.loads(self._store.get(key))
            batch = Batch(**stored | {"shards": tuple(stored["shards"])})
            if wanted.isdisjoint(batch.shards):
                continue
            end = f"{self._folder}/{batch.name}{_END}"
            yield batch, json.loads(self._store.get(end))["end"] if end in keys else None

    def task_of(self, batch: Batch) -> int | None:
        """The number of its task; None where the server's answer was not written down."""
        key = f"{self._folder}/{batch.name}{_TASK}"
        return int(json.loads(self._store.get(key))["task"]) if self._store.exists(key) else None

    def _put(self, batch: Batch, suffix: str, what: dict[str, int | str]) -> None:
        self._store.put_once(f"{self._folder}/{batch.name}{suffix}", json.dumps(what).encode())
