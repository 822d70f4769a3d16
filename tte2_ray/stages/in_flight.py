"""How many queries of a shard are reranked at a time, and how many candidates of a replica are
decoded; it changes no answer."""

from tte2_ray.cascade import CascadeConfig, Policy
from tte2_ray.engines import EngineConfig

MOST_QUERIES = 64
"""Where each asks for little."""
FULL = 2
"""Requests for each place in an engine: one is served, one waits. More that wait only cost time:
with 1,280 at once the miniature judged a tenth fewer pairs a second than with 320."""


def queries_in_flight(config: CascadeConfig, policy: Policy, engine: EngineConfig) -> int:
    """Enough to keep the engines full, and no more candidates, or queries, decoded than an engine
    takes.

    Args:
        config: of the cascade.
        policy: how much each query asks for.
        engine: of the judge.

    >>> engine = EngineConfig(max_in_flight=128)
    >>> [queries_in_flight(CascadeConfig(), Policy.fixed(*each), engine) for each in
    ...  ((20, 0), (20, 5), (2, 0))]
    [13, 25, 64]
    >>> queries_in_flight(CascadeConfig(judge_sees_query=True), Policy.fixed(2, 0),
    ...                   EngineConfig(max_in_flight=8))
    8
    """
    bands = policy.bands
    asked = [policy.judge_step or band.judge for band in bands]
    asked += [band.rewrite for band in bands]
    least = min((count for count in asked if count), default=1)
    most = min(MOST_QUERIES, -(-FULL * engine.max_in_flight // least))
    seen = max(band.rewrite for band in bands) if config.rewrite_sees_media else 0
    if config.mode == "media":
        seen = max(band.judge for band in bands)
    if config.judge_sees_query:
        seen = max(seen, 1)
    return max(1, min(most, engine.max_in_flight // seen)) if seen else most


def shown_in_flight(config: CascadeConfig, judge: EngineConfig, rewriter: EngineConfig) -> int:
    """How many candidates a replica holds decoded: those that their engine serves, and as many that
    wait for it.

    Args:
        config: of the cascade.
        judge: sees candidates in the mode `media`.
        rewriter: sees them in the other.

    >>> engines = EngineConfig(max_in_flight=8), EngineConfig(max_in_flight=3)
    >>> [shown_in_flight(config, *engines) for config in
    ...  (CascadeConfig(mode="media", rewrite=0), CascadeConfig())]
    [16, 6]
    """
    sees = judge if config.mode == "media" else rewriter
    return FULL * sees.max_in_flight
