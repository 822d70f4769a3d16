"""What two indexes have in common, whose worlds lie in different folders."""

import re
from typing import Any

_TOLERANCE = 1e-4
"""Of a vector's numbers: an engine that works on other batches rounds otherwise."""

Contents = dict[str, Any]
"""By item id its vector, ECR and key."""


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


def _equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    close = all(
        abs(a - b) <= _TOLERANCE for a, b in zip(one["vector"], other["vector"], strict=True)
    )
    return close and (one["ecr"], one["embedding_key"]) == (other["ecr"], other["embedding_key"])
