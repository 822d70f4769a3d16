"""What a collection takes in Milvus, by index type; each formula with its source.

HNSW      Malkov and Yashunin, arXiv:1603.09320, 4.2.3: (Mmax0 + mL Mmax) links of 4 bytes a
          vector, Mmax0 = 2 M, Mmax = M, mL = 1 / ln M
IVF       Faiss wiki, "Guidelines to choose an index" and "Faiss indexes": vector or code, an id
          of 8 bytes, and the centroids
DISKANN   Subramanya et al., NeurIPS 2019, 3.2: a vector with its neighbours in sectors of 4 KiB;
          Milvus' defaults (milvus.io/docs/configure_knowhere.md): 56 neighbours, in memory codes
          of 0.125 of the vectors and a cache of 0.1
"""

import math
from dataclasses import dataclass

FLOAT_BYTES = 4
LINK_BYTES = 4
ID_BYTES = 8
SECTOR = 4096
MAX_DEGREE = 56
PQ_SHARE, CACHE_SHARE = 0.125, 0.1
LABELS_BYTES = 64 + 64 + 32 + 8
"""Of a row's `ecr_key`, `embedding_key`, `shard` and `modality`."""
COUNTS_BYTES = 4 * 8
"""Of a row's four INT64 fields."""


@dataclass(frozen=True, kw_only=True)
class IndexSize:
    """Of all vectors of a collection, in bytes."""

    memory: float
    disk: float = 0.0
    """Besides what Milvus keeps of every collection in its own object store."""
    words: str
    """The formula of the memory with its numbers, for people."""


def scalar_bytes(item_id: float, ecr: float, metadata: float = 2.0) -> float:
    """Of a row's fields besides its vector; they are loaded with it.

    Args:
        item_id: bytes of an id.
        ecr: bytes of an ECR.
        metadata: bytes of the stored metadata; "{}" where there is none.

    >>> scalar_bytes(12, 1000)
    1214.0
    """
    return item_id + ecr + metadata + LABELS_BYTES + COUNTS_BYTES


def index_sizes(
    rows: float, dimension: int, *, links: int = 16, nlist: int = 128
) -> dict[str, IndexSize]:
    """By index type.

    Args:
        rows: in the collection.
        dimension: of the vectors.
        links: `M` of HNSW.
        nlist: centroids of an IVF index, of each segment; all together are what is left out here.

    >>> sizes = index_sizes(1e9, 2048)
    >>> {name: round(size.memory / 1e12, 2) for name, size in sizes.items()}
    {'FLAT': 8.19, 'HNSW': 8.34, 'IVF_FLAT': 8.2, 'IVF_SQ8': 2.06, 'DISKANN': 1.84}
    >>> round(sizes["DISKANN"].disk / 1e12, 2)
    12.29
    """
    vector = FLOAT_BYTES * dimension
    graph = LINK_BYTES * (2 + 1 / math.log(links)) * links
    centroids = nlist * vector
    n = f"{rows:,.0f} ×"
    return {
        "FLAT": IndexSize(memory=rows * vector, words=f"{n} (4 × {dimension})"),
        "HNSW": IndexSize(
            memory=rows * (vector + graph),
            words=f"{n} (4 × {dimension} + 4 × (2 + 1 / ln {links}) × {links})",
        ),
        "IVF_FLAT": IndexSize(
            memory=rows * (vector + ID_BYTES) + centroids,
            words=f"{n} (4 × {dimension} + 8) + {nlist} × 4 × {dimension}",
        ),
        "IVF_SQ8": IndexSize(
            memory=rows * (dimension + ID_BYTES) + centroids,
            words=f"{n} ({dimension} + 8) + {nlist} × 4 × {dimension}",
        ),
        "DISKANN": IndexSize(
            memory=rows * vector * (PQ_SHARE + CACHE_SHARE),
            disk=rows * node_on_disk(dimension),
            words=f"{n} (4 × {dimension}) × ({PQ_SHARE} + {CACHE_SHARE})",
        ),
    }


def node_on_disk(dimension: int) -> float:
    """Bytes of a vector with its neighbours, in whole sectors.

    >>> node_on_disk(64), node_on_disk(1024), node_on_disk(2048)
    (512.0, 8192.0, 12288.0)
    """
    node = FLOAT_BYTES * dimension + LINK_BYTES * (MAX_DEGREE + 1)
    if node > SECTOR:
        return float(SECTOR * math.ceil(node / SECTOR))
    return SECTOR / (SECTOR // node)
