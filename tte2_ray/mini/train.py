"""Trains the models of the miniature, each from nothing but this repository.

    python -m tte2_ray.mini.train reasoner
    python -m tte2_ray.mini.train embedder     # think-then-embed; starts from the reasoner
    python -m tte2_ray.mini.train direct       # the baseline: the same without ECRs
    python -m tte2_ray.mini.train judge        # likewise
    python -m tte2_ray.mini.train rewriter     # likewise

Each writes a model folder and, beside the weights, `provenance.json` with the model's measures on
dev scenes. `--measure` writes those anew and trains nothing.
"""

import argparse
import hashlib
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tte2_ray.artifacts.model_version import model_version
from tte2_ray.mini.curriculum import ALL, DRILL, LOOKED, SIGNS, TOLD, judged_batch
from tte2_ray.mini.embedder import EmbedderTraining, case_batch, train_embedder
from tte2_ray.mini.judge import JudgeTraining, train_judge
from tte2_ray.mini.lessons import ECRS, LESSONS, PAGES, PRINT, Lesson, lesson_batch
from tte2_ray.mini.looks import LAST, LOOKS, SMALL_PRINT, look_batch
from tte2_ray.mini.measures import (
    Measure,
    embedder_measures,
    judge_measures,
    reasoner_measures,
    rewriter_measures,
)
from tte2_ray.mini.reasoner import ReasonerTraining, train_reasoner
from tte2_ray.mini.rewriter import RewriterTraining, train_rewriter
from tte2_ray.mini.sight import SightTraining

WEIGHTS = Path(__file__).parent / "weights"
Training = ReasonerTraining | EmbedderTraining | JudgeTraining | RewriterTraining
TRAINING: Mapping[str, Training] = {
    "reasoner": ReasonerTraining(),
    "embedder": EmbedderTraining(),
    "direct": EmbedderTraining(reads_ecr=False),
    "judge": JudgeTraining(),
    "rewriter": RewriterTraining(),
}
"""How the model of each role is trained; the committed weights were made so."""
FINGERPRINTED_BATCHES = 4


def data_fingerprint(seed: int) -> str:
    """Names what reasoner and embedders are trained on: 16 hex digits over what some batches of
    each kind say and show."""
    digest, sight = hashlib.sha256(), SightTraining()
    for step in range(FINGERPRINTED_BATCHES):
        for kinds in (PRINT, PAGES, ECRS, LESSONS):
            for lesson in lesson_batch(seed, step, kinds):
                _digest(digest, lesson)
        for sights in (sight.sights(seed, step), sight.sights(seed, sight.steps - 1 - step)):
            digest.update(sights.patches_PF.numpy().tobytes() + sights.answers_NA.numpy().tobytes())
        for case in case_batch(seed, step, 1):
            digest.update(repr(case).encode())
    return digest.hexdigest()[:16]


def judged_fingerprint(seed: int) -> str:
    """Names what the judge is trained on, likewise."""
    digest = hashlib.sha256()
    for step in range(FINGERPRINTED_BATCHES):
        for kinds in (DRILL, TOLD, ALL, LOOKED, SIGNS):
            for lesson in judged_batch(seed, step, kinds):
                digest.update(lesson.opening.encode())
                _digest(digest, lesson)
    return digest.hexdigest()[:16]


def looks_fingerprint(seed: int) -> str:
    """Names what the rewriter is trained on, likewise."""
    digest = hashlib.sha256()
    for step in range(FINGERPRINTED_BATCHES):
        for kinds in (SMALL_PRINT, LOOKS, LAST):
            for lesson in look_batch(seed, step, kinds):
                _digest(digest, lesson)
    return digest.hexdigest()[:16]


FINGERPRINTS: Mapping[str, Callable[[int], str]] = {
    "judge": judged_fingerprint,
    "rewriter": looks_fingerprint,
}
"""Of the lessons of a role; of the others `data_fingerprint`."""


def _digest(digest: "hashlib._Hash", lesson: Lesson) -> None:
    digest.update(repr(lesson.branches).encode())
    if lesson.media is not None:
        digest.update(lesson.media.pixels.tobytes())


def code_revision() -> str:
    """The commit of this checkout, "+" behind it where the package differs; "" outside of one."""
    folder = Path(__file__).parents[1]
    git = ["git", "-C", str(folder)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if head.returncode:
        return ""
    dirty = subprocess.run(
        [*git, "status", "--porcelain", "--", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")


def provenance(
    role: str,
    training: Training,
    starts_from: str,
    revision: str,
    seconds: float,
) -> dict[str, Any]:
    """What a model was made from, and how.

    Args:
        role: of the model.
        training: how it was trained.
        starts_from: version of the model whose weights it began with, "" for none.
        revision: of the code.
        seconds: that training took.
    """
    return {
        "role": role,
        "starts_from": starts_from,
        "training": asdict(training),
        "data_fingerprint": FINGERPRINTS.get(role, data_fingerprint)(training.seed),
        "code_revision": revision,
        "seconds": round(seconds),
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("role", choices=TRAINING)
    parser.add_argument("--out", type=Path, help="model folder; the package's own by default")
    parser.add_argument("--reasoner", type=Path, default=WEIGHTS / "reasoner",
                        help="folder that the others start from")  # fmt: skip
    parser.add_argument("--steps", type=int,
                        help="fewer, to try it out; the reasoner's sight comes before")  # fmt: skip
    parser.add_argument("--processes", type=int, default=2, help="one core each")
    parser.add_argument("--measure", action="store_true",
                        help="only measure the model that is there")  # fmt: skip
    given = parser.parse_args(argv)
    out = given.out or WEIGHTS / given.role
    if not given.measure:
        _train(given, out)
    elif not (out / "provenance.json").exists():
        parser.error(f"{out} holds no trained model: provenance.json is missing")
    described = json.loads((out / "provenance.json").read_text())
    described["measures"] = _measures(given.role, out)
    _write(out, described)
    for one in described["measures"]:
        _say(f"{one['name']}: {one['value']:.3f} (n {one['n']})")
    return 0


def _train(given: argparse.Namespace, out: Path) -> None:
    changed = {"processes": given.processes} | ({"steps": given.steps} if given.steps else {})
    training = replace(TRAINING[given.role], **changed)
    began, revision, starts_from = time.monotonic(), code_revision(), ""
    # Weights are written on the way: they must not stand beside what was said of those before.
    (out / "provenance.json").unlink(missing_ok=True)
    if isinstance(training, ReasonerTraining):
        train_reasoner(out, training, _say)
    else:
        starts_from = model_version(str(given.reasoner))
        if isinstance(training, JudgeTraining):
            train_judge(given.reasoner, WEIGHTS / "embedder", out, training, _say)
        elif isinstance(training, RewriterTraining):
            train_rewriter(given.reasoner, out, training, _say)
        else:
            train_embedder(given.reasoner, out, training, _say)
    seconds = time.monotonic() - began
    _write(out, provenance(given.role, training, starts_from, revision, seconds))


def _measures(role: str, folder: Path) -> list[Measure]:
    if role == "reasoner":
        return reasoner_measures(folder)
    if role == "judge":
        return judge_measures(folder)
    if role == "rewriter":
        return rewriter_measures(folder)
    return embedder_measures(folder, reads_ecr=role == "embedder")


def _write(folder: Path, described: Mapping[str, Any]) -> None:
    (folder / "provenance.json").write_text(json.dumps(described, indent=2) + "\n")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
