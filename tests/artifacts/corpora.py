"""Corpora for the tests of their readers, and what was read of them."""

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tte2_ray.artifacts.corpus import CorpusRow, RejectedRow
from tte2_ray.artifacts.store import Store
from tte2_ray.schema import Item


def ids(rows: list[CorpusRow]) -> list[str]:
    """Of the rows that are items."""
    return [row.item_id for row in rows if isinstance(row, Item)]


def classes(rows: list[CorpusRow]) -> list[str]:
    """Error classes of the rejected rows."""
    return [row.error_class.value for row in rows if isinstance(row, RejectedRow)]


def source(store: Store, key: str = "") -> str:
    """What `read_corpus` is given for a key of the store."""
    return f"{store.root}/{key}".rstrip("/")


def lines(*rows: object) -> bytes:
    """JSON lines; bytes stand as they are."""
    return b"".join(r if isinstance(r, bytes) else json.dumps(r).encode() + b"\n" for r in rows)


def parquet(rows: list[dict[str, Any]], schema: pa.Schema | None = None, **options: Any) -> bytes:
    """A Parquet file of rows."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema), buffer, **options)
    return buffer.getvalue()


def pdf(pages: int) -> bytes:
    """A PDF of empty pages."""
    import pypdfium2

    document = pypdfium2.PdfDocument.new()
    for _ in range(pages):
        document.new_page(100, 100)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()
