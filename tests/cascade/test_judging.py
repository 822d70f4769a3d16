"""How a query is put before a judge."""

import pytest

from tte2_ray.cascade import CascadeConfig
from tte2_ray.cascade.judging import require_seen_queries
from tte2_ray.engines import JudgeConfig
from tte2_ray.errors import ConfigError

SEEING = CascadeConfig(judge_sees_query=True)


def test_a_form_that_shows_no_query_is_refused_where_the_judge_shall_see_it() -> None:
    with pytest.raises(ConfigError) as raised:
        require_seen_queries(SEEING, JudgeConfig(form="plain"))
    for part in ("cascade.judge_sees_query", "judge.form is plain", "qwen3-vl-reranker"):
        assert part in str(raised.value)


def test_others_are_not() -> None:
    require_seen_queries(SEEING, JudgeConfig(form="qwen3-vl-reranker"))
    require_seen_queries(CascadeConfig(), JudgeConfig(form="plain"))
