"""What the server that answers can do: asked of it, not assumed of a kind of server."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tte2_ray.milvus.client import request_errors, status_name, typed_errors
from tte2_ray.milvus.config import MilvusConfig

if TYPE_CHECKING:
    from pymilvus import MilvusClient

_TAKES_PARQUET = (2, 3, 4)
"""The first version whose imports read Parquet."""


@dataclass(frozen=True, kw_only=True)
class Abilities:
    """Of one server."""

    version: str
    """As it says: `milvus_lite-3.2.2`; `v2.3.5-lite`, of the wheel `milvus`, is no Milvus Lite."""
    imports_files: bool
    """Whether it imports Parquet files by itself."""


def abilities(client: "MilvusClient", config: MilvusConfig) -> Abilities:
    """Asks a server what it is and can do.

    Args:
        client: connected.
        config: of the same server.

    Raises:
        PrerequisiteError: it does not answer.
    """
    with typed_errors(f"ask Milvus at {config.uri} for its version", first=True):
        version = str(client.get_server_version(timeout=config.timeout_s))
    files = takes_parquet(version) and _lists_imports(client, config)
    return Abilities(version=version, imports_files=files)


def has_proxies(version: str) -> bool:
    """Whether others than the server that holds the data answer its readers.

    >>> [has_proxies(v) for v in ("v2.3.5-lite", "2.6.1", "milvus_lite-3.2.2")]
    [True, True, False]
    """
    return not version.startswith("milvus_lite")


def takes_parquet(version: str) -> bool:
    """Whether imports of this version read Parquet; one that names no number is taken to be new.

    >>> [takes_parquet(v) for v in ("v2.3.5-lite", "v2.3.3", "2.6.1", "milvus_lite-3.2.2")]
    [True, False, True, False]
    """
    if not has_proxies(version):
        return False
    number = re.search(r"(\d+)\.(\d+)\.(\d+)", version)
    return number is None or tuple(map(int, number.groups())) >= _TAKES_PARQUET


def _lists_imports(client: "MilvusClient", config: MilvusConfig) -> bool:
    """Whether it knows of imports at all: asked for those of no collection in particular."""
    with typed_errors(f"ask Milvus at {config.uri} for its imports", first=True):
        try:
            client._get_connection().list_bulk_insert_tasks(1, "", timeout=config.timeout_s)
        except request_errors() as error:
            if status_name(error) != "UNIMPLEMENTED":
                raise
            return False
    return True
