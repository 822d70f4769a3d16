"""What two indexes have in common, whose worlds lie in different folders."""

import re
from typing import Any

from tte2_ray.artifacts.manifest import IndexManifest, manifest_key
from tte2_ray.artifacts.markers import marker_key, table_key
from tte2_ray.artifacts.shards import read_plan
from tte2_ray.artifacts.store import Store
from tte2_ray.milvus.searcher import STORED_FIELDS

_TOLERANCE = 1e-4
"""Of a vector's numbers: an engine that works on other batches rounds otherwise."""

Contents = dict[str, Any]
"""By item id its fields."""
COMPARED = ("vector", *(name for name in STORED_FIELDS if name != "shard"))
"""Of an item; its shard is named by a digest that holds the folder of the corpus."""


def general(key: str, name: str) -> str:
    """The kind of a key: digests hold the folder of the corpus, and no two worlds share one."""
    key = re.sub(rf"(?<=/){re.escape(name)}(?=[-/])", "INDEX", key)
    return re.sub(r"[0-9a-f]{16,}|/\d{10}\.", "#", key)


def unlike(found: Contents, wanted: Contents) -> list[str]:
    """What is lost, too many, or different, in words."""
    problems = []
    if lost := wanted.keys() - found.keys():
        problems.append(f"{len(lost)} rows lost, such as {min(lost)}")
    if more := found.keys() - wanted.keys():
        problems.append(f"{len(more)} rows too many, such as {min(more)}")
    differing = [i for i in wanted.keys() & found.keys() if not _equal(wanted[i], found[i])]
    if differing:
        problems.append(f"{len(differing)} rows differ, such as {min(differing)}")
    return problems


def lost_objects(store: Store, manifest: IndexManifest) -> list[str]:
    """What a version was made of and is not there, in words.

    A count by kind does not tell it where another object of its kind is left over.
    """
    plan = read_plan(store, manifest.corpus, manifest.corpus_digest)
    made = f"ecr/{manifest.ecr_fingerprint}", f"vectors/{manifest.embedding_fingerprint}"
    version = manifest_key(manifest.index, manifest.version).rpartition("/")[0]
    wanted = {shard.key for shard in plan.shards} | set(plan.dead_letters)
    for shard in plan.shards:
        wanted |= {table_key(prefix, shard) for prefix in made}
        wanted |= {marker_key(prefix, shard) for prefix in (*made, f"{version}/load")}
    wanted -= {key for key, _ in store.list()}
    return [f"{len(wanted)} objects of the version lost, such as {min(wanted)}"] if wanted else []


def unaccounted(results: dict[str, Any], wanted: dict[str, int]) -> list[str]:
    """What is wrong with what a run says became of its rows.

    Args:
        results: what it wrote.
        wanted: rows of an undisturbed run.
    """
    problems, rows = [], results["rows"]
    if rows["in"] != rows["indexed"] + rows["unchanged"] + rows["rejected"]:
        problems.append(f"the accounting is open: {rows}")
    if any(rows[name] != wanted[name] for name in ("in", "rejected")):
        problems.append(f"{rows} in place of {wanted}")
    if not results["live"]:
        problems.append("the version is not live")
    return problems


def _equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    vectors = one["vector"], other["vector"]
    if len(vectors[0]) != len(vectors[1]):
        return False
    close = all(abs(a - b) <= _TOLERANCE for a, b in zip(*vectors, strict=True))
    return close and one | {"vector": ()} == other | {"vector": ()}
