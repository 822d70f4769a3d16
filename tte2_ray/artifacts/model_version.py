"""The version of a model: a hash of the files that decide what it answers.

A folder is named by its bytes, so that weights retrained in place never meet old keys. Hashing
144 GB takes minutes: digests of files are kept by path, size and modification time.
"""

import hashlib
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from tte2_ray.config.paths import with_home
from tte2_ray.errors import ConfigError, ResourceMissingError

_SUFFIXES = frozenset((".safetensors", ".json", ".jinja", ".txt", ".model", ".py"))
_BESIDE_THE_MODEL = frozenset(("provenance.json", "trainer_state.json", "training_args.json"))
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SETTLED_NS = 5_000_000_000
"""A younger file may be written again within the resolution of its modification time."""


def model_version(model: str, revision: str = "", *, cache: Path | None = None) -> str:
    """Name a model by what it is.

    Args:
        model: a folder with safetensors, or the name of a model on a hub.
        revision: the commit of the hub name; a branch or a tag moves, and the name with it would
            stand for other bytes.
        cache: the SQLite file that keeps digests of files; in the user's cache folder by default.

    Returns:
        `sha256:<64 hex digits>` of a folder, `name@revision` of a hub name.

    Raises:
        ResourceMissingError: the folder is missing, or holds no safetensors or no config.json.
        ConfigError: a hub name without a commit.
    """
    folder = Path(with_home(model))
    if folder.is_dir():
        return f"sha256:{_hash_folder(folder, cache or cache_folder() / 'file-digests.sqlite')}"
    if names_folder(model):
        raise ResourceMissingError(f"model folder {model} does not exist; train or fetch it first")
    if not _COMMIT.fullmatch(revision):
        given = f"not {revision!r}" if revision else "and has none"
        raise ConfigError(
            f"model {model!r} needs a commit of the hub as its revision (40 hex digits; a branch "
            f"or a tag moves), {given}: `git ls-remote https://huggingface.co/{model} "
            f"{revision or 'HEAD'}` prints it; or name a folder"
        )
    return f"{model}@{revision}"


def names_folder(model: str) -> bool:
    """Whether the name of a model is that of a folder, there or not, and none of a hub.

    >>> names_folder("weights/mine/embedder"), names_folder("Qwen/Qwen3-VL-2B-Instruct")
    (True, False)
    """
    return model.startswith(("/", ".", "~")) or model.count("/") > 1


def cache_folder() -> Path:
    """Where this user keeps what can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tte2_ray"


def model_files(folder: Path) -> list[Path]:
    """The files that decide a model's answers: weights, configs, tokenizer, templates; sorted."""
    found = (path for path in folder.rglob("*") if path.suffix in _SUFFIXES and path.is_file())
    return sorted(
        path
        for path in found
        if path.name not in _BESIDE_THE_MODEL
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _hash_folder(folder: Path, cache: Path) -> str:
    files = model_files(folder)
    if not any(path.suffix == ".safetensors" for path in files):
        raise ResourceMissingError(f"{folder} holds no *.safetensors (other weights are not read)")
    if not (folder / "config.json").is_file() and not (folder / "adapter_config.json").is_file():
        raise ResourceMissingError(f"{folder} holds no config.json; it is no model folder")
    digest = hashlib.sha256()
    with closing(_DigestCache(cache)) as digests:
        for path in files:
            name = path.relative_to(folder).as_posix().encode()
            digest.update(len(name).to_bytes(8, "big") + name + digests.digest(path))
    return digest.hexdigest()


class _DigestCache:
    """Digests of files by path, size and modification time; in memory where no file can be kept."""

    def __init__(self, path: Path) -> None:
        self._rows = _connect(path)

    def close(self) -> None:
        self._rows.close()

    def digest(self, path: Path) -> bytes:
        found = path.stat()
        identity = (str(path.resolve()), found.st_size, found.st_mtime_ns)
        row = self._rows.execute(
            "SELECT digest FROM files WHERE path = ? AND size = ? AND mtime_ns = ?", identity
        ).fetchone()
        if row:
            return bytes(row[0])
        digest = hashlib.sha256()
        for piece in _pieces(path):
            digest.update(piece)
        if time.time_ns() - found.st_mtime_ns > _SETTLED_NS:
            with self._rows:
                self._rows.execute(
                    "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", (*identity, digest.digest())
                )
        return digest.digest()


def _connect(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = sqlite3.connect(path, timeout=60)
        _make_table(rows)
    except (OSError, sqlite3.Error):  # a read-only home: hash again each time
        rows = sqlite3.connect(":memory:")
        _make_table(rows)
    return rows


def _make_table(rows: sqlite3.Connection) -> None:
    with rows:
        rows.execute(
            "CREATE TABLE IF NOT EXISTS files "
            "(path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, digest BLOB)"
        )


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 22):
            yield piece
