"""How the work of a phase spreads: engines that only wait, 1 to 64 of them, on this machine.

Weak scaling: each replica has as many rows, so a phase that spreads without loss takes as long with
64 replicas as with one. What is measured is the ECR phase itself, by the job's own `run_phase`:
shards read from the store, decoded, handed to an engine that sleeps, written, marked and counted by
one driver. Its clock starts when all workers are up and ends with the last marker, round by round.

An engine takes 32 requests at once and four seconds for each: 8 rows a second, as an 8B model that
writes 300 tokens a row at 2,400 a second. On a cluster each replica has cores of its own; here all
share this machine's, and what they take is stated beside the efficiency.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from benchmarks.configured import configured
from benchmarks.driver import FAKES
from benchmarks.gate import gated
from benchmarks.measure import interval
from benchmarks.work import Work, in_rounds
from tools.shown import Row
from tte2_ray.pipelines.cluster import cluster
from tte2_ray.schema import Item

REPLICAS = (1, 4, 16, 64)
ROUNDS = 6
SHARD, SHARDS_EACH = 64, 2
"""Rows of a shard, and shards of a replica in a round."""
DELAY_S, IN_FLIGHT = 4.0, 32
LEAST = 0.9
WAITING = (
    *FAKES,
    f"reasoner.engine.fake_delay_s={DELAY_S:g}",
    f"reasoner.engine.max_in_flight={IN_FLIGHT}",
    "reasoner.engine.num_cpus=0.05",
    "reasoner.engine.shards_in_flight=2",
    f"corpus.rows_per_shard={SHARD}",
    "ray.object_store_mb=256",
)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Rounds of a phase with so many replicas."""

    replicas: int
    rows: int
    """Of a round."""
    seconds: Sequence[float]
    worker_mb: float
    """Memory of one worker that it shares with no other process, the median."""
    cores: float
    """CPU seconds a second, of driver, Ray and workers."""
    driver_cores: float
    """Of the driver alone."""

    @property
    def rate(self) -> float:
        """Rows a second, the median round."""
        return self.rows / statistics.median(self.seconds)


def scaling(
    folder: Path,
    replicas: Sequence[int] = REPLICAS,
    rounds: int = ROUNDS,
    say: Callable[[str], None] = print,
) -> list[Row]:
    """Rows a second and efficiency by number of replicas.

    Args:
        folder: for what is made.
        replicas: from one up.
        rounds: of each number.
        say: told of each number when it was measured.
    """
    one, *more = spreads = [_spread(folder / str(n), n, rounds, say) for n in replicas]
    ideal = IN_FLIGHT / DELAY_S
    rows = [_rate(each) for each in spreads]
    rows.append(Row.stated("rows/s of one replica, of what its engine can", one.rate / ideal,
                           "share", rounds))  # fmt: skip
    for each in more:
        shares = [each.rows / s / (each.replicas * one.rate) for s in each.seconds]
        last = each is more[-1]
        low, high = interval(shares)
        value = statistics.median(shares)
        rows.append(Row(name=f"efficiency, {each.replicas} replicas", value=value, unit="of 1",
                        target=f">= {LEAST}" if last else "", holds=value >= LEAST or not last,
                        n=rounds, low=low, high=high))  # fmt: skip
    most = more[-1]
    return [
        *rows,
        Row.stated(f"memory of a worker, {most.replicas} replicas", most.worker_mb, "MB",
                   most.replicas),
        Row.stated(f"cores that all took, {most.replicas} replicas", most.cores, "cores", rounds),
        Row.stated(f"cores that the driver took, {most.replicas} replicas", most.driver_cores,
                   "cores", rounds),
    ]  # fmt: skip


def _rate(spread: Spread) -> Row:
    rates = [spread.rows / each for each in spread.seconds]
    low, high = interval(rates)
    name = f"{spread.replicas} replicas; rounds of {spread.rows:,}"
    return Row.stated(name, spread.rate, "rows/s", len(rates), low, high)


def _spread(folder: Path, replicas: int, rounds: int, say: Callable[[str], None]) -> Spread:
    work = _work(folder, replicas, rounds)
    phase, shards = work.phase("reason"), work.job.plan.shards
    with (
        cluster(work.job.config.ray),
        gated(phase, work.job.store, shards, folder / "gates", workers=replicas) as behind,
    ):
        behind.seconds(work.warm.shards)
        memory = _worker_mb()  # before the last round, after which they end
        *timed, last = [each.shards for each in work.rounds]
        cpu_before, driver_before = _cpu_s()
        seconds = [behind.seconds(each) for each in timed]
        cpu, driver = _cpu_s()
        seconds.append(behind.seconds(last))  # workers end with it, and take their counts along
    wall = sum(seconds[:-1])
    spread = Spread(replicas=replicas, rows=work.rows, seconds=seconds, worker_mb=memory,
                    cores=(cpu - cpu_before) / wall,
                    driver_cores=(driver - driver_before) / wall)  # fmt: skip
    each = " ".join(f"{of_round:.1f}" for of_round in seconds)
    say(f"  {replicas} replicas: {spread.rate:,.0f} rows/s (s: {each}), {memory:.0f} MB a worker")
    return spread


def _work(folder: Path, replicas: int, rounds: int) -> Work:
    folder.mkdir()
    each = replicas * SHARD * SHARDS_EACH
    items = [
        Item(item_id=f"row-{n:07d}", text=f"a short note about thing {n}, the {n % 97}th")
        for n in range(each * (rounds + 1))
    ]
    config = configured(folder, *WAITING, f"reasoner.engine.replicas={replicas}")
    return in_rounds(folder, config, items, warm=each, rounds=rounds)


def _cpu_s() -> tuple[float, float]:
    """Seconds so far of all processes that descend from this one, it included; and of it alone."""
    this = psutil.Process()
    used = {each: each.cpu_times() for each in (this, *this.children(recursive=True))}
    return sum(t.user + t.system for t in used.values()), used[this].user + used[this].system


def _worker_mb() -> float:
    """Of the workers that descend from this process."""
    children = psutil.Process().children(recursive=True)
    workers = [child for child in children if "GatedStage" in " ".join(child.cmdline())]
    held: list[int] = [worker.memory_full_info().uss for worker in workers]
    return statistics.median(held) / 1e6
