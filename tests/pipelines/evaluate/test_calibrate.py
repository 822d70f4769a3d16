"""A policy is chosen without engines: by what the cascade would do, and what that would cost."""

import asyncio
import hashlib
import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tte2_ray.cascade import (
    Asked,
    Band,
    Candidate,
    Cascade,
    CascadeConfig,
    Policy,
    Query,
    Reranked,
    dump_policy,
    parse_policy,
)
from tte2_ray.engines import Judged, ModelInput, Reasoned
from tte2_ray.errors import RowError, RowErrorClass, ValidationError
from tte2_ray.pipelines.evaluate.benchmark import Task
from tte2_ray.pipelines.evaluate.calibrate import Grid, Looked, calibrate, read_looked
from tte2_ray.pipelines.evaluate.calibrate.play import Worth, play
from tte2_ray.schema import Item

CONFIG = CascadeConfig(retrieve=12, judge=12, rewrite=0, rewrite_sees_media=False)
QUERIES, DEPTH = 9, 7


def draw(*parts: object) -> random.Random:
    return random.Random(hashlib.sha256(repr(parts).encode()).hexdigest())


class Scores:
    """A judge whose scores follow from the words alone, some equal, some refused."""

    async def judge(
        self, query: ModelInput, candidate: ModelInput, *, most_prompt_tokens: int = 0
    ) -> Judged:
        rng = draw(query.text, candidate.text)
        if rng.random() < 0.05:
            raise RowError(RowErrorClass.ENGINE_REJECTED, "refused")
        return Judged(score=rng.randint(0, 20) / 20, prompt_tokens=rng.randint(5, 50),
                      visual_tokens=0)  # fmt: skip

    def close(self) -> None:
        """Nothing to end."""


class Rewrites:
    """A rewriter that now and then writes nothing, or what cannot be read."""

    async def reason(
        self, given: ModelInput, *, most_prompt_tokens: int = 0, most_output_tokens: int = 0
    ) -> Reasoned:
        rng = draw("rewrite", given.text)
        text = rng.choice(("", "<think><think>", "<think>seen</think>a rewrite", "so it is"))
        return Reasoned(text=f"{text} {rng.random()}" if text else text, truncated=False,
                        prompt_tokens=rng.randint(5, 50), visual_tokens=0,
                        output_tokens=rng.randint(1, 20))  # fmt: skip

    def close(self) -> None:
        """Nothing to end."""


def asked(query_id: str) -> Asked:
    return Asked(query_id=query_id, instruction="Find.", text=f"words of {query_id}", ecr="",
                 has_media=False, key=query_id, words_tokens=5)  # fmt: skip


def candidates(query_id: str) -> tuple[Candidate, ...]:
    rng = draw("retrieved", query_id)
    count = rng.randint(0, DEPTH) if query_id != "q0" else DEPTH
    scores = sorted((rng.randint(0, 30) / 100 for _ in range(count)), reverse=True)
    return tuple(
        Candidate(item_id=f"{query_id}-i{rank}", rank=rank, retriever_score=score,
                  ecr=f"ecr {query_id} {rank}", ecr_key=f"key {query_id} {rank}", ecr_tokens=4,
                  prompt_tokens=9, visual_tokens=0, shard="s")
        for rank, score in enumerate(scores, 1)
    )  # fmt: skip


def run(policy: Policy, config: CascadeConfig = CONFIG) -> list[Reranked]:
    """All queries through the cascade itself."""
    cascade = Cascade(config, judge=Scores(), judge_version="j", rewriter=Rewrites(),
                      rewriter_version="r", policy=policy)  # fmt: skip

    async def all_queries() -> list[Reranked]:
        names = [f"q{n}" for n in range(QUERIES)]
        return [await cascade.rerank(asked(name), candidates(name)) for name in names]

    return asyncio.run(all_queries())


def rows(answers: Sequence[Reranked]) -> list[dict[str, Any]]:
    return [row for answer in answers for row in answer.to_rows()]


@cache
def looked(config: CascadeConfig = CONFIG) -> dict[str, Looked]:
    judged = run(Policy.fixed(config.retrieve, 0), config)
    rewritten = run(Policy.fixed(config.retrieve, config.retrieve), config)
    return read_looked(rows(judged), rows(rewritten), fusion_weight=config.fusion_weight)


@st.composite
def policies(draws: st.DrawFn) -> Policy:
    margins = [0.0, *sorted(draws(st.sets(st.sampled_from((0.01, 0.05, 0.1)), max_size=2)))]
    bands = []
    for least in margins:
        judge = draws(st.integers(0, DEPTH + 2))
        bands.append(Band(least_margin=least, judge=judge, rewrite=draws(st.integers(0, judge))))
    return Policy(name="any", bands=tuple(bands), judge_step=draws(st.sampled_from((0, 2, 3))),
                  judge_stop=draws(st.sampled_from((0.0, 0.1, 0.3, 2.0))),
                  stop_margin=draws(st.sampled_from((0.0, 0.05, 0.2, 0.5, 2.0))),
                  rewrite_step=draws(st.sampled_from((0, 1, 2))))  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(policy=policies(), weight=st.sampled_from((0.0, 0.5)))
def test_what_is_played_is_what_the_cascade_does(policy: Policy, weight: float) -> None:
    config = replace(CONFIG, fusion_weight=weight)
    known = looked(config)
    for answer in run(policy, config):
        if answer.query_id in known:
            assert play(policy, known[answer.query_id]) == (answer.order, answer.spent)
        else:
            assert answer.order == ()


