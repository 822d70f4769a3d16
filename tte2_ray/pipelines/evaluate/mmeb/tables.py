"""Annotation tables of a data set, as they lie in a clone: found by subset and split, then read."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tte2_ray.errors import ResourceMissingError, ValidationError
from tte2_ray.pipelines.evaluate.cells import Cells

_KINDS = (".parquet", ".jsonl", ".json")
"""Of a table that lies there in several, the first is read."""
_ABOUT = ("dataset_info", "dataset_infos", "state", "config")
_ROWS_AT_ONCE = 64
"""A row may hold a picture."""


def find_tables(folder: Path, subset: str, split: str) -> list[Path]:
    """The files of one split of one subset, in order.

    They lie as the hub keeps them (`<subset>/<split>-00000-of-00001.parquet`, `data/<split>-…`,
    `json/<subset>.json`) or as a conversion does (`<subset>/<split>/0000.parquet`).

    Args:
        folder: a clone of the data set.
        subset: a configuration of it; "" where it has none.
        split: "test", "val", "train".

    Raises:
        ResourceMissingError: there is no such file.
    """
    files = _of_subset(folder, subset) if subset else _tables(folder, "**/")
    of_split = [file for file in files if _is_of(file, folder, split)]
    for kind in _KINDS:
        # A file that is named by its subset alone holds one split.
        if found := [file for file in of_split or (files if subset else []) if file.suffix == kind]:
            return found
    of_subset = f"{folder}/{subset}" if subset else str(folder)
    raise ResourceMissingError(
        f"no table of split {split} in {of_subset}: put a clone of the data set there, e.g. "
        f"{split}-00000-of-00001.parquet (docs/mmeb-v2.md)"
    )


def read_rows(files: Sequence[Path], columns: Sequence[str]) -> Iterator[Cells]:
    """The rows of some tables, one after another.

    Args:
        files: of one kind.
        columns: that a row must have; others are not read.

    Raises:
        ValidationError: a file cannot be read, or lacks a column.
    """
    for file in files:
        rows = _read_parquet if file.suffix == ".parquet" else _read_json
        number = 0
        try:
            for number, row in enumerate(rows(file, columns), start=1):
                yield Cells(where=f"{file}, row {number}", cells=row)
        except KeyError as error:
            has = f"{file}, row {number + 1}: no column {error.args[0]!r}"
            raise ValidationError(f"{has}: it is none of the form in docs/mmeb-v2.md") from error
        except (OSError, ValueError) as error:
            raise ValidationError(
                f"{file} is no readable table from row {number + 1} on: {error}; fetch it again"
            ) from error


def _of_subset(folder: Path, subset: str) -> list[Path]:
    """Not searched for by walking: pictures of all tasks may lie below the same folder."""
    own = _tables(folder / subset) + _tables(folder / subset, "*/")
    beside = [file for place in ("", "data/", "json/") for file in _tables(folder, place)]
    return own + [file for file in beside if _named(file, subset)]


def _tables(folder: Path, below: str = "") -> list[Path]:
    found = (file for kind in _KINDS for file in folder.glob(f"{below}*{kind}"))
    return sorted(file for file in found if file.stem not in _ABOUT and file.name[0] != ".")


def _is_of(file: Path, root: Path, split: str) -> bool:
    return _named(file, split) or split in file.relative_to(root).parts[:-1]


def _named(file: Path, name: str) -> bool:
    return file.stem == name or file.stem.startswith(f"{name}-")


def _read_parquet(file: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as table:
        for name in columns:
            if name not in table.schema_arrow.names:
                raise KeyError(name)
        for batch in table.iter_batches(_ROWS_AT_ONCE, columns=list(columns), use_threads=False):
            yield from batch.to_pylist()


def _read_json(file: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    text = file.read_text()
    whole = text.lstrip().startswith("[")
    # Not splitlines: JSON may hold further ends of lines as they are, such as U+2028.
    rows = json.loads(text) if whole else map(json.loads, filter(str.strip, text.split("\n")))
    for row in rows:
        if not isinstance(row, dict):
            raise ValueError(f"a row is an object, not {ascii(row)[:80]}")
        yield {name: row[name] for name in columns}
