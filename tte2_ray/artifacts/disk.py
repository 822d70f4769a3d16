"""A store in a local (or shared) folder.

Whole or absent: every write goes to a temporary file beside its place, is flushed to the disk, and
is then renamed (`put`) or hard-linked (`put_once`) into place. A link fails where the name is
taken, which a rename does not.
"""

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO

from tte2_ray.artifacts.store import ObjectRefusedError, ObjectStat, check_key, folder_prefix
from tte2_ray.errors import PrerequisiteError, ResourceMissingError, RuntimeFailure

_TEMPORARY = ".tmp-"
_NO_SUCH_PATH = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class DiskStore:
    """Implements `Store` in a folder.

    Args:
        folder: an absolute path; made on the first write.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    @property
    def root(self) -> str:
        """The folder."""
        return str(self._folder)

    def check(self, *, write: bool = True) -> None:
        """Write, refuse to write twice, read back, delete."""
        next(self.list(shallow=True), None)
        if not write:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"{self.root}: cannot be made ({error.strerror}); choose a writable folder"
            raise PrerequisiteError(message) from error
        key = f".preflight/{uuid.uuid4().hex}"
        if not self.put_once(key, b"1") or self.put_once(key, b"2") or self.get(key) != b"1":
            raise PrerequisiteError(f"{self.root}: its file system does not keep what was written")
        self.delete(key)

    def get(self, key: str) -> bytes:
        """The whole object."""
        with _typed_errors(self.root, key):
            return self._file(key).read_bytes()

    def open(self, key: str) -> BinaryIO:
        """The file itself."""
        with _typed_errors(self.root, key):
            return self._file(key).open("rb")

    def put(self, key: str, data: bytes) -> None:
        """Write or replace the object atomically."""
        with _typed_errors(self.root, key), self._written(key, data) as temporary:
            os.replace(temporary, self._path(key))

    def put_file(self, key: str, file: Path) -> None:
        """Write or replace the object by a copy of a file."""
        with (
            file.open("rb") as source,
            _typed_errors(self.root, key),
            self._placed(key) as temporary,
        ):
            with temporary.open("xb") as target:
                shutil.copyfileobj(source, target)
                target.flush()
                os.fsync(target.fileno())
            os.replace(temporary, self._path(key))

    def put_once(self, key: str, data: bytes) -> bool:
        """Write the object unless the key is taken; whether this call wrote it."""
        if self.exists(key):
            return False
        with _typed_errors(self.root, key), self._written(key, data) as temporary:
            try:
                os.link(temporary, self._path(key))
            except FileExistsError:
                return False
        return True

    def stat(self, key: str) -> ObjectStat | None:
        """Size and version, or None where there is no such file."""
        with _typed_errors(self.root, key):
            try:
                found = self._path(key).stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        if not S_ISREG(found.st_mode):
            return None
        return ObjectStat(size=found.st_size, version=f"{found.st_size}-{found.st_mtime_ns}")

    def exists(self, key: str) -> bool:
        """Whether there is such a file."""
        return self.stat(key) is not None

    def list(self, prefix: str = "", *, shallow: bool = False) -> Iterator[tuple[str, int]]:
        """`(key, bytes)` under the folder `prefix`, in the order that S3 lists keys."""
        with _typed_errors(self.root, prefix):
            yield from self._walk(folder_prefix(prefix), shallow, frozenset())

    def leftovers(self) -> Iterator[tuple[str, int]]:
        """Temporary files of processes that were killed before they could rename them."""
        with _typed_errors(self.root, ""):
            for folder, _, files in os.walk(self._folder):
                for name in sorted(files):
                    if name.startswith(_TEMPORARY):
                        path = Path(folder) / name
                        try:
                            size = path.stat().st_size
                        except FileNotFoundError:  # it has its name by now
                            continue
                        yield path.relative_to(self._folder).as_posix(), size

    def delete(self, key: str) -> None:
        """Remove the file; no error where there is none."""
        with _typed_errors(self.root, key):
            self._path(key).unlink(missing_ok=True)

    def uri(self, key: str) -> str:
        """The `file://` URI of a key, percent-encoded."""
        return self._path(key).as_uri()

    def _path(self, key: str) -> Path:
        return self._folder / check_key(key)

    def _file(self, key: str) -> Path:
        """The path of what may be opened: a pipe would wait for its other end."""
        path = self._path(key)
        mode = path.stat().st_mode
        if not S_ISREG(mode) and not S_ISDIR(mode):
            hint = "no regular file but a pipe, a socket or a device; remove it, or copy its bytes"
            raise ObjectRefusedError(f"{self.root}/{key}: {hint}")
        return path

    @contextmanager
    def _written(self, key: str, data: bytes) -> Iterator[Path]:
        with self._placed(key) as temporary:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield temporary

    @contextmanager
    def _placed(self, key: str) -> Iterator[Path]:
        """A name beside the place of a key; what has it at the end goes."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f"{_TEMPORARY}{uuid.uuid4().hex}"
        try:
            yield temporary
        except FileNotFoundError as error:
            message = f"{temporary}: it was deleted before it was whole; run the same command again"
            raise RuntimeFailure(message) from error
        finally:
            temporary.unlink(missing_ok=True)

    def _walk(
        self, prefix: str, shallow: bool, above: frozenset[tuple[int, int]]
    ) -> Iterator[tuple[str, int]]:
        """What lies under a folder; `above` are the folders on the way to it."""
        try:
            entries = list(os.scandir(self._folder / prefix))
            above |= {_identity(os.stat(self._folder / prefix))}
        except (FileNotFoundError, NotADirectoryError):
            return
        endless = {entry.name for entry in entries if _leads_nowhere(entry, above)}
        # "a.txt" sorts before "a/b": a folder takes part with its slash, as it does in a key.
        folders = {e.name for e in entries if e.name not in endless and e.is_dir()}
        entries.sort(key=lambda e: os.fsencode(f"{e.name}/" if e.name in folders else e.name))
        for entry in entries:
            if entry.name in endless or _is_special(entry):  # listed, so that it is not lost
                yield f"{prefix}{entry.name}", 0
            elif entry.name in folders:
                if not shallow:
                    yield from self._walk(f"{prefix}{entry.name}/", shallow, above)
            elif not entry.name.startswith(_TEMPORARY) and (size := _size(entry)) is not None:
                yield f"{prefix}{entry.name}", size


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _size(entry: "os.DirEntry[str]") -> int | None:
    """Bytes of a file; None of what is none, or was deleted while the folder was read."""
    try:
        return entry.stat().st_size if entry.is_file() else None
    except FileNotFoundError:
        return None


