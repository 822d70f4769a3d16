"""What lies inside wheels, npm tarballs and Debian packages, file by file, in one pass."""

import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

_AR_MAGIC = b"!<arch>\n"
_AR_HEADER_BYTES = 60


def members(archive: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the regular files whose name is wanted, in the archive's order.

    Args:
        archive: .whl, .tgz or .deb.
        wanted: of a path within it, without a leading "./".

    Raises:
        ValueError: not such an archive.
    """
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for name in filter(wanted, wheel.namelist()):
                yield name, wheel.read(name)
        return
    with archive.open("rb") as file:
        if archive.suffix == ".deb":
            _seek_data(file, archive)
        with tarfile.open(fileobj=file, mode="r|xz" if archive.suffix == ".deb" else "r|gz") as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                if member.isfile() and wanted(name) and (content := tar.extractfile(member)):
                    yield name, content.read()


def _seek_data(file: IO[bytes], archive: Path) -> None:
    """Moves to the payload of a Debian package: the member data.tar.xz of an `ar` archive."""
    if file.read(len(_AR_MAGIC)) != _AR_MAGIC:
        raise ValueError(f"{archive} is no Debian package: it is no ar archive")
    while len(header := file.read(_AR_HEADER_BYTES)) == _AR_HEADER_BYTES:
        name, size = header[:16].decode().rstrip(" /"), int(header[48:58])
        if name == "data.tar.xz":
            return
        file.seek(size + size % 2, 1)  # members begin at even offsets
    raise ValueError(f"{archive} has no data.tar.xz")