def test_the_script_holds_what_it_is_meant_to() -> None:
    every = rows(run(Policy.fixed(DEPTH, DEPTH)))
    assert {"judged", "rewritten", "retrieved"} == {row["stage"] for row in every}
    assert any(row["note"] == "unparsable" for row in every)
    assert any(row["refused"] for row in every)


def tasks(known: dict[str, Looked]) -> list[Task]:
    """Queries of two tasks; the right answer is one that judging or rewriting brings to the top."""
    best = {answer.query_id: answer.order for answer in run(Policy.fixed(DEPTH, DEPTH))}
    found = []
    for name, numbers in (("odd", range(1, QUERIES, 2)), ("even", range(0, QUERIES, 2))):
        ids = [f"q{n}" for n in numbers if f"q{n}" in known]
        queries = tuple(Query(instruction="Find.", given=Item(item_id=i, text="x")) for i in ids)
        found.append(Task(name=name, type="retrieval", modality="image", pool="corpus",
                          measure="Success@1", corpus="c", queries=queries,
                          qrels={i: {best[i][0]: 1} for i in ids}))  # fmt: skip
    return found


def test_the_policy_is_as_good_as_the_best_fixed_numbers_and_costs_less() -> None:
    known = looked()
    grid = Grid(judge=(0, 2, 3, 5, 7), rewrite=(0, 1, 2, 4, 7), tolerance=0.0)
    found = calibrate(tasks(known), known, grid, name="dev", made_of={"judge": "scores"})
    assert found.fixed.quality == pytest.approx(1.0), "all judged, all rewritten is right by design"
    assert found.best.quality == pytest.approx(1.0)
    assert found.best.tokens < found.fixed.tokens
    assert found.saved == 1 - found.best.tokens / found.fixed.tokens
    told = found.best.policy.made_of
    assert told["judge"] == "scores"
    assert told["queries"] == len(known)
    assert told["fixed"] == {"judge": 7, "rewrite": 7, "quality": 1.0,
                             "tokens_per_query": round(found.fixed.tokens, 1)}  # fmt: skip
    # What it promises is what playing it gives, read from its file.
    policy = parse_policy(dump_policy(found.best.policy), "here")
    played = {query: play(policy, each) for query, each in known.items()}
    assert sum(t for _, t in played.values()) / len(played) == pytest.approx(found.best.tokens)


def test_tolerance_buys_fewer_tokens() -> None:
    known = looked()
    grid = Grid(judge=(0, 2, 3, 5, 7), rewrite=(0, 1, 2, 4, 7), tolerance=0.0)
    strict = calibrate(tasks(known), known, grid, name="a", made_of={})
    loose = calibrate(tasks(known), known, replace(grid, tolerance=0.3), name="b", made_of={})
    assert loose.best.tokens < strict.best.tokens
    assert loose.best.quality >= 1 - 0.3 - 1e-9


def test_within_a_price_the_best_is_taken_and_held_against_what_is_as_good() -> None:
    known = looked()
    grid = Grid(judge=(0, 2, 3, 5, 7), rewrite=(0, 1, 2, 4, 7), tolerance=0.0)
    free = calibrate(tasks(known), known, grid, name="x", made_of={})
    most = round(free.best.tokens * 0.7)
    found = calibrate(tasks(known), known, replace(grid, most_tokens=most), name="x", made_of={})
    assert found.best.tokens <= most
    assert found.best.quality <= free.best.quality
    assert found.fixed.quality >= found.best.quality, "the cheapest that is as good"
    assert found.fixed.tokens <= free.fixed.tokens
    dear = replace(grid, judge=(2,), rewrite=(0,), most_tokens=1)
    with pytest.raises(ValidationError, match="with 1 tokens"):
        calibrate(tasks(known), known, dear, name="x", made_of={})


def test_nothing_is_judged_where_judging_helps_nobody() -> None:
    known = looked()
    for_free = [replace(task, qrels={i: {f"{i}-i1": 1} for i in task.ids}) for task in tasks(known)]
    found = calibrate(for_free, known, Grid(), name="free", made_of={})
    assert found.best.tokens == 0
    assert found.saved == 0
    assert len(found.best.policy.bands) == 1


def test_runs_that_did_not_look_at_all_are_refused() -> None:
    judged, rewritten = rows(run(Policy.fixed(DEPTH, 0))), rows(run(Policy.fixed(DEPTH, DEPTH)))
    with pytest.raises(ValidationError, match="was not judged"):
        read_looked(rows(run(Policy.fixed(2, 0))), rewritten)
    with pytest.raises(ValidationError, match="not in both runs"):
        read_looked(judged[1:], rewritten)
    with pytest.raises(ValidationError, match="not the same"):
        read_looked(judged, rewritten[:-1])
    with pytest.raises(ValidationError, match="was not looked at"):
        calibrate(tasks(looked()), {}, Grid(), name="", made_of={})


def test_every_order_is_measured_once_and_rightly() -> None:
    worth = Worth(tasks(looked()))
    right = run(Policy.fixed(DEPTH, DEPTH))[0].order
    wrong = (*right[1:], right[0])
    assert worth({"q0": right}) == {"q0": 1.0}
    assert worth({"q0": wrong}) == {"q0": 0.0}
    assert worth({"q0": right}) == {"q0": 1.0}
