"""Short and long items in one corpus: does one kind hold up the other?

The ECR phase of the job, on the carried miniature and vLLM, in rounds of three parts: short items
alone (a world's pictures, pages, clips and texts), long ones alone, and as many of both, shuffled.
If nobody waits for anybody, the mix takes no longer than both parts one after the other. How long a
short item was with the engine is stated beside it: in a mix an engine's step reads long prompts,
too, in pieces.
"""

import json
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.configured import configured
from benchmarks.gate import GatedPhase, gated
from benchmarks.long_items import FRAMES, long_items
from benchmarks.measure import over_rounds
from benchmarks.work import SEED, Round, Work, find_items, in_rounds
from tools.shown import Row
from tte2_ray.artifacts.shards import Shard
from tte2_ray.media import DecodedItem
from tte2_ray.pipelines.cluster import cluster
from tte2_ray.schema import Item
from tte2_ray.stages.reason import ReasonShards
from tte2_ray.stages.work import Row as TableRow

ROUNDS = 6
SHORT, LONG = 384, 128
"""Items of each kind in a part; a mix has both."""
SHARD = 64
MOST = 1.1
MOST_SLOWER = 2.0
"""Times as long as alone may a short item be with the engine in the mix: it shares its steps with
long ones, but would take longer than that if it waited for one."""
SHORT_KIND, LONG_KIND, MIXED = "short", "long", "mixed"
OF_A_ROUND = {SHORT_KIND: SHORT, LONG_KIND: LONG, MIXED: SHORT + LONG}
CONFIGURED = (
    f"corpus.rows_per_shard={SHARD}",
    f"media.max_frames={FRAMES}",
    # Fewer than a part has: so that items wait, and short ones might wait for long ones.
    "reasoner.engine.max_in_flight=64",
)
_LATENCIES = "latencies.jsonl"


class TimedReason(ReasonShards):
    """The stage of the job; it writes down how long each item was with the engine."""

    async def answer(self, row: TableRow, decoded: DecodedItem, given: Item) -> TableRow:
        """See `TableStage.answer`."""
        began = time.perf_counter()
        try:
            return await super().answer(row, decoded, given)
        finally:
            told = {"item_id": given.item_id, "seconds": time.perf_counter() - began}
            with (Path(self._work.root).parent / _LATENCIES).open("a") as file:
                file.write(json.dumps(told) + "\n")


@dataclass(frozen=True, kw_only=True)
class Part:
    """Items of one kind, or of both, of one round."""

    short_ids: frozenset[str]
    shards: Sequence[Shard]


def lengths(folder: Path, rounds: int = ROUNDS) -> list[Row]:
    """Time of the mix over that of its parts, and how long short items take in it."""
    work, parts = _work(folder, rounds)
    phase = replace(work.phase("reason"), stage=TimedReason)
    with (
        cluster(work.job.config.ray),
        gated(phase, work.job.store, work.job.plan.shards, folder / "gates") as behind,
    ):
        behind.seconds(work.warm.shards)
        seconds = [_round(behind, part) for part in parts]
    return _compared(parts, seconds, _latencies(folder / _LATENCIES))


def _compared(
    parts: Sequence[Mapping[str, Part]],
    seconds: Sequence[Mapping[str, float]],
    latencies: Mapping[str, float],
) -> list[Row]:
    """Of rounds: their parts, how long each took, and how long each item was with the engine."""
    ratios = [s[MIXED] / (s[SHORT_KIND] + s[LONG_KIND]) for s in seconds]
    row = over_rounds("time of the mix / time of its parts", ratios, "ratio", SHORT + LONG)
    alone, mixed = (
        [_median(part[kind].short_ids, latencies) for part in parts] for kind in (SHORT_KIND, MIXED)
    )
    slower = [m / a for a, m in zip(alone, mixed, strict=True)]
    beside = over_rounds("that in the mix / alone", slower, "ratio", SHORT + LONG)
    return [
        replace(row, target=f"<= {MOST}", holds=row.value <= MOST),
        *(over_rounds(f"{kind} items", [count / s[kind] for s in seconds], "rows/s", count)
          for kind, count in OF_A_ROUND.items()),
        over_rounds("a short item with the engine, alone", alone, "s, median", SHORT),
        over_rounds("a short item with the engine, in the mix", mixed, "s, median", SHORT + LONG),
        replace(beside, target=f"<= {MOST_SLOWER}", holds=beside.value <= MOST_SLOWER),
    ]  # fmt: skip


def _round(behind: GatedPhase, parts: Mapping[str, Part]) -> dict[str, float]:
    return {kind: behind.seconds(part.shards) for kind, part in parts.items()}


def _order(number: int) -> list[str]:
    """Of the parts of a round; a worker holds its calls in the order of the plan."""
    return list(OF_A_ROUND) if number % 2 else list(OF_A_ROUND)[::-1]


def _work(folder: Path, rounds: int) -> tuple[Work, list[dict[str, Part]]]:
    """A job, and the parts of its rounds; one more round is for warming up."""
    count = rounds + 1
    short, _ = find_items(2 * SHORT * count)
    long = long_items(folder / "long", 2 * LONG * count)
    items: list[Item] = []
    for n in range(count):
        of_short = short[2 * SHORT * n : 2 * SHORT * (n + 1)]
        of_long = long[2 * LONG * n : 2 * LONG * (n + 1)]
        mixed = of_short[SHORT:] + of_long[LONG:]
        random.Random(f"{SEED}/{n}").shuffle(mixed)
        parts = {SHORT_KIND: of_short[:SHORT], LONG_KIND: of_long[:LONG], MIXED: mixed}
        items += [item for kind in _order(n) for item in parts[kind]]
    config = configured(folder, *CONFIGURED)
    work = in_rounds(folder, config, items, warm=len(items) // count, rounds=rounds)
    short_ids = {item.item_id for item in short}
    return work, [_parts(each, n, short_ids) for n, each in enumerate(work.rounds, 1)]


def _parts(whole: Round, number: int, short_ids: set[str]) -> dict[str, Part]:
    parts, start = {}, 0
    for kind in _order(number):
        count = OF_A_ROUND[kind]
        ids = {item.item_id for item in whole.items[start : start + count]}
        shards = whole.shards[start // SHARD : (start + count) // SHARD]
        parts[kind] = Part(short_ids=frozenset(ids & short_ids), shards=shards)
        start += count
    return parts


def _latencies(file: Path) -> dict[str, float]:
    told = [json.loads(line) for line in file.read_text().splitlines()]
    return {each["item_id"]: each["seconds"] for each in told}


def _median(ids: frozenset[str], latencies: Mapping[str, float]) -> float:
    return statistics.median(latencies[each] for each in ids if each in latencies)
