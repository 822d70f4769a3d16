"""The rerank job against its slowest stage alone; and a log that repeats itself.

    log ─ plan ─▶ reason ─▶ embed ─▶ rerank (retrieve, judge, rewrite, judge) ─▶ gather

The job runs its phases one after another, each over the whole log. Its time for a round of queries
is that of reranking them, and their share of the other phases, of planning and of gathering; only
the starts of engines, which do not grow with a log, are left out, on both sides. The slowest stage
alone is what the rerank phase asks engines, done by bare ones (`bare_cascade`): no table, no
search, no decoding on its clock.

The second log has as many rows as the first, drawn by Zipf's law: its time is taken in the same
phases, behind the rounds.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bare_cascade import BareCascade, BareOrders, bare_cascade
from benchmarks.configured import configured
from benchmarks.gate import GatedPhase, gated
from benchmarks.gathered import Cost, committed_first, ready_of
from benchmarks.indexed import make_index
from benchmarks.logs import PlannedLog, distinct_queries, planned, repeating
from benchmarks.measure import ROUNDS, alternate, rate, ratio
from benchmarks.phases import ROWS, WARM
from benchmarks.work import find_items
from tools.shown import Row
from tte2_ray.artifacts.shards import Shard
from tte2_ray.milvus.server import stop_server
from tte2_ray.pipelines.cluster import cluster
from tte2_ray.pipelines.flow import Phase
from tte2_ray.pipelines.rerank.job import phases_of
from tte2_ray.schema import Item
from tte2_ray.stages.ready import Ready

INDEXED = 512
"""Items of the index: four shards of the index job's size."""
QUERIES, SHARD = 32, 16
"""Of a round; of a shard in the mean, all of whose queries the phase has in flight at once."""
FIXED = ("cascade.retrieve=50", "cascade.judge=20", "cascade.rewrite=5", "cascade.stop_margin=2",
         "cascade.policy=", f"log.queries_per_shard={SHARD}")  # fmt: skip
"""The same work for every query."""
JOB_ROUNDS = 10
"""More than elsewhere: with six the medians of two quiet runs were .79 and .84."""
LEAST, ALIKE = 0.8, 0.95
OVER_SHARE = 0.1
"""By how much more of the cost of a log without repeats a log may take than its share of distinct
queries."""


@dataclass(frozen=True, kw_only=True)
class Logs:
    """What is reranked, all of it by one job's phases."""

    warm: PlannedLog
    distinct: Sequence[PlannedLog]
    """One for each round: all of them ask as many queries, which shards of one log need not."""
    repeating: PlannedLog

    @property
    def once(self) -> list[Shard]:
        """The shards of all rounds."""
        return [shard for log in self.distinct for shard in log.shards]

    @property
    def shards(self) -> list[Shard]:
        """Of all logs, in the order in which they are opened."""
        return [*self.warm.shards, *self.once, *self.repeating.shards]


@dataclass(frozen=True, kw_only=True)
class PhaseTimes:
    """Seconds of one phase."""

    rounds: Sequence[float]
    """But for rerank, equal parts of the whole."""
    repeating: float
    bare: Sequence[BareOrders] = ()
    """Of the same rounds, by bare engines."""
    trial: Sequence[Row] = ()
    """Of those."""


def reranking(
    folder: Path, queries: int = QUERIES, rounds: int = JOB_ROUNDS, overrides: Sequence[str] = ()
) -> list[Row]:
    """Queries a second of the job and of its slowest stage alone; the cost of repeats."""
    config = configured(folder)
    items, world = find_items(WARM + ROWS * ROUNDS)  # the world of the other benchmarks
    try:
        with cluster(config.ray):
            make_index(folder, items[:INDEXED], world)
            logs = _logs(folder, world, queries, rounds, (*FIXED, *overrides))
            times = _times(folder, logs, {item.item_id: item for item in items[:INDEXED]})
            distinct, again = (Cost.of(each, folder) for each in (logs.distinct, [logs.repeating]))
            first = {k: v for log in logs.distinct for k, v in committed_first(log).items()}
    finally:
        stop_server(config.milvus.data_dir)
    require_slowest("rerank", times)
    return [
        *_speeds(times, distinct, queries),
        _alike(times["rerank"].bare, first),
        *_repeats(times, distinct, again),
    ]


def _logs(folder: Path, world: Path, queries: int, rounds: int, overrides: Sequence[str]) -> Logs:
    rows = queries * rounds
    found = distinct_queries(world, queries + 2 * rows)
    warm, once, often = found[:queries], found[queries : queries + rows], found[queries + rows :]
    return Logs(
        warm=planned(folder, "warm", warm, *overrides),
        distinct=[
            planned(folder, f"distinct-{n}", once[n * queries : (n + 1) * queries], *overrides)
            for n in range(rounds)
        ],
        repeating=planned(folder, "repeating", repeating(often, rows), *overrides),
    )


