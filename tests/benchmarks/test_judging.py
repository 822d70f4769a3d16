"""What judging is measured on, and what is made of it; engines are doubles or fakes."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks import bare_judge, judging, looking
from benchmarks.apart import JudgedRound, RerankedRound, asking_order, judge_apart, pairs_of
from benchmarks.bare import Place
from benchmarks.bare_judge import BareScores, fastest_judge
from benchmarks.pairs import long_retrieved, retrieved
from benchmarks.prefixes import BLOCKS, MOST_APART, PARTS, POOLS, Pool, compared
from tools.worlds import find_world, read_items
from tte2_ray.cascade import CascadeConfig
from tte2_ray.cascade.many import Retrieved
from tte2_ray.ecr import plain
from tte2_ray.engines import EngineConfig, JudgeConfig, Judged
from tte2_ray.engines.tokens import TokenCounter
from tte2_ray.prompts import judge_text

FAKE = JudgeConfig(engine=EngineConfig(kind="fake"))
CONFIG = CascadeConfig(retrieve=4, judge=4, rewrite=0)


def test_no_two_queries_share_a_candidate_and_none_is_left_without() -> None:
    found = retrieved(20, 7)
    again = retrieved(20, 7)
    assert [candidates for _, candidates in again] == [candidates for _, candidates in found]
    assert len({asked.query_id for asked, _ in found}) == 20
    named = [c.item_id for _, candidates in found for c in candidates]
    assert len(set(named)) == len(named) == 20 * 7
    assert all(c.ecr for _, candidates in found for c in candidates)


def test_long_candidates_are_shared_and_fit_with_their_query() -> None:
    counter = TokenCounter("mini:reasoner")
    for pool in POOLS:
        found = long_retrieved(pool.queries, pool.among, 8, PARTS, "a")
        named = {c.item_id: c.ecr for _, candidates in found for c in candidates}
        assert len(named) <= pool.among < pool.queries * 8 / 3, "each is asked about often"
        for asked, candidate in pairs_of(found)[:40]:
            text = judge_text(asked.words(), plain(candidate.ecr))
            assert 300 < counter._text_tokens(text) < 900
    other = long_retrieved(4, 8, 4, PARTS, "b")
    assert not {c.ecr for _, cs in other for c in cs} & set(named.values())


def test_one_pool_fits_into_the_cache_and_the_other_does_not_by_far() -> None:
    counter, blocks = TokenCounter("mini:reasoner"), {}
    for pool in POOLS:
        found = long_retrieved(pool.queries, pool.among, 8, PARTS, "a")
        ecrs = {c.item_id: c.ecr for _, cs in found for c in cs}
        blocks[pool.words] = sum(counter._text_tokens(plain(e)) // 128 for e in ecrs.values())
    many, few = blocks.values()
    assert few < BLOCKS / 1.5 < BLOCKS * 2 < many


def test_pairs_of_a_candidate_stand_together_or_those_of_a_query() -> None:
    found = long_retrieved(6, 5, 3, 2, "a")
    pairs = pairs_of(found)
    assert asking_order(found, by_candidate=False) == list(range(18))
    names = [pairs[i][1].item_id for i in asking_order(found, by_candidate=True)]
    assert names == sorted(names)
    assert len(set(names)) < 18


def test_a_judge_apart_answers_as_the_cascade_does() -> None:
    found = retrieved(3, 4)
    with judge_apart(FAKE) as apart:
        whole = apart.rerank(found, CONFIG)
        both = [apart.judge(found, by_candidate=each) for each in (True, False)]
    assert [len(answer.judgements) for answer in whole.reranked] == [4, 4, 4]
    scores = [round(each.score, 5) for each in both[0].judged]
    assert scores == [round(each.score, 5) for each in both[1].judged] == whole.scores
    assert whole.seconds > 0 < both[0].seconds


class Sides:
    """A double of both sides: they take as long as they are told to, and score alike."""

    def __init__(self, seconds: float, score: float = 0.5) -> None:
        self.seconds, self.score = seconds, score
        self.rounds: list[int] = []

    def rerank(self, found: Sequence[Retrieved], config: CascadeConfig) -> Any:
        self.rounds.append(len(found))
        return _Scored(seconds=self.seconds, scores=[self.score] * len(pairs_of(found)))

    def classify(self, found: Sequence[Retrieved], *, tokens: bool) -> BareScores:
        return BareScores(seconds=self.seconds, scores=(self.score,) * len(pairs_of(found)))


class _Scored(RerankedRound):
    def __init__(self, seconds: float, scores: list[float]) -> None:
        self.__dict__.update(seconds=seconds, told=scores)

    @property
    def scores(self) -> list[float]:
        return list(self.__dict__["told"])


@pytest.mark.parametrize(("score", "holds"), [(0.5, True), (0.6, False), (math.nan, False)])
def test_a_ratio_counts_only_where_both_sides_judged_alike(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, score: float, holds: bool
) -> None:
    ours, bare = Sides(2.0, score), Sides(1.0)
    monkeypatch.setattr(judging, "judge_apart", lambda config: _context(ours))
    monkeypatch.setattr(judging, "fastest_judge", lambda *_: _context((bare, True, [])))
    monkeypatch.setattr(judging, "looking", lambda *_: [])
    ratio, mine, theirs, apart = judging.judging(tmp_path, FAKE, queries=4, rounds=2)
    assert (ratio.value, ratio.holds, apart.holds) == (0.5, False, holds)
    assert (mine.value, theirs.value) == (4 * 20 / 2.0, 4 * 20 / 1.0)
    assert ours.rounds == [4, 4, 4], "a warm round and two others"


@contextmanager
def _context(value: Any) -> Iterator[Any]:
    yield value


def test_the_peer_is_the_fastest_of_four_ways_and_stays_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = {(Place.WITHIN, False): 4.0, (Place.WITHIN, True): 3.0,
               (Place.APART, False): 1.0, (Place.APART, True): 2.0}  # fmt: skip
    opened: list[Place] = []

    class Timed:
        def __init__(self, place: Place) -> None:
            self.place = place

        def classify(self, found: Sequence[Retrieved], *, tokens: bool) -> BareScores:
            return BareScores(seconds=seconds[self.place, tokens], scores=())

    @contextmanager
    def start(config: JudgeConfig, place: Place) -> Iterator[Timed]:
        opened.append(place)
        yield Timed(place)
        opened.remove(place)

    monkeypatch.setattr(bare_judge, "bare_judge", start)
    some = retrieved(2, 3)
    with fastest_judge(FAKE, some, some) as (judge, tokens, rows):
        assert isinstance(judge, Timed)
        assert (judge.place, tokens, opened) == (Place.APART, False, [Place.APART])
        assert [row.value for row in rows] == [6 / spent for spent in seconds.values()]


class Cached:
    """A double of a judge with a prefix cache: half as long where pairs of a candidate meet."""

    def __init__(self, apart: float = 0.0) -> None:
        self.apart = apart

    def judge(self, found: Sequence[Retrieved], *, by_candidate: bool) -> JudgedRound:
        score, cached = (0.5 + self.apart, 300) if by_candidate else (0.5, 100)
        one = Judged(score=score, prompt_tokens=400, visual_tokens=0, cached_tokens=cached)
        return JudgedRound(
            seconds=1.0 if by_candidate else 2.0, judged=(one,) * len(pairs_of(found))
        )


def test_what_the_cache_saves_is_told_with_how_often_it_hit() -> None:
    pool = Pool("all of them", queries=4, among=16)
    gain, hits, other, *_, tokens, same = compared(Cached(), pool, rounds=2)  # type: ignore[arg-type]
    assert (gain.value, gain.target, gain.n) == (2.0, "", 2)
    assert (hits.value, other.value, tokens.value) == (0.75, 0.25, 400)
    assert same.holds
    assert not compared(Cached(2 * MOST_APART), pool, 2)[-1].holds  # type: ignore[arg-type]


def test_looking_costs_what_the_engine_counted_and_none_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, _ = find_world(tmp_path, 20_260_101, "test", 1)
    monkeypatch.setattr(looking, "find_items", lambda rows: (read_items(world), world))
    with judge_apart(FAKE) as apart:
        rows = {row.name: row.value for row in looking.looking(apart, tmp_path / "job", queries=1)}
        for what in looking.TASKS:
            ecrr, ranker, visual = (rows[f"{name}, {looking.CANDIDATES} {what}"] for name in (
                "tokens of a query, ECRR", "tokens of a query, MM Ranker",
                "visual tokens of a query, MM Ranker"))  # fmt: skip
            share = rows[f"tokens of ECRR / of the MM Ranker, {looking.CANDIDATES} {what}"]
            assert share == pytest.approx(ecrr / ranker)
            assert visual >= 36 * looking.CANDIDATES
        gone = [next(i for i in read_items(world) if i.item_id.startswith("video_retrieval"))]
        Path(gone[0].video_uri.removeprefix("file://")).unlink()
        with pytest.raises(ValueError, match=r"20 pairs, 1\d answers"):
            looking.looking(apart, tmp_path / "job", queries=1)
