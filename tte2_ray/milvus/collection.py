"""One collection an index version: its name, its schema, and the fingerprint that guards it."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tte2_ray.errors import ConfigError, ValidationError
from tte2_ray.milvus.client import typed_errors
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.schema import ITEM_ID_MAX_BYTES

if TYPE_CHECKING:
    from pymilvus import CollectionSchema, MilvusClient

ECR_MAX_BYTES = 65_535
"""The most that Milvus stores in a VARCHAR, in bytes of UTF-8. Milvus Lite counts characters, so
the limits are held here."""
METADATA_MAX_BYTES = 65_535
_LABEL_MAX_BYTES = 512
_NAME_MAX = 255

COLLECTION_VERSION = 2
"""Of the fields below: part of the name of a version, so that one with other fields is loaded anew.
2 added `ecr_key`."""
_FINGERPRINT = "tte2.fingerprint"
_INDEX_PATTERN = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*")
_VERSION_PATTERN = re.compile(r"[A-Za-z0-9](?:_?[A-Za-z0-9])*")
_LETTERS = "letters (a to z), digits and single underscores inside"


@dataclass(frozen=True, kw_only=True)
class CollectionSpec:
    """The collection that one version of an index is loaded into."""

    index: str
    """Name of the index, which is the alias that readers use."""
    version: str
    fingerprint: str
    """Embedding fingerprint: everything that changes the vectors."""
    dimension: int

    @property
    def name(self) -> str:
        """The collection's name."""
        return collection_name(self.index, self.version)


@dataclass(frozen=True, kw_only=True)
class CollectionInfo:
    """What a collection on the server is; `metric` and `index_type` are "" before it is indexed."""

    name: str
    fingerprint: str
    dimension: int
    metric: str
    index_type: str


def collection_name(index: str, version: str) -> str:
    """`<index>__<version>`; single underscores only, so that it can be taken apart again.

    >>> collection_name("films", "v3")
    'films__v3'

    Raises:
        ConfigError: a part holds something else than letters, digits and single underscores.
    """
    name = f"{index}__{version}"
    require_index_name(index)
    if not _VERSION_PATTERN.fullmatch(version):
        raise ConfigError(f"version {version!r} of index {index}: use {_LETTERS}")
    if len(name) > _NAME_MAX:
        raise ConfigError(f"The collection name {name!r} is longer than {_NAME_MAX} characters.")
    return name


def require_index_name(index: str) -> None:
    """Refuses a name that Milvus takes for no alias, or that no collection can be told by.

    Raises:
        ConfigError: it is not made of letters, digits and single underscores.
    """
    if not _INDEX_PATTERN.fullmatch(index):
        start = "an index starts with a letter, for its name is an alias in Milvus"
        raise ConfigError(f"index {index!r}: use {_LETTERS}; {start}")


def ensure_collection(client: "MilvusClient", config: MilvusConfig, spec: CollectionSpec) -> str:
    """Make the collection, its index, and load it; again is harmless, also from two processes.

    Returns:
        The collection's name.

    Raises:
        ValidationError: it exists with another fingerprint, dimension, metric or index type.
    """
    name = spec.name
    with typed_errors(f"create the collection {name}"):
        if not client.has_collection(name, timeout=config.timeout_s):
            _create(client, config, spec)
    _refuse_another(describe(client, config, name), config, spec)
    with typed_errors(f"index the collection {name}"):
        # Milvus answers the same request twice with success, so a crash in between mends itself.
        if not client.list_indexes(name, timeout=config.timeout_s):
            # An empty collection's index has nothing to wait for, and pymilvus 3.0 waits without
            # end where the timeout is a float.
            client.create_index(
                name, _index_params(client, config), sync=False, timeout=config.timeout_s
            )
        client.load_collection(name, timeout=config.timeout_s)
    return name


def describe(client: "MilvusClient", config: MilvusConfig, name: str) -> CollectionInfo:
    """What a collection (or the one behind an alias) is.

    Raises:
        ResourceMissingError: there is none of that name.
    """
    with typed_errors(f"describe the collection {name}"):
        found = client.describe_collection(name, timeout=config.timeout_s)
        real_name = str(found["collection_name"])
        indexes = client.list_indexes(real_name, timeout=config.timeout_s)
        index: dict[str, Any] = {}
        if indexes:
            index = client.describe_index(real_name, indexes[0], timeout=config.timeout_s) or {}
    fields = {field["name"]: field for field in found["fields"]}
    vector = fields.get("vector", {"params": {"dim": 0}})
    return CollectionInfo(
        name=real_name,
        fingerprint=str(found.get("properties", {}).get(_FINGERPRINT, "")),
        dimension=int(vector["params"]["dim"]),
        metric=str(index.get("metric_type", "")),
        index_type=str(index.get("index_type", "")),
    )


def _create(client: "MilvusClient", config: MilvusConfig, spec: CollectionSpec) -> None:
    from pymilvus.exceptions import MilvusException

    try:
        client.create_collection(
            spec.name,
            schema=_schema(client, spec.dimension),
            properties={_FINGERPRINT: spec.fingerprint},
            consistency_level="Bounded",
            timeout=config.timeout_s,
        )
    except MilvusException:
        # Another process may have been first; whether it made the same is checked by the caller.
        if not client.has_collection(spec.name, timeout=config.timeout_s):
            raise


def _schema(client: "MilvusClient", dimension: int) -> "CollectionSchema":
    from pymilvus import DataType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("item_id", DataType.VARCHAR, is_primary=True, max_length=ITEM_ID_MAX_BYTES)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
    schema.add_field("ecr", DataType.VARCHAR, max_length=ECR_MAX_BYTES)
    schema.add_field("ecr_cut_bytes", DataType.INT64)  # what did not fit into `ecr`
    for label in ("modality", "ecr_key", "embedding_key", "shard"):
        schema.add_field(label, DataType.VARCHAR, max_length=_LABEL_MAX_BYTES)
    for count in ("prompt_tokens", "visual_tokens", "output_tokens"):
        schema.add_field(count, DataType.INT64)
    schema.add_field("metadata", DataType.JSON)
    return schema


def _index_params(client: "MilvusClient", config: MilvusConfig) -> Any:
    params = client.prepare_index_params()
    params.add_index(
        "vector",
        index_type=config.index_type,
        metric_type=config.metric,
        # pymilvus sends the keys of `params` one by one, which Milvus Lite ignores; both kinds of
        # server read them from one key of that name.
        params={"params": config.build_params},
    )
    return params


def _refuse_another(info: CollectionInfo, config: MilvusConfig, spec: CollectionSpec) -> None:
    wanted = {"fingerprint": spec.fingerprint, "dimension": spec.dimension}
    if info.index_type:
        wanted |= {"metric": config.metric, "index_type": config.index_type}
    for name, value in wanted.items():
        if getattr(info, name) != value:
            raise ValidationError(
                f"The collection {info.name} has {name} {getattr(info, name)!r}, this job needs "
                f"{value!r}. Two never meet in one collection: load a new version, or drop it."
            )
