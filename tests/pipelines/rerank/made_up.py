"""A made-up reranked log of 500 queries. Nothing of it was measured."""

from typing import Any

from tte2_ray.artifacts.dead_letters import DeadLetter
from tte2_ray.pipelines.page.shown import ShownCandidate, ShownQuery
from tte2_ray.schema import Item

TOKENS = [0] * 12 + [64 * (n % 7) + n for n in range(270)] + [2000]
"""Of 283 distinct queries."""


def kinds(text: int, visual: int, output: int, cached: int) -> dict[str, int]:
    return {"prompt_text": text, "prompt_visual": visual, "output": output, "cached": cached}


def phase(name: str, seconds: float, **changes: Any) -> dict[str, Any]:
    return {"name": name, "rows": 283, "reused": 0, "rejected": 2, "prompt_tokens": 41_000,
            "output_tokens": 9_000, "seconds": seconds, "usd": 0.02} | changes  # fmt: skip


def results(**changes: Any) -> dict[str, Any]:
    """results.json of it."""
    return {
        "exit_code": 0, "message": "", "run": "made-up", "index": "example", "version": "0123abcd",
        "log": {"path": "s3://made-up/log.jsonl", "digest": "feed" * 8},
        "notes": ["Every number on this page is made up."],
        "queries": {"in": 500, "distinct": 285, "answered": 431, "degraded": 66, "rejected": 3},
        "steps": {"full": 431, "fewer_rewrites": 40, "fewer_judgements": 21, "retrieval_order": 5},
        "budget": {"kind": "tokens_per_query", "tokens": 2048, "spent": sum(TOKENS),
                   "allowed": 2048 * 285},
        "spent": {"query_ecr": kinds(9_100, 30_200, 15_000, 0),
                  "query_embedding": kinds(17_000, 30_200, 0, 8_200),
                  "rewrite": kinds(20_000, 6_000, 9_800, 4_096),
                  "judge": kinds(48_000, 0, 0, 12_800)},
        "kept": {"rewrites": 12, "judgements": 40}, "refusals": {"over_price": 3},
        "offline_ecr_tokens": {"prompt": 812_345, "output": 402_001},
        "phases": [phase("reason", 61.0), phase("embed", 12.5, output_tokens=0),
                   phase("rerank", 95.0, reused=120)],
        "seconds": 181.4, "usd": 0.06, "estimate": {"seconds": 200.0, "usd": 0.07},
        "rejected_by_class": {"not_found": 2, "context_overflow": 1},
        "dead_letters": ["dead-letter/made-up"],
        "models": {"reasoner": "made-up/reasoner-2b@1", "embedder": "made-up/embedder-2b@1",
                   "judge": "made-up/judge-2b@1"},
        "fingerprints": {"ecr": "aa" * 16, "embedding": "bb" * 16, "judge": "cc" * 16},
        "policy": {"name": "fixed", "judged": 20, "rewritten": 3},
    } | changes  # fmt: skip


def letters() -> list[DeadLetter]:
    rows = [
        ("q-17", "read", "not_found", "candidate 'scene-99' is not in the index"),
        ("q-18", "read", "not_found", "candidate 'scene-98' is not in the index"),
        ("q-99", "reason", "context_overflow", "9,120 tokens; the engine reads 8,192"),
    ]
    return [DeadLetter(item_id=i, shard="shard-0", stage=s, error_class=c, message=m, row="{}")
            for i, s, c, m in rows]  # fmt: skip


def query() -> ShownQuery:
    """With a candidate that rose, one that fell and was rewritten, and one that was not judged."""
    ecr = "<think>main red star top left. 2 blue circles below</think>a red star above two circles"
    rewrite = ecr.replace("2 blue circles below", "2 blue circles below, one of them striped")
    return ShownQuery(
        query=Item(item_id="q-1", text="the star above a striped circle"),
        instruction="Find the picture that fits the words.",
        ecr="<think>star over a striped circle</think>a star over a striped circle",
        step="fewer_rewrites", spent=1210, allowed=2048,
        candidates=(
            ShownCandidate(item=Item(item_id="scene-4"), ecr=ecr, was=2, now=1,
                           retriever_score=0.81, judge_score=0.98),
            ShownCandidate(item=Item(item_id="scene-1"), ecr=ecr, rewrite=rewrite, was=1, now=2,
                           retriever_score=0.84, judge_score=0.21),
            ShownCandidate(item=Item(item_id="scene-9", text="a title"), ecr=ecr, was=3, now=3,
                           retriever_score=0.8),
        ),
    )  # fmt: skip
