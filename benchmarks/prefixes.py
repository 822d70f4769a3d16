"""What the prefix cache saves where many queries have the same long candidates.

The judge's prompt begins with the candidate, so that all queries of one candidate share a prefix.
Two orders of the same pairs are compared, each from an empty cache: query by query, as the cascade
asks, and candidate by candidate. Whether the order matters depends on the cache: it holds all
candidates of a round, or only a part of them. vLLM reuses whole blocks, on a CPU of 128 tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

from benchmarks.apart import JudgeApart, JudgedRound, judge_apart
from benchmarks.measure import ROUNDS, alternate, over_rounds, rate, ratio
from benchmarks.pairs import long_retrieved
from tools.shown import Row
from tte2_ray.engines import JudgeConfig

PARTS = 22
"""ECRs that a candidate is put together from: some 400 tokens."""
BLOCKS = 56
"""Of the cache: 7,168 tokens."""
CANDIDATES = 8
"""Of a query."""
MOST_APART = 1e-4
"""Between two scores of a pair."""


@dataclass(frozen=True)
class Pool:
    """Candidates that the queries of a round share.

    Args:
        words: about their number.
        queries: of a round.
        among: different candidates.
    """

    words: str
    queries: int
    among: int


POOLS = (
    Pool("more candidates than the cache holds", queries=20, among=40),
    Pool("all candidates in the cache", queries=20, among=10),
)


def prefixes(folder: Path, judge: JudgeConfig | None = None, rounds: int = ROUNDS) -> list[Row]:
    """The gain and the hit rate of both orders, for both pools."""
    del folder  # nothing is written
    judge = judge or JudgeConfig()
    engine = judge.engine
    arguments = engine.engine_args | {"num_gpu_blocks_override": BLOCKS}
    with judge_apart(replace(judge, engine=replace(engine, engine_args=arguments))) as apart:
        apart.judge(long_retrieved(4, 8, CANDIDATES, PARTS, "warm"), by_candidate=False)
        return [row for pool in POOLS for row in compared(apart, pool, rounds)]


def compared(apart: JudgeApart, pool: Pool, rounds: int) -> list[Row]:
    """Both orders over the same pairs, from an empty cache each.

    Args:
        apart: the judge.
        pool: of candidates; those of each round are its own.
        rounds: how many.
    """
    cut = [
        long_retrieved(pool.queries, pool.among, CANDIDATES, PARTS, f"{pool.among}-{number}")
        for number in range(rounds)
    ]
    both = alternate(
        lambda n: apart.judge(cut[n - 1], by_candidate=True),
        lambda n: apart.judge(cut[n - 1], by_candidate=False),
        rounds,
    )
    shared, other = [a for a, _ in both], [b for _, b in both]
    pairs, of = pool.queries * CANDIDATES, pool.words
    apart_most = max(
        abs(a.score - b.score)
        for one, two in both
        for a, b in zip(one.judged, two.judged, strict=True)
    )
    return [
        ratio(f"by candidate / by query, {of}", _seconds(shared), _seconds(other), pairs, 0),
        _hits(f"cache hits by candidate, {of}", shared, pairs),
        _hits(f"cache hits by query, {of}", other, pairs),
        rate(f"pairs by candidate, {of}", _seconds(shared), pairs),
        rate(f"pairs by query, {of}", _seconds(other), pairs),
        Row.stated(f"tokens of a pair, {of}", _tokens(shared), "tokens", pairs * rounds),
        Row(name=f"scores in both orders, farthest apart, {of}", value=apart_most, unit="of 1",
            target=f"<= {MOST_APART:g}", holds=apart_most <= MOST_APART, n=pairs * rounds),
    ]  # fmt: skip


def _seconds(rounds: Sequence[JudgedRound]) -> list[float]:
    return [each.seconds for each in rounds]


def _tokens(rounds: Sequence[JudgedRound]) -> float:
    return mean(judged.prompt_tokens for each in rounds for judged in each.judged)


def _hits(name: str, rounds: Sequence[JudgedRound], pairs: int) -> Row:
    return over_rounds(name, [each.hit_rate for each in rounds], "of prompt tokens", pairs)
