"""How a run ended, told in results.json: also where it failed, or was killed.

running ─▶ done        with what was made
        └▶ failed      with the exit code and the message; with what was made where it came to that
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tte2_ray.errors import TteError

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
def outcome_told(
    report_dir: str, named: Mapping[str, str], *, dry_run: bool, files: Sequence[str] = (REPORT,)
) -> Iterator[None]:
    """Leaves nothing of an earlier run in the folder of the report: whatever happens within, who
    reads there reads of this run.

    Args:
        report_dir: the folder.
        named: what the run is told by, e.g. its index.
        dry_run: nothing is written, and nothing removed.
        files: of the folder, beside results.json, that a run leaves.
    """
    if dry_run:
        yield
        return
    folder = Path(report_dir)
    # A folder that cannot be written is what the job itself will end with.
    with suppress(OSError):
        for name in files:
            (folder / name).unlink(missing_ok=True)
    tell_running(report_dir, named)
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        with suppress(OSError):
            _write(folder, {**named, **_said(folder), **ended(error)})
        raise


def tell_running(report_dir: str, named: Mapping[str, str]) -> None:
    """Says that a run has begun, where the folder of the report is there already.

    Args:
        report_dir: the folder.
        named: what the run is told by.
    """
    with suppress(OSError):
        _write(Path(report_dir), {**named, "outcome": "running"})


def write_whole(file: Path, text: str) -> None:
    """Writes a file whole, or leaves what stood there.

    Args:
        file: in a folder that is there.
        text: what it is to hold.

    Raises:
        OSError: it cannot be written, as on a full disk.
    """
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        draft.write_text(text)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def _said(folder: Path) -> dict[str, Any]:
    file = folder / RESULTS
    try:
        said = json.loads(file.read_text()) if file.is_file() else {}
    except ValueError:  # cut short by an earlier code, or a person: no reason to hide the error
        return {}
    return said if isinstance(said, dict) else {}


def _write(folder: Path, told: Mapping[str, Any]) -> None:
    """Writes results.json, unless a job that found its prerequisites missing made no folder."""
    if folder.is_dir():
        write_whole(folder / RESULTS, json.dumps(told, indent=2, ensure_ascii=False))
