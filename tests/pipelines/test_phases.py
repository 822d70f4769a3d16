"""What Ray makes of an error in a stage, and what is told of it; on a real local Ray."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tte2_ray.artifacts.shards import Shard
from tte2_ray.errors import PrerequisiteError, RuntimeFailure, ValidationError
from tte2_ray.pipelines.phases import Pool, run_phase
from tte2_ray.stages.counts import Counts
from tte2_ray.stages.work import as_columns, shards_of

SHARDS = [Shard(name=f"{n}", key="k", rows=5, rejected=0) for n in range(4)]
HEARD_S = 60.0
POOL = Pool(replicas=1, num_cpus=1, num_gpus=0, in_flight=2, max_restarts=1, environment={})


class Counting:
    """Does nothing, and says so."""

    def __init__(self, work: str) -> None:
        self._work = work

    def __call__(self, batch: Any) -> dict[str, list[str]]:
        return as_columns([self.count(shard) for shard in shards_of(batch)])

    def count(self, shard: Shard) -> Counts:
        return Counts(rows=shard.rows, done=shard.rows)


class NeverStarts(Counting):
    """An engine that cannot be started, as where its weights are broken."""

    def __init__(self, work: str) -> None:
        raise PrerequisiteError(f"the engine of {work} does not start")


class Refuses(Counting):
    """A stage that finds its tables at odds."""

    def count(self, shard: Shard) -> Counts:
        raise ValidationError(f"shard {shard.name} does not add up")


class Breaks(Counting):
    """A stage with a bug."""

    def count(self, shard: Shard) -> Counts:
        raise KeyError("no such column")


class TellsAsItGoes(Counting):
    """Has one shard of a call done, and waits with the next until that was heard of."""

    shards_a_call = len(SHARDS)

    def __call__(self, batch: Any) -> Iterator[dict[str, list[str]]]:  # type: ignore[override]
        first, *others = shards_of(batch)
        yield as_columns([self.count(first)])
        deadline = time.monotonic() + HEARD_S
        while not Path(self._work).exists():
            if time.monotonic() > deadline:
                raise ValidationError("nobody heard of the first shard")
            time.sleep(0.05)
        yield from (as_columns([self.count(shard)]) for shard in others)


def run(stage: type, shards: Sequence[Shard] = SHARDS) -> list[Counts]:
    return list(run_phase(stage, "mini:reasoner", shards, POOL))


@pytest.mark.usefixtures("ray_cluster")
def test_counts_come_as_shards_are_done() -> None:
    assert sum(counts.done for counts in run(Counting)) == 20
    assert run(Counting, []) == []


@pytest.mark.usefixtures("ray_cluster")
def test_a_stage_is_heard_of_while_it_works_on_one_call(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    done = []
    for counts in run_phase(TellsAsItGoes, str(heard), SHARDS, POOL):
        heard.touch()
        done.append(counts.done)
    assert done == [5, 5, 5, 5]


@pytest.mark.usefixtures("ray_cluster")
@pytest.mark.parametrize(
    ("stage", "error", "message"),
    [
        (NeverStarts, PrerequisiteError, "^the engine of mini:reasoner does not start$"),
        (Refuses, ValidationError, r"^shard \d does not add up$"),
        (Breaks, RuntimeFailure, "a stage failed for good: .*no such column"),
    ],
)
def test_what_a_stage_raises_is_what_the_job_raises(
    stage: type, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as raised:
        run(stage)
    traces = getattr(raised.value, "__notes__", [])
    assert ["in count" in trace for trace in traces] == ([True] if stage is Breaks else [])
