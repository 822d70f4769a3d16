"""The room of a worker's engines, remembered when the worker ends and Ray puts another there.

A worker that the kernel or Ray kills for its memory leaves no word. So each notes where it works,
in Ray's own key-value store on the head: a successor on the same node that finds no farewell takes
half of what it finds; one on another node, whose predecessor went with its node, takes all of it.
"""

import json
import sys
from typing import Any

from tte2_ray.engines.halving import Room

_NAMESPACE = "tte2_ray_room"
"""Of some hundred bytes a worker, which Ray keeps until the cluster ends."""
_KILLED = "was killed without a word, for its memory most likely"


class _KeptRoom(Room):
    """A room that the worker's successor will know of."""

    def __init__(self, name: str, key: str, node: str) -> None:
        kept = _read(key)
        super().__init__(name, kept.get("halvings", 0))
        self._key, self._node = key, node
        if kept.get("node") == node and not kept.get("farewell"):
            super().halve()
            _tell(f"the worker of the {name} {_KILLED}; another goes on with half as much at once")
        self._write()

    def halve(self) -> None:
        super().halve()
        self._write()

    def farewell(self) -> None:
        """The worker ends of something that is no matter of memory."""
        self._write(farewell=True)

    def _write(self, *, farewell: bool = False) -> None:
        from ray.experimental.internal_kv import _internal_kv_put

        kept = {"halvings": self.halvings, "node": self._node, "farewell": farewell}
        _internal_kv_put(self._key, json.dumps(kept), namespace=_NAMESPACE)


_rooms: list[_KeptRoom] = []
"""Of this process: it holds one stage."""


def room_of(name: str) -> Room:
    """The room of an engine of this worker; outside an actor, one that nobody will ask for.

    Args:
        name: of the engine, by the part of the configuration that says how it is served.
    """
    import ray

    if not ray.is_initialized() or not (actor := ray.get_runtime_context().get_actor_id()):
        return Room(name)
    room = _KeptRoom(name, f"{actor}/{name}", ray.get_runtime_context().get_node_id())
    _rooms.append(room)
    return room


def say_farewell() -> None:
    """Before this worker ends for a reason that halving would not mend."""
    for room in _rooms:
        room.farewell()


def _read(key: str) -> dict[str, Any]:
    from ray.experimental.internal_kv import _internal_kv_get

    kept = _internal_kv_get(key, namespace=_NAMESPACE)
    found: dict[str, Any] = json.loads(kept) if kept else {}
    return found


def _tell(words: str) -> None:
    print(f"tte2_ray: {words}", file=sys.stderr, flush=True)
