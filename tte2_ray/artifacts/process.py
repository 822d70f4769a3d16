"""Which process wrote something, so that another on the same machine can see whether it is gone."""

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process, named so that no other is taken for it, on whatever machine."""

    host: str
    machine: str
    """This boot of this machine and the namespace in which `pid` counts; "" where neither is told
    (no Linux): such a process is never seen to be gone."""
    pid: int
    started: str
    """When, in ticks since the boot: a pid is used again."""

    @classmethod
    def own(cls) -> "Process":
        """The process that asks."""
        pid = os.getpid()
        return cls(host=socket.gethostname(), machine=_machine(), pid=pid, started=_stat(pid)[1])

    def is_gone(self) -> bool:
        """Whether it has surely ended; False where that cannot be seen from here."""
        if not self.machine or self.machine != _machine():
            return False
        state, started = _stat(self.pid)
        if not state:  # or it is another user's, and /proc hides those
            return not _is_there(self.pid)
        return state in ("Z", "X") or started != self.started

    def __str__(self) -> str:
        return f"{self.host}, process {self.pid},"


def _machine() -> str:
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        # In containers of one node the same pid is another process.
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    return ""


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _stat(pid: int) -> tuple[str, str]:
    """State and start of a process; both "" where there is none."""
    with suppress(OSError):
        # The name in brackets may hold blanks and brackets.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[0], fields[19]
    return "", ""
