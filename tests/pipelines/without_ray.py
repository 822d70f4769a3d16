"""The job in this process: store, tables and Milvus are real, only Ray is left out."""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import pytest

from tte2_ray.artifacts.shards import Shard
from tte2_ray.engines import EngineConfig
from tte2_ray.pipelines import flow
from tte2_ray.pipelines.index import expect, job, measure, preflight
from tte2_ray.pipelines.rates import Rate, known_rate
from tte2_ray.stages.bulk_load import BulkLoadShards
from tte2_ray.stages.counts import Counts
from tte2_ray.stages.load import LoadShards


def leave_ray_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Ray is started or asked; stages work in this process."""
    monkeypatch.setattr(job, "cluster", lambda _: nullcontext(False))
    monkeypatch.setattr(preflight, "require_cluster", lambda *_, **__: None)
    monkeypatch.setattr(flow, "run_phase", in_process)


def run_the_sample_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known of the speed of an engine; a sample is run on it in this process."""
    monkeypatch.setattr(expect, "known_rate", _only_of_loading)
    monkeypatch.setattr(measure, "_on_a_replica", lambda _, *given: measure._measure(*given))


def _only_of_loading(phase: str, fingerprint: str, engine: EngineConfig | None) -> Rate | None:
    return known_rate(phase, fingerprint, engine) if engine is None else None


def in_process(stage: Any, work: object, shards: Sequence[Shard], _: object) -> list[Counts]:
    """A double of `run_phase`: the stage works here, one shard after another."""
    if not shards:
        return []
    built = stage(work)
    if stage in (LoadShards, BulkLoadShards):
        return list(built.commit(shards))

    async def commit() -> list[Counts]:
        return [await built.commit(shard) for shard in shards]

    return asyncio.run(commit())


def killed(*_: object, **__: object) -> None:
    """A double: the driver dies at this point."""
    raise KeyboardInterrupt
