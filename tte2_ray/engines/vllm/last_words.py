"""What an engine said before it died: vLLM keeps the cause from whoever asked, and only logs it.

vLLM's engine works in a process of its own. Where that fails, its client hears that it is dead
(`EngineDeadError`, "see stack trace (above)"); the exception stands in the log of that process. So
vLLM is told to write its errors into a file of ours as well, by its own `VLLM_LOGGING_CONFIG_PATH`.
"""

import atexit
import json
import os
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

_PATH = "VLLM_LOGGING_CONFIG_PATH"
_PREFIX = "tte2_ray-vllm-"
_MEMORY = re.compile(
    r"out of memory|OutOfMemory|can(no|')t allocate memory|MemoryError|bad_alloc"
    r"|No available memory"
    # oneDNN, to which PyTorch hands a CPU's products: of a descriptor that it made, it is this.
    r"|could not create a primitive(?! desc)",
    re.IGNORECASE,
)
"""Of CUDA, of PyTorch on a CPU, of the operating system, of Python, of C++."""
_ERROR = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Failure)\b")
_HEARSAY = "EngineDeadError"
_LONGEST = 300


def tells_of_memory(text: str) -> bool:
    """Whether an error is one of memory that ran out.

    >>> tells_of_memory("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.")
    True
    >>> tells_of_memory("RuntimeError: CUDA error: an illegal memory access was encountered")
    False
    """
    return bool(_MEMORY.search(text))


class LastWords:
    """Errors of an engine; to be made before vLLM is imported and the engine started."""

    def __init__(self) -> None:
        self._file = _errors_of_this_process()
        self._start = self._file.stat().st_size if self._file and self._file.exists() else 0

    def cause(self) -> str:
        """Why the engine died, one line; "" where it left no word, as one that was killed."""
        if self._file is None or not self._file.exists():
            return ""
        said = self._file.read_bytes()[self._start :].decode(errors="replace")
        return cause_in(said)


def cause_in(log: str) -> str:
    """The exception of which others followed: the first, or the first about memory.

    Args:
        log: with tracebacks.

    >>> cause_in("\\n".join(("EngineCore encountered a fatal error.", "Traceback", "  File …",
    ... "RuntimeError: no kernel image is available", "AsyncLLM output_handler failed.",
    ... "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.")))
    'RuntimeError: no kernel image is available'
    """
    ends = [line for line in log.splitlines() if _ERROR.match(line) and _HEARSAY not in line]
    about_memory = [line for line in ends if tells_of_memory(line)]
    return (about_memory or ends or [""])[0][:_LONGEST]


@cache
def _errors_of_this_process() -> Path | None:
    """The file, which forked engines know by the logging of this process, others by its
    environment; None where an operator configured vLLM's log: what it says is not known here."""
    given = os.environ.get(_PATH, "")
    if given and not Path(given).parent.name.startswith(_PREFIX):
        return None
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    errors, config = folder / "errors.log", folder / "logging.json"
    config.write_text(json.dumps(_logging(errors)))
    os.environ[_PATH] = str(config)
    return errors


def _logging(errors: Path) -> dict[str, Any]:
    """What vLLM does by itself, and a file beside that."""
    level = os.environ.get("VLLM_LOGGING_LEVEL", "INFO")
    shown = {"class": "logging.StreamHandler", "level": level, "stream": "ext://sys.stderr"}
    kept = {"class": "logging.FileHandler", "level": "ERROR", "filename": str(errors),
            "delay": True}  # fmt: skip
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"shown": shown, "kept": kept},
        "loggers": {"vllm": {"handlers": ["shown", "kept"], "level": level, "propagate": False}},
    }
