"""The job in a process of its own, without Ray, that is ended by SIGKILL at a step.

python -m tests.pipelines.dying STEP key=value …
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from itertools import count
from threading import Lock
from typing import Any

import pytest

from tests.pipelines.without_ray import leave_ray_out
from tte2_ray.artifacts import freeze
from tte2_ray.config import Options, load_config
from tte2_ray.milvus.imports import Imports
from tte2_ray.milvus.journal import Journal
from tte2_ray.milvus.publish import Publisher
from tte2_ray.pipelines.index import job, publish
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.stages import shard_closing

STEPS: dict[str, tuple[object, str, int]] = {
    "plan": (freeze, "write_table", 2),
    "load": (shard_closing, "mark_done", 2),
    "ask": (Imports, "ask", 0),
    "asked": (Journal, "asked", 0),
    "imported": (Journal, "end", 0),
    "verify": (publish, "verify", 0),
    "alias": (Publisher, "promote", 0),
}
"""What is called at a step, and how many calls of it come back."""


def dying(call: Callable[..., Any], after: int) -> Callable[..., Any]:
    """`call`, which kills this process instead of coming through once more than `after` times."""
    calls, one_at_a_time = count(), Lock()

    def called(*given: Any, **named: Any) -> Any:
        with one_at_a_time:
            if next(calls) == after:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*given, **named)

    return called


def main(step: str, overrides: Sequence[str]) -> None:
    """Runs the job up to a step."""
    owner, name, after = STEPS[step]
    with pytest.MonkeyPatch.context() as patch:
        leave_ray_out(patch)
        patch.setattr(owner, name, dying(getattr(owner, name), after))
        job.index_corpus(load_config(IndexConfig, [], overrides), Options())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
