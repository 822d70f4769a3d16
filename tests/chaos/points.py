"""The commit points of the index job: every write to the store and every change in Milvus, by name.

`docs/crash-points.md` has a row for each: `test_points.py` sees that neither names one the other
does not, `test_chaos.py` that a run comes by all of them.
"""

import os
import re
from collections.abc import Callable
from typing import Any, Literal

from tte2_ray.artifacts import disk
from tte2_ray.artifacts.disk import DiskStore
from tte2_ray.artifacts.s3 import S3Store
from tte2_ray.milvus.upsert import ColumnUpsert

Moment = Literal["before", "during", "after"]
"""During: a temporary file is written, and has its name not yet."""
Reached = Callable[[str, Moment], None]
"""Hears of a point and a moment, in whichever thread comes by."""

_OF_KEYS: tuple[tuple[str, str], ...] = (
    ("lease.take", r"put_once leases/[^/]+/\d+\.json"),
    ("lease.beat", r"put leases/[^/]+/\d+\.beat"),
    ("lease.end", r"put_once leases/[^/]+/\d+\.end"),
    ("lease.forget", r"delete leases/.*"),
    ("preflight", r"\w+ \.preflight/.*"),
    ("plan.rows", r"put_once corpora/[^/]+/rows/.*"),
    ("plan.letters", r"put_once corpora/[^/]+/dead-letter/.*"),
    ("plan", r"put_once corpora/[^/]+/[^/]+/plan\.json"),
    ("reason.table", r"put_once ecr/.*\.parquet"),
    ("reason.marker", r"put_once ecr/.*\.done\.json"),
    ("embed.table", r"put_once vectors/.*\.parquet"),
    ("embed.marker", r"put_once vectors/.*\.done\.json"),
    ("load.letters", r"put_once dead-letter/.*"),
    ("load.marker", r"put_once indexes/[^/]+/[^/]+/load/.*"),
    ("load.forget", r"delete indexes/[^/]+/[^/]+/load/.*"),
    ("run", r"put indexes/[^/]+/[^/]+/run\.json"),
    ("manifest", r"put_once indexes/[^/]+/[^/]+/manifest\.json"),
    ("manifest.forget", r"delete indexes/[^/]+/[^/]+/manifest\.json"),
    ("finished", r"put_once indexes/[^/]+/finished/.*"),
    ("replaced", r"put indexes/[^/]+/[^/]+/replaced\.json"),
    ("promoted", r"put_once indexes/[^/]+/[^/]+/promoted\.json"),
    ("promoted.forget", r"delete indexes/[^/]+/[^/]+/promoted\.json"),
    ("results", r"put indexes/[^/]+/[^/]+/results\.json"),
    ("report", r"put indexes/[^/]+/[^/]+/report\.html"),
)
_OF_CALLS = {
    "create_collection": "collection.create",
    "create_index": "collection.index",
    "load_collection": "collection.load",
    "flush": "seal",
    "alter_alias": "alias",
    "create_alias": "alias",
}
"""Of `MilvusClient`."""
_UPSERT = "load.upsert"

NAMES = tuple(dict.fromkeys([name for name, _ in _OF_KEYS] + [*_OF_CALLS.values(), _UPSERT]))


def point_of(operation: str, key: str) -> str:
    """The name of a write to the store.

    Raises:
        ValueError: it has none: a new write needs a name here and a row in the table.
    """
    done = f"{operation} {key}"
    for name, pattern in _OF_KEYS:
        if re.fullmatch(pattern, done):
            return name
    raise ValueError(f"{done!r} is no commit point that has a name")


def install(reached: Reached) -> None:
    """Has this process tell of every point that it comes by, for as long as it lives."""
    from pymilvus import MilvusClient

    for owner in (DiskStore, S3Store):
        for operation in ("put", "put_once", "put_file", "delete"):
            setattr(owner, operation, _of_store(getattr(owner, operation), operation, reached))
    for name, point in _OF_CALLS.items():
        setattr(MilvusClient, name, _told(getattr(MilvusClient, name), point, reached))
    ColumnUpsert.__call__ = _told(ColumnUpsert.__call__, _UPSERT, reached)  # type: ignore[method-assign]
    _install_during(reached)


def _told(call: Callable[..., Any], point: str, reached: Reached) -> Callable[..., Any]:
    def called(*given: Any, **named: Any) -> Any:
        reached(point, "before")
        answer = call(*given, **named)
        reached(point, "after")
        return answer

    return called


def _of_store(call: Callable[..., Any], operation: str, reached: Reached) -> Callable[..., Any]:
    def called(store: Any, key: str, *given: Any) -> Any:
        return _told(call, point_of(operation, key), reached)(store, key, *given)

    return called


def _install_during(reached: Reached) -> None:
    """A local store names a file when it is whole: by these two calls, and no other."""
    own = type("os", (), {name: getattr(os, name) for name in dir(os)})

    def named_by(call: Callable[..., None], operation: str) -> Any:
        def called(source: Any, target: Any) -> None:
            key = _key_of(str(target))
            reached(point_of(operation, key), "during")
            call(source, target)

        return staticmethod(called)

    own.replace = named_by(os.replace, "put")  # type: ignore[attr-defined]
    own.link = named_by(os.link, "put_once")  # type: ignore[attr-defined]
    disk.os = own  # type: ignore[attr-defined]


def _key_of(path: str) -> str:
    """The key of a file in the store of a test, which is a folder named `store`."""
    return path.rpartition("/store/")[2]
