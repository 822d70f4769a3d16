"""What a job says it will take."""

from types import SimpleNamespace
from typing import Any

from tte2_ray.cascade import Policy
from tte2_ray.pipelines.rerank.config import RerankConfig
from tte2_ray.pipelines.rerank.expect import _Query, _reranking

JOB: Any = SimpleNamespace(
    config=RerankConfig(),
    policy=Policy.fixed(4, 2),
    manifest=SimpleNamespace(
        indexed=2, unchanged=0,
        tokens={"prompt_tokens": 120, "visual_tokens": 72, "output_tokens": 40},
    ),
)  # fmt: skip
"""A double of a `Job`: an index of two items, and nothing that a store or a server must hold."""


def test_the_ecr_of_a_query_is_counted_where_a_judge_reads_it() -> None:
    words, seen = (_Query(text_tokens=20, visual_tokens=visual) for visual in (0, 36))
    assert _reranking(JOB, words, written=50) == _reranking(JOB, words, written=0)
    # Four judgements, two rewrites and their judgements.
    assert _reranking(JOB, seen, written=50) == _reranking(JOB, words, written=0) + 8 * 50
