"""Where Milvus is, how a collection is indexed, and how hard it may be written to."""

from dataclasses import dataclass, field, fields
from typing import Any, Literal
from urllib.parse import urlparse

from tte2_ray.config import location, secret, speed
from tte2_ray.errors import ConfigError

IndexType = Literal["HNSW", "FLAT", "IVF_FLAT", "IVF_SQ8", "DISKANN", "SCANN", "AUTOINDEX"]
Metric = Literal["COSINE", "IP", "L2"]
LoadBy = Literal["auto", "upsert", "bulk"]

_INDEX_DEFAULTS: dict[str, dict[str, Any]] = {
    "HNSW": {"M": 16, "efConstruction": 200},
    "IVF_FLAT": {"nlist": 128},
    "IVF_SQ8": {"nlist": 128},
    "SCANN": {"nlist": 128},
}
_SEARCH_DEFAULTS: dict[str, dict[str, Any]] = {
    "HNSW": {"ef": 128},
    "IVF_FLAT": {"nprobe": 32},
    "IVF_SQ8": {"nprobe": 32},
    "SCANN": {"nprobe": 32},
}


@dataclass(frozen=True, kw_only=True)
class MilvusConfig:
    """One Milvus: embedded (`uri` empty) or any server that pymilvus reaches."""

    uri: str = location("")
    """`http://host:19530` of a server. Empty: a `milvus-lite server` on `data_dir` is found or
    started; it listens on the loopback only, so it serves the processes of one machine."""
    data_dir: str = location("build/milvus")
    """Folder of the embedded server; unused when `uri` is set."""
    token: str = secret("")
    """`user:password` or an API key; write `${oc.env:MILVUS_TOKEN}`, never the secret itself."""
    index_type: IndexType = "HNSW"
    metric: Metric = "COSINE"
    """IP is for vectors of one length, as the engines give them: a longer one would come before a
    row's own, and verification would refuse the index."""
    index_params: dict[str, Any] = field(default_factory=dict)
    """Build parameters that override the defaults of `index_type`, e.g. `{M: 32}`."""
    search_params: dict[str, Any] = field(default_factory=dict)
    """Search parameters that override the defaults of `index_type`, e.g. `{ef: 256}`."""
    metadata_fields: tuple[str, ...] = ()
    """Keys of an item's metadata that are stored with its vector; the others stay behind."""
    load: LoadBy = speed("auto")
    """How rows get in: by requests (upsert), or from files that the server imports (bulk). auto:
    from files where `bulk_uri` is set, the server imports, and `bulk_min_rows` are to be loaded."""
    bulk_uri: str = location("")
    """Where those files are put for the time of their import, and the server finds them:
    `s3://bucket/prefix` in its own bucket, or a folder that it sees."""
    bulk_path: str = location("")
    """What the server calls that place; empty: the prefix within the bucket, or the whole path of
    the folder."""
    bulk_min_rows: int = speed(100_000)
    """Fewer rows than this are loaded by requests where `load` is auto: an import of few takes some
    seconds all the same."""
    bulk_timeout_s: float = speed(1800.0)
    """Seconds that an import may stay as it is, the building of its index included, until it counts
    as hung."""
    batch_rows: int = speed(500)
    """Rows of one upsert request at most."""
    batch_bytes: int = speed(8 * 1024 * 1024)
    """Bytes of one upsert request at most (servers refuse 64 MiB)."""
    max_inflight: int = speed(2)
    """Requests of one writer on the wire at a time: with two, rows are checked and packed while the
    server works; more did not help an embedded one."""
    timeout_s: float = speed(60.0)
    """Seconds that one request may take."""
    connect_timeout_s: float = speed(5.0)
    """Seconds until a server that does not answer is given up."""
    patience_s: float = speed(300.0)
    """Seconds of nothing but refusals until a writer that is slowed down gives up."""

    def __post_init__(self) -> None:
        if "@" in self.uri.partition("://")[2]:  # not shown: it is what stays out of messages
            raise ConfigError(
                "milvus.uri holds a user or a password, and would be printed with it: write them "
                "as milvus.token=${oc.env:MILVUS_TOKEN}, user:password"
            )
        scheme = urlparse(self.uri).scheme
        if self.uri and scheme not in {"http", "https", "tcp", "unix"}:
            raise ConfigError(
                f"milvus.uri {self.uri!r} is not http://, https://, tcp:// or unix:. "
                "For the embedded server leave it empty and set milvus.data_dir."
            )
        if not self.uri and not self.data_dir:
            raise ConfigError("Set milvus.uri, or milvus.data_dir for the embedded server.")
        if self.load == "bulk" and not (self.uri and self.bulk_uri):
            raise ConfigError(
                "milvus.load=bulk needs a server that imports files (milvus.uri; the embedded one "
                "does not) and a place for them that it sees (milvus.bulk_uri)."
            )
        limits = ("batch_rows", "batch_bytes", "max_inflight", "bulk_min_rows", "bulk_timeout_s")
        for name in (*limits, "timeout_s", "connect_timeout_s", "patience_s"):
            if not getattr(self, name) > 0:  # true of NaN, too
                raise ConfigError(f"milvus.{name} is {getattr(self, name)}; it must be above 0.")

    def __repr__(self) -> str:
        """Without the token: a representation ends in logs."""
        shown = {each.name: getattr(self, each.name) for each in fields(self)}
        shown["token"] = "***" if self.token else ""
        return f"MilvusConfig({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    @property
    def build_params(self) -> dict[str, Any]:
        """The parameters that the index is built with."""
        return {**_INDEX_DEFAULTS.get(self.index_type, {}), **self.index_params}

    def params_for(self, k: int) -> dict[str, Any]:
        """The parameters of a search for `k` hits.

        >>> MilvusConfig().params_for(500)
        {'ef': 500}
        """
        params = {**_SEARCH_DEFAULTS.get(self.index_type, {}), **self.search_params}
        if "ef" in params:
            params["ef"] = max(int(params["ef"]), k)
        return params
