"""The queries of a benchmark as a log for `jobs/rerank_logs.py`."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tte2_ray.cascade import Query
from tte2_ray.pipelines.evaluate.benchmark import Task


def write_log(path: Path, tasks: Iterable[Task]) -> int:
    """Writes the queries of some tasks, a line each; how many there are.

    What stands there already is left alone where it is the same, so that its time does not change.

    Args:
        path: of the JSONL file; its folder is made.
        tasks: of one corpus.
    """
    rows = [json.dumps(row, ensure_ascii=False) for row in log_rows(tasks)]
    text = "\n".join(rows) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        draft = path.with_name(f".{path.name}")
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    return len(rows)


def log_rows(tasks: Iterable[Task]) -> Iterator[dict[str, Any]]:
    """The rows of a log: queries without what answers them."""
    for task in tasks:
        for query in task.queries:
            yield log_row(query)


def log_row(query: Query) -> dict[str, Any]:
    """A query as a row of a log."""
    given = query.given
    said: dict[str, Any] = {"text": given.text, "image_uris": list(given.image_uris),
                            "video_uri": given.video_uri, "document_uri": given.document_uri,
                            "candidates": list(query.pool)}  # fmt: skip
    page = {"document_page": given.document_page} if given.document_uri else {}
    return {"query_id": given.item_id, "instruction": query.instruction,
            **{name: value for name, value in said.items() if value}, **page}  # fmt: skip
