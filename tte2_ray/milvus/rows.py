"""The row of a collection: what is checked before it is sent, and what is cut to fit."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.milvus.collection import ECR_MAX_BYTES, METADATA_MAX_BYTES
from tte2_ray.schema import check_item_id

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

_LEAST_SQUARE = 1e-12
"""Of a vector's norm: below, its direction is rounding."""


@dataclass(frozen=True, kw_only=True)
class IndexRow:
    """One item as it is loaded."""

    item_id: str
    vector: "ArrayLike"
    """Length `dimension`, float32."""
    ecr: str
    modality: str
    ecr_key: str
    """Names item content, instruction and reasoner."""
    embedding_key: str
    shard: str
    """Name of the shard that the item came from."""
    prompt_tokens: int
    """Text and visual tokens of the ECR's prompt."""
    visual_tokens: int
    output_tokens: int
    metadata: Mapping[str, Any] = field(default_factory=dict)


def to_entity(
    row: IndexRow, *, dimension: int, metadata_fields: tuple[str, ...]
) -> tuple[dict[str, Any], int]:
    """The entity that Milvus stores, and about how many bytes it takes on the wire.

    Raises:
        RowError: BAD_ID; BAD_VECTOR, of another length, not finite or about zero; TOO_LARGE, the
            selected metadata exceeds `METADATA_MAX_BYTES`; MALFORMED_ROW, it is no
            JSON; BAD_ENCODING, the ECR is no Unicode text.
    """
    check_item_id(row.item_id)
    metadata = {name: row.metadata[name] for name in metadata_fields if name in row.metadata}
    ecr, cut_bytes = fit_ecr(row.ecr)
    entity = {
        "item_id": row.item_id,
        "vector": checked_vector(row.vector, dimension),
        "ecr": ecr,
        "ecr_cut_bytes": cut_bytes,
        "modality": row.modality,
        "ecr_key": row.ecr_key,
        "embedding_key": row.embedding_key,
        "shard": row.shard,
        "prompt_tokens": row.prompt_tokens,
        "visual_tokens": row.visual_tokens,
        "output_tokens": row.output_tokens,
        "metadata": metadata,
    }
    ecr_bytes = len(ecr) if ecr.isascii() else len(ecr.encode())
    size = 4 * dimension + ecr_bytes + _metadata_bytes(metadata) + 512
    return entity, size


def fit_ecr(ecr: str) -> tuple[str, int]:
    """The ECR cut to `ECR_MAX_BYTES` at a whole character, and the number of bytes cut.

    >>> fit_ecr("short")
    ('short', 0)
    >>> [(len(kept.encode()), cut) for kept, cut in [fit_ecr("é" * 40_000)]]
    [(65534, 14466)]

    Raises:
        RowError: BAD_ENCODING, a lone surrogate cannot be stored.
    """
    if ecr.isascii() and len(ecr) <= ECR_MAX_BYTES:
        return ecr, 0
    try:
        raw = ecr.encode()
    except UnicodeEncodeError as error:
        message = f"the ECR is not Unicode text: {error.reason}"
        raise RowError(RowErrorClass.BAD_ENCODING, message) from error
    if len(raw) <= ECR_MAX_BYTES:
        return ecr, 0
    kept = raw[:ECR_MAX_BYTES].decode(errors="ignore")
    return kept, len(raw) - len(kept.encode())


def checked_vector(vector: "ArrayLike", dimension: int) -> "NDArray[np.float32]":
    """The vector as it is stored, unless it would be found by everything or by nothing.

    Args:
        vector: of one item.
        dimension: of the collection and of the vector table.

    Raises:
        RowError: BAD_VECTOR, it is of another length, not finite, or about zero.
    """
    import numpy as np

    try:
        values = np.asarray(vector, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise RowError(RowErrorClass.BAD_VECTOR, f"the vector is not numeric: {error}") from error
    if values.shape != (dimension,):
        message = f"the vector has shape {values.shape}; {dimension} values were expected"
        raise RowError(RowErrorClass.BAD_VECTOR, message)
    square = float(np.vdot(values, values))  # a quarter of the time of linalg.norm
    if not math.isfinite(square) or square < _LEAST_SQUARE:
        message = f"the vector has a norm of {math.sqrt(square)}"
        raise RowError(RowErrorClass.BAD_VECTOR, message)
    return values


def _metadata_bytes(metadata: Mapping[str, Any]) -> int:
    if not metadata:
        return 2
    try:
        size = len(json.dumps(metadata, ensure_ascii=False, allow_nan=False).encode())
    except (TypeError, ValueError) as error:
        message = f"the metadata is not JSON: {error}"
        raise RowError(RowErrorClass.MALFORMED_ROW, message) from error
    if size > METADATA_MAX_BYTES:
        message = f"the selected metadata has {size} bytes; {METADATA_MAX_BYTES} are the most"
        raise RowError(RowErrorClass.TOO_LARGE, message)
    return size
