"""Who sees pixels: of candidates, and of queries."""

import asyncio

from tests.cascade.scripted import (
    ByName,
    Pictures,
    Saying,
    asked,
    candidate,
    candidates,
    cascade,
    picture_of,
)
from tte2_ray.cascade import Asked, Candidate, Cascade, Reranked
from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media import DecodedItem
from tte2_ray.prompts import rewrite_text

SCORES = {"q1/1": 0.2, "q1/2": 0.5, "q1/3": 0.9, "q1/4": 0.4, "q1/5": 0.1, "q1/6": 1.0}


def rerank(made: Cascade, found: tuple[Candidate, ...], *, query: Asked | None = None) -> Reranked:
    return asyncio.run(made.rerank(query or asked(), found, None))


def ranks(answer: Reranked) -> list[int]:
    return [judgement.candidate.rank for judgement in answer.judgements]


def test_the_mm_ranker_sees_every_candidate() -> None:
    judge = ByName({"q1/4": 1.0, "q1/2": 0.5})
    made = cascade(judge, mode="media", judge=4, retrieve=4, shown=Pictures(gone=["q1/3"]))
    answer = rerank(made, candidates(4))
    assert ranks(answer) == [4, 2, 3, 1], "the third is gone and keeps its place"
    assert [given.text for _, given in judge.read] == ["title of q1/1", "title of q1/2",
                                                       "title of q1/4"]  # fmt: skip
    assert all(len(given.images) == 1 for _, given in judge.read)
    assert answer.notes == {"refused:judge:not_found": 1}
    # 10 of the query, 60 of the item and 5 around it: four would be 300 tokens.
    assert made.plan(asked(), candidates(4), 299).judge == 3


def test_a_rewriter_may_see_the_candidate() -> None:
    rewriter = Saying(lambda words: "better")
    made = cascade(ByName(SCORES), rewriter, rewrite_sees_media=True, shown=Pictures(["q1/2"]))
    answer = rerank(made, candidates(5))
    assert [len(given.images) for given in rewriter.read] == [1]
    assert rewriter.read[0].text == rewrite_text("q1", "seen. q1/3")
    gone = next(each for each in answer.judgements if each.candidate.rank == 2)
    assert (gone.stage, gone.score, gone.refused) == ("judged", 0.5, "not_found")
    assert answer.notes == {"refused:rewrite:not_found": 1, "rewritten": 1}


def test_a_query_with_media_is_read_through_its_ecr_or_seen() -> None:
    looks = []

    async def see() -> DecodedItem:
        looks.append("decoded")
        return picture_of(candidate(1))

    query = asked(text="greener", ecr="<think>a star</think>find it", has_media=True, see=see)
    read = ByName(SCORES)
    rerank(cascade(read), candidates(2), query=query)
    assert read.read[0][0].text == "q1 greener. a star. find it"
    assert not read.read[0][0].images
    assert not looks
    seeing = ByName(SCORES)
    rerank(cascade(seeing, judge_sees_query=True, instructed=True), candidates(2), query=query)
    assert seeing.read[0][0].text == "Find a picture.\nq1 greener"
    assert len(seeing.read[0][0].images) == 1
    assert looks == ["decoded"], "once for all its candidates"


def test_a_query_whose_media_are_gone_meanwhile_keeps_the_order_of_the_retriever() -> None:
    looks = []

    async def see() -> DecodedItem:
        looks.append("failed")
        raise RowError(RowErrorClass.NOT_FOUND, "gone")

    query = asked(text="greener", ecr="a star", has_media=True, see=see)
    answer = rerank(cascade(ByName(SCORES), judge_sees_query=True), candidates(4), query=query)
    assert [each.candidate.rank for each in answer.judgements] == [1, 2, 3, 4]
    assert (answer.notes, looks) == ({"refused:judge:not_found": 4}, ["failed"])
