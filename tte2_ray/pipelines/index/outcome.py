"""How a run ended, told in results.json: also where it failed, or was killed.

running ─▶ done        with what was made
        └▶ failed      with the exit code and the message; with what was made where it came to that
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tte2_ray.errors import TteError
from tte2_ray.pipelines.index.config import IndexConfig

RESULTS, REPORT = "results.json", "report.html"
_INTERRUPTED = 130


def ended(error: BaseException | None) -> dict[str, Any]:
    """How a run ended, as results.json says it.

    Args:
        error: that ended it; None where none did.

    >>> ended(TteError("no answer"))
    {'outcome': 'failed', 'exit_code': 6, 'message': 'no answer'}
    """
    if error is None:
        return {"outcome": "done", "exit_code": 0, "message": ""}
    if isinstance(error, KeyboardInterrupt):
        return {"outcome": "failed", "exit_code": _INTERRUPTED, "message": "interrupted"}
    code = error.exit_code if isinstance(error, TteError) else TteError.exit_code
    name = "" if isinstance(error, TteError) else f"unexpected {type(error).__name__}: "
    return {"outcome": "failed", "exit_code": code, "message": f"{name}{error}"}


@contextmanager
def outcome_told(config: IndexConfig, *, dry_run: bool) -> Iterator[None]:
    """Leaves nothing of an earlier run in the folder of the report: whatever happens within, who
    reads there reads of this run.

    Args:
        config: of the job.
        dry_run: nothing is written, and nothing removed.
    """
    if dry_run:
        yield
        return
    folder = Path(config.report_dir)
    # A folder that cannot be written is what the job itself will end with.
    with suppress(OSError):
        (folder / REPORT).unlink(missing_ok=True)
        _write(folder, {"index": config.index, "outcome": "running"})
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        with suppress(OSError):
            _write(folder, {"index": config.index, **_said(folder), **ended(error)})
        raise


def _said(folder: Path) -> dict[str, Any]:
    file = folder / RESULTS
    said: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    return said


def _write(folder: Path, told: Mapping[str, Any]) -> None:
    """Writes results.json, unless a job that found its prerequisites missing made no folder."""
    if folder.is_dir():
        (folder / RESULTS).write_text(json.dumps(told, indent=2, ensure_ascii=False))
