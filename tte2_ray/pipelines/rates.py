"""How fast a phase ran when it last did: kept between runs, so that a plan can name time and cost.

Beside the digests of model files in the user's cache folder, one small file for each phase, model
and kind of replica; what cannot be kept is measured again.
"""

import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from tte2_ray.artifacts.model_version import cache_folder
from tte2_ray.engines import EngineConfig
from tte2_ray.engines.config import MINI
from tte2_ray.stages.counts import Counts

_ENOUGH_ROWS = 16

# Read and written, by one replica with one thread of a 2-core AVX2 machine that did little else.
_MINI_TOKENS_S = {"reason": 1500.0, "embed": 3000.0, "rerank": 2000.0}
_MINI_START_S = 25.0
_LOAD_ROWS_S = 500.0
_FAKE_TOKENS_S = 100_000.0


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Of one replica of a phase."""

    per_s: float
    """Tokens read and written a second; rows a second where a phase has no model."""
    start_s: float
    """Until its engine works."""
    output_tokens: float
    """Written for a row, on average; 0 where that is not known."""
    basis: str
    """Where this comes from, for people."""

    @property
    def tells_time(self) -> bool:
        """Whether time follows from it: a sample of which no row came through has a rate of 0."""
        return 0 < self.per_s < math.inf


def tells_a_rate(counts: Counts) -> bool:
    """Whether enough rows came through in this run; rejected ones are read without the engine.

    Args:
        counts: of a phase.
    """
    return counts.done - counts.taken_over >= _ENOUGH_ROWS


def measured_rate(counts: Counts, *, working_s: float, start_s: float, replicas: int) -> Rate:
    """The rate that a phase, or a sample of it, ran at.

    Args:
        counts: of the rows that it did.
        working_s: in how many seconds, without the start of engines.
        start_s: how long that start took.
        replicas: engines at work.
    """
    amount = counts.tokens or counts.rows
    return Rate(
        per_s=amount / max(working_s, 1e-6) / replicas,
        start_s=start_s,
        output_tokens=counts.output_tokens / max(1, counts.done - counts.taken_over),
        basis=f"measured over {counts.rows:,} rows",
    )


def known_rate(phase: str, fingerprint: str, engine: EngineConfig | None) -> Rate | None:
    """What is known before anything is run; None where a sample must tell.

    Args:
        phase: its name.
        fingerprint: of what it makes.
        engine: None for a phase without one.
    """
    if kept := _read(_file(phase, fingerprint, engine)):
        return kept
    if engine is None:
        return Rate(per_s=_LOAD_ROWS_S, start_s=0.0, output_tokens=0.0, basis="assumed")
    if engine.kind == "fake":
        return Rate(per_s=_FAKE_TOKENS_S, start_s=0.0, output_tokens=0.0, basis="a fake engine")
    if engine.model.startswith(MINI) and not engine.num_gpus:
        per_s = _MINI_TOKENS_S[phase]
        return Rate(per_s=per_s, start_s=_MINI_START_S, output_tokens=0.0, basis="assumed")
    return None


def keep_rate(phase: str, fingerprint: str, engine: EngineConfig | None, rate: Rate) -> None:
    """Remember a rate for the plan of the next run; a cache that cannot be written is left.

    Args:
        phase: its name.
        fingerprint: of what it makes.
        engine: None for a phase without one.
        rate: one that tells no time is not kept.
    """
    if (engine is not None and engine.kind == "fake") or not rate.tells_time:
        return
    file = _file(phase, fingerprint, engine)
    draft = file.with_suffix(f".{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(asdict(rate)))
        draft.replace(file)
    except OSError:  # a read-only home, as for digests of models: measured again each time
        return


def _read(file: Path) -> Rate | None:
    try:
        rate = Rate(**json.loads(file.read_text()))
        return rate if rate.tells_time else None
    except (OSError, ValueError, TypeError):  # absent, or of another version: only a cache
        return None


def _file(phase: str, fingerprint: str, engine: EngineConfig | None) -> Path:
    kind = f"-{engine.num_gpus:g}gpu-{engine.threads}" if engine else ""
    return cache_folder() / "rates" / f"{phase}-{fingerprint}{kind}.json"
