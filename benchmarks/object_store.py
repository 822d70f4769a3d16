"""What Ray's object store held at most, and whether it spilled: the raylet's own counts."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

EVERY_S = 1.0


@dataclass(kw_only=True)
class ObjectStore:
    """Seen once a second while Ray was up."""

    looks: int = 0
    most_bytes: int = 0
    """In use at once."""
    most_objects: int = 0
    """Held at once."""
    spilled_bytes: int = 0
    """Written to disk so far, because there was no room."""
    fallback_bytes: int = 0
    """Allocated on disk at once, because there was no room."""

    def look(self, stats: Any) -> None:
        """Takes in what the raylet says (`StoreStats`)."""
        self.looks += 1
        self.most_bytes = max(self.most_bytes, stats.object_store_bytes_used)
        self.most_objects = max(self.most_objects, stats.num_local_objects)
        self.spilled_bytes = max(self.spilled_bytes, stats.spilled_bytes_total)
        self.fallback_bytes = max(self.fallback_bytes, stats.object_store_bytes_fallback)


@contextmanager
def watched_store() -> Iterator[ObjectStore]:
    """What becomes of the store of the Ray that is connected, for as long as the context lasts."""
    import ray
    from ray._private.internal_api import get_memory_info_reply, get_state_from_address

    address = ray.get_runtime_context().gcs_address
    state = get_state_from_address(address)  # type: ignore[no-untyped-call]
    seen, over = ObjectStore(), threading.Event()

    def look() -> None:
        told: Any = get_memory_info_reply(state)  # type: ignore[no-untyped-call]
        seen.look(told.store_stats)

    def keep_looking() -> None:
        while not over.wait(EVERY_S):
            look()

    thread = threading.Thread(target=keep_looking, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
        time.sleep(EVERY_S)  # the raylet counts what was written once a second or so
        look()
