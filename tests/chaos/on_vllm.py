"""Faults of a job whose engines are real: the carried miniature on vLLM, and a Ray of its own."""

import random
import time
from contextlib import suppress

import psutil

from tests.chaos.faults import Kind, TooLateError
from tests.chaos.world import Reference, World
from tests.pipelines.killing import POLL_S, done_shards, start_job

ENGINES = ("reasoner.engine.kind=vllm", "embedder.engine.kind=vllm", "ray.local_cpus=4",
           *(f"{model}.engine.{each}=1" for model in ("reasoner", "embedder")
             for each in ("max_in_flight", "shards_in_flight")))  # fmt: skip
"""One row after the other: a phase is met when its first shard is done and others are not."""
_CORE = "VLLM::EngineCore"
_UP_S = 600.0
_PHASES = 2
"""Each with an engine of its own."""


def engine_core_killed(world: World, reference: Reference, draw: random.Random) -> str:
    """SIGKILL to the process of vLLM's engine when the first shard of its phase is done; the job is
    to go on with another."""
    nth = draw.randint(1, 2)  # the reasoner's, or the embedder's
    folder = ("ecr", "vectors")[nth - 1]
    killed = 0
    call = world.command()
    seen: list[int] = []
    with world.log.open("a") as log:
        job = start_job(["--config", "tests/pipelines/nothing.yaml", *call.overrides], log)
        try:
            deadline = time.monotonic() + _UP_S
            while job.poll() is None and time.monotonic() < deadline:
                seen += [core.pid for core in _cores(job.pid) if core.pid not in seen]
                if not killed and len(seen) == nth and done_shards(world.store, folder):
                    time.sleep(draw.uniform(0.0, 0.1))
                    killed = seen[-1]
                    with suppress(psutil.NoSuchProcess):
                        psutil.Process(killed).kill()
                time.sleep(POLL_S)
            code = job.wait(timeout=30)
        finally:
            job.kill()
    if len(seen) < _PHASES + 1:  # none was started in the place of the one that was killed
        raise TooLateError
    if code:
        raise AssertionError(f"the job ended with {code}: {world.log.read_text()[-2000:]}")
    return f"killed in {folder}; went on with another"


KINDS = (Kind(name="vLLM: engine core killed", disturb=engine_core_killed, count=2,
              scenarios=("first",), engines=ENGINES),)  # fmt: skip


def _cores(driver: int) -> list[psutil.Process]:
    found = []
    with suppress(psutil.Error):
        for process in psutil.Process(driver).children(recursive=True):
            with suppress(psutil.Error):
                if _CORE in " ".join(process.cmdline()):
                    found.append(process)
    return found
