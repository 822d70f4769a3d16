"""The rows of indexing: items, their ECRs, their vectors, and what was rejected."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tte2_ray.errors import RowError, RowErrorClass

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = "1"

ITEM_ID_MAX_BYTES = 512
"""Of UTF-8, of the id of an item: the primary key of the collection."""

Modality = Literal["text", "image", "video", "document", "mixed"]


@dataclass(frozen=True, kw_only=True)
class Item:
    """One entry of the corpus, as the manifest names it: URIs, never pixels."""

    item_id: str
    text: str = ""
    image_uris: tuple[str, ...] = ()
    video_uri: str = ""
    document_uri: str = ""
    document_page: int = 0
    """Zero-based page of `document_uri`; ignored when that is empty."""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def modality(self) -> Modality:
        """What the item is made of; "mixed" when it holds more than one kind of media.

        >>> Item(item_id="a", text="hi").modality
        'text'
        >>> Item(item_id="a", text="a title", image_uris=("x.png",)).modality
        'image'
        """
        kinds: list[Modality] = []
        if self.image_uris:
            kinds.append("image")
        if self.video_uri:
            kinds.append("video")
        if self.document_uri:
            kinds.append("document")
        if not kinds:
            return "text"
        return kinds[0] if len(kinds) == 1 else "mixed"

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to index in it."""
        return not (self.text.strip() or self.image_uris or self.video_uri or self.document_uri)

    def to_row(self) -> dict[str, Any]:
        """The row of `item_schema()`; `metadata` becomes JSON text."""
        return {
            "item_id": self.item_id,
            "text": self.text,
            "image_uris": list(self.image_uris),
            "video_uri": self.video_uri,
            "document_uri": self.document_uri,
            "document_page": self.document_page,
            "metadata": json.dumps(dict(self.metadata), sort_keys=True, ensure_ascii=False),
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Item":
        """The inverse of `to_row`."""
        return cls(
            item_id=row["item_id"],
            text=row["text"],
            image_uris=tuple(row["image_uris"]),
            video_uri=row["video_uri"],
            document_uri=row["document_uri"],
            document_page=int(row["document_page"]),
            metadata=json.loads(row["metadata"]),
        )


def check_item_id(item_id: str, name: str = "item_id") -> None:
    """Refuse an id that cannot be a primary key.

    Args:
        item_id: of an item; the id of a query is held to the same.
        name: of its column, for messages.

    Raises:
        RowError: BAD_ID, it is empty, longer than `ITEM_ID_MAX_BYTES`, or not Unicode text.
    """
    try:
        size = len(item_id.encode())
    except UnicodeEncodeError as error:
        message = f"{name} {item_id[:40]!r} is not Unicode text"
        raise RowError(RowErrorClass.BAD_ID, message) from error
    if size == 0 or "\0" in item_id:
        raise RowError(RowErrorClass.BAD_ID, f"{name} {item_id[:40]!r} is empty or holds a NUL")
    if size > ITEM_ID_MAX_BYTES:
        message = f"{name} {item_id[:40]!r}… has {size} bytes; {ITEM_ID_MAX_BYTES} are the most"
        raise RowError(RowErrorClass.BAD_ID, message)


def versioned(name: str, fields: "list[tuple[str, pa.DataType]]") -> "pa.Schema":
    """A schema of fields without nulls.

    Args:
        name: of its rows.
        fields: names and types.
    """
    import pyarrow as pa

    metadata = {"tte2_ray.schema": name, "tte2_ray.schema_version": SCHEMA_VERSION}
    return pa.schema([pa.field(n, t, nullable=False) for n, t in fields], metadata=metadata)


def item_schema() -> "pa.Schema":
    """Items as rows."""
    import pyarrow as pa

    return versioned(
        "item",
        [
            ("item_id", pa.string()),
            ("text", pa.string()),
            ("image_uris", pa.list_(pa.string())),
            ("video_uri", pa.string()),
            ("document_uri", pa.string()),
            ("document_page", pa.int32()),
            ("metadata", pa.string()),
        ],
    )


def shard_schema() -> "pa.Schema":
    """Rows of a frozen shard of the corpus: items, with what was known of their files."""
    import pyarrow as pa

    fields = [(field.name, field.type) for field in item_schema()]
    return versioned("shard", [*fields, ("media_versions", pa.list_(pa.string()))])


def ecr_schema() -> "pa.Schema":
    """Rows of the ECR table: one for each item of the shard, rejected ones with their error."""
    import pyarrow as pa

    return versioned(
        "ecr",
        [
            ("item_id", pa.string()),
            ("content_key", pa.string()),
            ("ecr_key", pa.string()),
            ("modality", pa.string()),
            ("ecr", pa.string()),
            ("prompt_tokens", pa.int32()),  # text and visual together
            ("visual_tokens", pa.int32()),
            ("output_tokens", pa.int32()),
            ("truncated", pa.bool_()),  # the ECR met its token limit and was closed
            ("notes", pa.string()),  # what was clipped, e.g. "frames 900 -> 16"
            ("error_class", pa.string()),
            ("error_message", pa.string()),
            ("error_stage", pa.string()),
        ],
    )


def vector_schema(dimension: int) -> "pa.Schema":
    """Rows of the vector table: one for each item that has an ECR.

    Args:
        dimension: length of each vector.
    """
    import pyarrow as pa

    return versioned(
        "vector",
        [
            ("item_id", pa.string()),
            ("embedding_key", pa.string()),
            ("ecr_key", pa.string()),
            ("vector", pa.list_(pa.float32(), dimension)),
            ("prompt_tokens", pa.int32()),
            ("visual_tokens", pa.int32()),
            ("error_class", pa.string()),
            ("error_message", pa.string()),
            ("error_stage", pa.string()),
        ],
    )


def dead_letter_schema() -> "pa.Schema":
    """Rejected rows: enough to say why, and to run them again (`row` is the item as JSON)."""
    import pyarrow as pa

    return versioned(
        "dead_letter",
        [
            ("item_id", pa.string()),
            ("shard", pa.string()),
            ("stage", pa.string()),
            ("error_class", pa.string()),
            ("message", pa.string()),
            ("row", pa.string()),
        ],
    )
