"""What holders of a lease leave in the store.

leases/<index>/<number>.json   a holder; put once, so that a number has one holder for ever
leases/<index>/<number>.beat   replaced by it as long as it lives
leases/<index>/<number>.end    written when it lets go
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from tte2_ray.artifacts.process import Process
from tte2_ray.artifacts.store import Store, key_part

_FOLDER = "leases"


class LeaseRecords:
    """Of one index, or of something else that one works on at a time.

    Args:
        store: where they lie.
        name: of the index; what else it is has a blank in its name.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name = store, name
        self.part = key_part(name)
        """Its folder, below that of all."""

    @classmethod
    def all(cls, store: Store) -> "Iterator[LeaseRecords]":
        """Of everything that was ever worked on in a store."""
        for part in sorted({key.split("/")[1] for key, _ in store.list(_FOLDER)}):
            records = cls(store, unquote(part))
            records.part = part  # a long name is shortened in it, and does not come back
            yield records

    @property
    def _folder(self) -> str:
        return f"{_FOLDER}/{self.part}"

    @property
    def uri(self) -> str:
        """Of the folder, which is apart from the versions: they may not be there yet."""
        return self._store.uri(self._folder)

    def highest(self) -> int:
        """The number that was taken last; 0 where none was."""
        keys = (key for key, _ in self._store.list(self._folder, shallow=True))
        return max((_number(key) for key in keys if key.endswith(".json")), default=0)

    def take(self, number: int, expiry_s: float) -> bool:
        """Takes a number, unless another has; whether this call did.

        Args:
            number: to take.
            expiry_s: for how long its holder may be silent.
        """
        since = datetime.now(UTC).isoformat(timespec="seconds")
        told = {"process": asdict(Process.own()), "since": since, "expiry_s": expiry_s}
        return self._store.put_once(self._key(number, "json"), json.dumps(told).encode())

    def is_taken(self, number: int) -> bool:
        """Whether anybody has taken a number."""
        return self._store.exists(self._key(number, "json"))

    def expiry_s(self, number: int) -> float:
        """For how long the holder of a number may be silent; 0 where it did not say."""
        return float(self._told(number).get("expiry_s", 0.0))

    def is_free(self, number: int) -> bool:
        """Whether nobody holds a number (any more), as far as that is seen without waiting."""
        if not number or self._store.exists(self._key(number, "end")):
            return True
        return self._holder(number)[0].is_gone()

    def beat(self, number: int, count: int) -> None:
        """Says that the holder of a number lives, for the n-th time."""
        self._store.put(self._key(number, "beat"), str(count).encode())

    def beat_version(self, number: int) -> str:
        """Changes when the holder says that it lives."""
        found = self._store.stat(self._key(number, "beat"))
        return found.version if found else ""

    def end(self, number: int) -> None:
        """Says that the holder of a number lets go."""
        self._store.put_once(self._key(number, "end"), b"")

    def of_before(self) -> Iterator[tuple[str, int]]:
        """What earlier holders said besides, as `Store.list` has it; their numbers stay taken."""
        highest = self.highest()
        for key, size in list(self._store.list(self._folder, shallow=True)):
            if _number(key) < highest and not key.endswith(".json"):
                yield key, size

    def forget_before(self) -> None:
        """Deletes that."""
        for key, _ in self.of_before():
            self._store.delete(key)

    def describe(self, number: int) -> str:
        """Who holds a number, in words."""
        process, since = self._holder(number)
        held = f"{self._name} is held" if " " in self._name else f"index {self._name} is worked on"
        return f"{held} by {process} since {since}"

    def _holder(self, number: int) -> tuple[Process, str]:
        told = self._told(number)
        return Process(**told["process"]), str(told["since"])

    def _told(self, number: int) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._store.get(self._key(number, "json")))
        return told

    def _key(self, number: int, suffix: str) -> str:
        return f"{self._folder}/{number:010d}.{suffix}"


def _number(key: str) -> int:
    return int(key.rpartition("/")[2].partition(".")[0])
