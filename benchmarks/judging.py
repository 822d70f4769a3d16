"""ECRR through the cascade, against `LLM.classify` over the same pairs; and against looking.

The bare engine's clock starts when its prompts stand ready; the cascade's covers what it does for
each pair: the words, the template, the tokens, the request, the score, the keys of kept answers,
the order and the ledger of its query.
"""

import math
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.apart import judge_apart
from benchmarks.bare_judge import fastest_judge
from benchmarks.looking import looking
from benchmarks.measure import ROUNDS, alternate, rate, ratio
from benchmarks.pairs import retrieved
from tools.shown import Row
from tte2_ray.cascade import CascadeConfig
from tte2_ray.cascade.many import Retrieved
from tte2_ray.engines import JudgeConfig

QUERIES, CANDIDATES = 48, 20
"""Of a round; of a query, as many as the job judges."""
LEAST = 0.9
MOST_APART = 1e-4
"""Between two scores of a pair."""


def judging(
    folder: Path, judge: JudgeConfig | None = None, queries: int = QUERIES, rounds: int = ROUNDS
) -> list[Row]:
    """Pairs a second of both, in rounds of pairs that no other round has; then `looking`."""
    judge = judge or JudgeConfig()
    config = CascadeConfig(retrieve=CANDIDATES, judge=CANDIDATES, rewrite=0)
    found = retrieved(queries * (rounds + 1), CANDIDATES)
    warm, *cut = [found[n : n + queries] for n in range(0, len(found), queries)]
    with ExitStack() as opened:
        ours = opened.enter_context(judge_apart(judge))
        bare, tokens, trial = opened.enter_context(fastest_judge(judge, warm[: queries // 4], warm))
        ours.rerank(warm, config)
        bare.classify(warm, tokens=tokens)
        both = alternate(
            lambda n: ours.rerank(cut[n - 1], config),
            lambda n: bare.classify(cut[n - 1], tokens=tokens),
            rounds,
        )
        looked = looking(ours, folder)
    mine, other = [a.seconds for a, _ in both], [b.seconds for _, b in both]
    scores = [score for a, _ in both for score in a.scores]
    apart = _most_apart(scores, [score for _, b in both for score in b.scores])
    pairs = _pairs(cut[0])
    return [
        ratio("ECRR through the cascade / LLM.classify at its best", mine, other, pairs, LEAST),
        rate("ECRR through the cascade, pairs", mine, pairs),
        rate("LLM.classify at its best, pairs", other, pairs),
        Row(name="scores of both, farthest apart", value=apart, unit="of 1",
            target=f"<= {MOST_APART:g}", holds=apart <= MOST_APART, n=len(scores)),
        *looked,
        *trial,
    ]  # fmt: skip


def _pairs(some: Sequence[Retrieved]) -> int:
    return sum(len(candidates) for _, candidates in some)


def _most_apart(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The largest difference; infinite where one side has no score."""
    apart = [abs(a - b) for a, b in zip(ours, theirs, strict=True)]
    return math.inf if any(map(math.isnan, apart)) else max(apart)