def _is_special(entry: "os.DirEntry[str]") -> bool:
    """Whether it is a pipe, a socket or a device: neither a file nor a folder."""
    return (
        not entry.is_file()
        and not entry.is_dir()
        and not entry.name.startswith(_TEMPORARY)
        and os.path.exists(entry.path)
    )


def _leads_nowhere(entry: "os.DirEntry[str]", above: frozenset[tuple[int, int]]) -> bool:
    """Whether it is a link to what is not there, to itself, or back to a folder above it."""
    if not entry.is_symlink():
        return False
    try:
        return _identity(entry.stat()) in above
    except OSError as error:
        if error.errno in _NO_SUCH_PATH:
            return True
        raise


@contextmanager
def _typed_errors(root: str, key: str) -> Iterator[None]:
    where = f"{root}/{key}"
    try:
        yield
    except (FileNotFoundError, IsADirectoryError) as error:
        raise ResourceMissingError(f"{where}: there is no such file") from error
    except PermissionError as error:
        hint = "choose a folder that we may read, and a writable folder for the store"
        raise ObjectRefusedError(f"{where}: {error.strerror}; {hint}") from error
    except (NotADirectoryError, FileExistsError) as error:
        raise PrerequisiteError(f"{where}: {error.strerror}; choose a writable folder") from error
    except OSError as error:
        if error.errno in _NO_HARD_LINKS:
            hint = "this file system has no hard links, which put_once needs; use another or s3://"
            raise PrerequisiteError(f"{where}: {hint}") from error
        raise RuntimeFailure(f"{where}: {error.strerror or error}") from error
