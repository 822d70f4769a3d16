"""The fakes keep to prices as real engines do."""

import asyncio

import pytest

from tests.engines.judges import picture
from tte2_ray.ecr import finished_ecr
from tte2_ray.engines import (
    EngineConfig,
    JudgeConfig,
    ModelInput,
    ReasonerConfig,
    build_judge,
    build_reasoner,
)
from tte2_ray.errors import RowError, RowErrorClass

FAKE = EngineConfig(kind="fake")
QUERY = ModelInput(text="a red star")


def score(candidate: str, query: ModelInput = QUERY, **given: object) -> float:
    judge = build_judge(JudgeConfig(engine=FAKE))
    return asyncio.run(judge.judge(query, ModelInput(text=candidate))).score


def test_a_fake_judge_likes_what_shares_words() -> None:
    none, some, every = score("a page"), score("a red circle"), score("star, red: a red star")
    assert 0 <= none < some < every <= 1
    assert score("a red circle") == some, "the same for the same pair"
    assert score("a red square") != some, "candidates that share as many are told apart"


def test_a_fake_judge_sees_the_media_that_its_form_shows() -> None:
    pictured = ModelInput(text="a red star", images=[picture(0)])
    other = ModelInput(text="a red star", images=[picture(1)])
    plain = build_judge(JudgeConfig(engine=FAKE))
    released = build_judge(JudgeConfig(engine=FAKE, form="qwen3-vl-reranker"))
    first, second = (asyncio.run(plain.judge(QUERY, one)) for one in (pictured, other))
    assert (first.visual_tokens, second.visual_tokens) == (36, 36)
    assert first.score != second.score
    assert asyncio.run(plain.judge(pictured, pictured)).visual_tokens == 36
    assert asyncio.run(released.judge(pictured, pictured)).visual_tokens == 72


def test_a_prompt_above_its_price_is_not_served() -> None:
    dying = EngineConfig(kind="fake", fake_dies_after=1)
    judge, reasoner = (
        build_judge(JudgeConfig(engine=dying)),
        build_reasoner(ReasonerConfig(engine=dying)),
    )
    for ask, tokens in (
        (lambda most: judge.judge(QUERY, QUERY, most_prompt_tokens=most), 17),
        (lambda most: reasoner.reason(QUERY, most_prompt_tokens=most), 11),
    ):
        for _ in range(3):
            with pytest.raises(RowError) as caught:
                asyncio.run(ask(tokens - 1))
            assert caught.value.error_class is RowErrorClass.OVER_PRICE
        # Refused requests do not count: else it would be dead by now.
        assert asyncio.run(ask(tokens)).prompt_tokens == tokens


def test_a_fake_reasoner_ends_where_it_is_told() -> None:
    reasoner = build_reasoner(ReasonerConfig(engine=FAKE))
    whole = asyncio.run(reasoner.reason(QUERY))
    short = asyncio.run(reasoner.reason(QUERY, most_output_tokens=3))
    assert (whole.output_tokens, whole.truncated) == (8, False)
    assert (short.output_tokens, short.truncated) == (3, True)
    ecr, _ = finished_ecr(short.text, short.truncated)
    assert whole.text.startswith(ecr.partition("</think>")[0])