def _times(folder: Path, logs: Logs, items: Mapping[str, Item]) -> dict[str, PhaseTimes]:
    """The phases one after another, as the job runs them."""
    job, rounds = logs.warm.job, len(logs.distinct)
    *before, rerank = phases_of(job)
    times = {}
    for phase in before:
        with _gated(folder, phase, logs) as behind:
            whole = behind.seconds(logs.once)
            again = behind.seconds(logs.repeating.shards)
        times[phase.name] = PhaseTimes(rounds=[whole / rounds] * rounds, repeating=again)
    warm = ready_of(job, logs.warm.shards[:1])
    with (
        bare_cascade(job.config, items, warm) as (bare, batches, trial),
        _gated(folder, rerank, logs) as behind,
    ):
        found = [ready_of(job, log.shards) for log in logs.distinct]
        pairs = alternate(
            lambda n: behind.seconds(logs.distinct[n - 1].shards),
            lambda n: _bare(bare, found[n - 1], batches),
            rounds,
        )
        again = behind.seconds(logs.repeating.shards)
    mine, other = [ours for ours, _ in pairs], [theirs for _, theirs in pairs]
    times[rerank.name] = PhaseTimes(rounds=mine, repeating=again, bare=other, trial=trial)
    return times


@contextmanager
def _gated(folder: Path, phase: Phase, logs: Logs) -> Iterator[GatedPhase]:
    """A phase over all logs, warm."""
    gates = folder / f"gates-{phase.name}"
    with gated(phase, logs.warm.job.store, logs.shards, gates) as behind:
        behind.seconds(logs.warm.shards)
        yield behind


def _bare(bare: BareCascade, ready: Sequence[Ready], batches: int) -> BareOrders:
    bare.prepare(ready)
    return bare.rerank(ready, batches)


def require_slowest(name: str, times: dict[str, PhaseTimes]) -> None:
    """Refuses to compare with a stage that is not the slowest.

    Raises:
        ValueError: another phase took longer.
    """
    slowest = max(times, key=lambda phase: sum(times[phase].rounds))
    if slowest != name:
        raise ValueError(f"the slowest phase is {slowest}, but {name} is done by bare engines")


def _speeds(times: dict[str, PhaseTimes], cost: Cost, queries: int) -> list[Row]:
    driver = cost.driver_s / len(times["rerank"].rounds)
    phases = [each.rounds for each in times.values()]
    job = [sum(of_round) + driver for of_round in zip(*phases, strict=True)]
    bare = [each.seconds for each in times["rerank"].bare]
    alone = "rerank alone by bare engines at their best"
    return [
        ratio(f"rerank job / {alone}", job, bare, queries, LEAST),
        ratio(f"rerank phase / {alone}", times["rerank"].rounds, bare, queries, 0),
        rate("rerank job, queries", job, queries),
        rate(f"{alone}, queries", bare, queries),
        rate("rerank phase, queries", times["rerank"].rounds, queries),
        *(Row.stated(f"{name} phase, queries", cost.rows / sum(each.rounds), "rows/s", cost.rows)
          for name, each in times.items() if name != "rerank"),
        Row.stated("planning and gathering", cost.driver_s / cost.rows * 1e3, "ms a query",
                   cost.rows),
        *times["rerank"].trial,
    ]  # fmt: skip


def _alike(bare: Sequence[BareOrders], first: dict[str, str]) -> Row:
    theirs = {query: found for each in bare for query, found in each.first.items()}
    same = sum(first.get(query) == found for query, found in theirs.items()) / len(theirs)
    return Row(name="queries whose first candidate is the same on both sides", value=same,
               unit="share", target=f">= {ALIKE}", holds=same >= ALIKE, n=len(theirs))  # fmt: skip


def _repeats(times: dict[str, PhaseTimes], distinct: Cost, again: Cost) -> list[Row]:
    share = again.distinct / distinct.distinct
    most = share + OVER_SHARE
    seconds = again.driver_s + sum(each.repeating for each in times.values())
    once = distinct.driver_s + sum(sum(each.rounds) for each in times.values())
    what = f"a log of {again.rows} queries, {again.distinct} distinct"

    def row(name: str, value: float) -> Row:
        return Row(name=f"{name} of {what} / of one without repeats", value=value, unit="ratio",
                   target=f"<= {most:.3f}", holds=value <= most, n=again.rows)  # fmt: skip

    return [
        Row.stated(f"distinct queries of {what} / of one without repeats", share, "ratio",
                   again.rows),
        row("tokens", again.tokens / distinct.tokens),
        row("seconds", seconds / once),
    ]  # fmt: skip
