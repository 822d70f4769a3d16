"""A disk that is too small: a file system in memory, where this machine lets us mount one."""

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LEAST_KIB, _MOST_KIB = 8, 100


class Disk:
    """A mounted file system."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make_room(self) -> None:
        """What an operator does in the end."""
        _run("mount", "-o", "remount,size=64m", str(self._folder))


def can_mount(folder: Path) -> bool:
    """Whether this process may mount a file system; most users may not.

    Args:
        folder: for a try.
    """
    if os.geteuid() or not shutil.which("mount"):
        return False
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)],
                          check=False, capture_output=True)  # fmt: skip
    if done.returncode == 0:
        _run("umount", str(folder))
    return done.returncode == 0


@contextmanager
def small_disk(folder: Path, draw: random.Random) -> Iterator[Disk]:
    """Mounts a disk in which what a folder holds just fits, with little beside it.

    Args:
        folder: that is to lie on it.
        draw: how little.
    """
    kept = folder.with_name("kept")
    if folder.exists():
        folder.rename(kept)
    folder.mkdir()
    held = _kib(kept) if kept.exists() else 0
    size = held + draw.randint(_LEAST_KIB, _MOST_KIB)
    _run("mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(folder))
    try:
        if kept.exists():
            shutil.copytree(kept, folder, dirs_exist_ok=True)
        yield Disk(folder)
    finally:
        _run("umount", str(folder))


def _kib(folder: Path) -> int:
    """As the file system in memory counts: whole pages of 4 KiB, one for a folder, too."""
    sizes = (-(-path.stat().st_size // 4096) for path in folder.rglob("*") if path.is_file())
    return 4 * sum(sizes)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
