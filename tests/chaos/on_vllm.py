"""Faults of a job whose engines are real: the carried miniature on vLLM, and a Ray of its own."""

import random
import time
from contextlib import suppress

import psutil

from tests.chaos.faults import Kind, TooLateError
from tests.chaos.world import Reference, World
from tests.pipelines.killing import POLL_S, start_job

ENGINES = ("reasoner.engine.kind=vllm", "embedder.engine.kind=vllm", "ray.local_cpus=4")
_CORE = "VLLM::EngineCore"
_UP_S = 400.0


def engine_core_killed(world: World, reference: Reference, draw: random.Random) -> str:
    """SIGKILL to the process of vLLM's engine while it works; the job is to go on with another."""
    nth = draw.randint(1, 2)  # the reasoner's, or the embedder's
    call = world.command()
    seen: list[int] = []
    with world.log.open("a") as log:
        job = start_job(["--config", "tests/pipelines/nothing.yaml", *call.overrides], log)
        try:
            deadline = time.monotonic() + _UP_S
            while job.poll() is None and time.monotonic() < deadline:
                for core in _cores(job.pid):
                    if core.pid not in seen:
                        seen.append(core.pid)
                        if len(seen) == nth:
                            time.sleep(draw.uniform(0.0, 2.0))
                            core.kill()
                time.sleep(POLL_S)
            code = job.wait(timeout=30)
        finally:
            job.kill()
    if len(seen) <= nth:
        raise TooLateError
    if code:
        raise AssertionError(f"the job ended with {code}: {world.log.read_text()[-2000:]}")
    return f"went on with engine {len(seen)}"


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
