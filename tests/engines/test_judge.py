"""A judge on real vLLM, started by its first request: the scores that transformers gives."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from tests.engines.judges import make_judge, picture, scores_of_transformers
from tte2_ray.engines import EngineConfig, JudgeConfig, Judged, ModelInput, build_judge
from tte2_ray.engines.lazily import LazyJudge
from tte2_ray.errors import RowError, RowErrorClass

TOLERANCE = 1e-3
"""Between vLLM and transformers; about 1e-6 was seen."""
NEIGHBOURS = 1e-5
"""Between a pair alone and in a batch: float rounding; 3e-8 was seen."""
BLOCK = 128
"""Tokens of a block of vLLM's prefix cache on a CPU."""
LONG = " ".join(["a red star at the top", "two green circles at the bottom"] * 14)
PAIRS = [
    *((ModelInput(text=f"a {colour} star"), ModelInput(text=f"a red star. {count} circles"))
      for colour in ("red", "green", "blue") for count in ("two", "three")),
    *((ModelInput(text="a page"), ModelInput(text=words, images=[picture(turn)]))
      for turn, words in enumerate(("", "a red star", "", LONG))),
    *((ModelInput(text=words), ModelInput(text=LONG)) for words in ("a star", "a green circle")),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_judge(tmp_path_factory.mktemp("models") / "judge")


@pytest.mark.timeout(600)
def test_a_pair_is_judged_as_by_transformers_whoever_its_neighbours_are(folder: Path) -> None:
    arguments = {"enforce_eager": True, "distributed_executor_backend": "uni",
                 "enable_prefix_caching": True}  # fmt: skip
    config = JudgeConfig(engine=EngineConfig(model=str(folder), engine_args=arguments))

    async def judged() -> tuple[list[Judged], list[Judged], list[RowErrorClass]]:
        judge = LazyJudge(partial(build_judge, config))
        try:
            alone = [await judge.judge(*pair) for pair in PAIRS]
            together = await asyncio.gather(*(judge.judge(*pair) for pair in PAIRS * 3))
            refused = []
            for pair, known in zip(PAIRS, alone, strict=True):
                with pytest.raises(RowError) as caught:
                    await judge.judge(*pair, most_prompt_tokens=known.prompt_tokens - 1)
                refused.append(caught.value.error_class)
                exact = await judge.judge(*pair, most_prompt_tokens=known.prompt_tokens)
                assert exact.score == pytest.approx(known.score, abs=NEIGHBOURS)
        finally:
            judge.close()
        return alone, list(together), refused

    alone, together, refused = asyncio.run(judged())
    expected = scores_of_transformers(folder, PAIRS)
    assert max(expected) - min(expected) > 0.05, "alike scores would show nothing"
    assert [one.score for one in alone] == pytest.approx(expected, abs=TOLERANCE)
    scores = [one.score for one in alone]
    assert [one.score for one in together] == pytest.approx(scores * 3, abs=NEIGHBOURS)
    assert set(refused) == {RowErrorClass.OVER_PRICE}
    assert [one.visual_tokens for one in alone] == [36 * len(pair[1].images) for pair in PAIRS]
    # The candidate stands first, so that the second query about it finds it in the cache.
    assert [one.cached_tokens for one in alone[-2:]] == [
        0,
        alone[-1].prompt_tokens // BLOCK * BLOCK,
    ]
    assert all(one.cached_tokens <= one.prompt_tokens for one in together)
