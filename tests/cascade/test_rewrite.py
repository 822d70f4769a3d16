"""What becomes of a rewrite that is not as it should be; and what names an answer that is kept."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.cascade.scripted import ByName, Pictures, Saying, asked, candidates, cascade
from tte2_ray.cascade import KeptInMemory, Reranked
from tte2_ray.cascade.asking import told
from tte2_ray.cascade.policy import Band, Policy

SCORES = {"q1/1": 0.2, "q1/2": 0.5, "q1/3": 0.9}


def rerank(rewriter: Saying, judge: ByName | None = None, **config: Any) -> Reranked:
    judge = judge or ByName(SCORES | {"clear": 1.0})
    made = cascade(judge, rewriter, rewrite=1, **config)
    return asyncio.run(made.rerank(asked(), candidates(4)))


@pytest.mark.parametrize(
    ("written", "truncated", "note", "rewrite"),
    [
        ("<think>why</think>clear", False, "", "<think>why</think>clear"),
        ("clear", False, "", "clear"),
        ("<think>clear, it is", True, "overrun", "<think>clear</think>clear"),
        ("<think>why</think>clear, but", True, "overrun", "<think>why</think>clear, but"),
        ("<think>clear</think>", False, "no_statement", "<think>clear</think>clear"),
        ("", False, "unparsable", ""),
        ("<think>", True, "unparsable", ""),
        ("<think>clear<think></think>clear <think>", False, "unparsable", ""),
    ],
)
@pytest.mark.parametrize("best_of", ["judge", "retriever"])
def test_a_rewrite_is_closed_or_the_plain_ecr_is_kept(
    written: str, truncated: bool, note: str, rewrite: str, best_of: str
) -> None:
    answer = rerank(Saying(lambda _: written, truncated=truncated), rewrite_best_of=best_of)
    chosen = next(each for each in answer.judgements if each.spent.output)
    assert (chosen.rewrite, chosen.note) == (rewrite, note)
    assert chosen.stage == ("rewritten" if rewrite else "judged")
    plain = SCORES[chosen.candidate.item_id]
    assert chosen.score == (1.0 if rewrite else plain)
    assert answer.notes == {"rewritten": 1} | ({f"rewrite:{note}": 1} if note else {})
    assert answer.ledger["rewrite"].total == 52, "it was written, whatever it is good for"
    assert answer.step == "full"


def test_what_was_closed_is_told_once() -> None:
    judge = ByName(SCORES | {"clear": 1.0})
    rerank(Saying(lambda _: "<think>clear, it is", truncated=True), judge)
    assert judge.read[-1][1].text == "clear"
    assert told("<think>a</think>b") == "a. b"


def test_what_a_rewrite_adds_stands_behind_the_ecr() -> None:
    """Its statement: what was thought is not judged. What it is stored as is what was written."""
    judge = ByName(SCORES | {"clear": 1.0})
    said = "<think>the sign</think>clear"
    answer = rerank(Saying(lambda _: said), judge, rewrite_adds=True)
    chosen = next(each for each in answer.judgements if each.rewrite)
    assert judge.read[-1][1].text == f"{told(chosen.candidate.ecr)}. clear"
    assert chosen.rewrite == said


def test_rewriting_by_steps_ends_where_the_first_was_looked_at() -> None:
    """Each look takes its candidate down, until one confirms what stands first then."""
    read = []

    def said(words: str) -> str:
        read.append(words)
        return "clear" if len(read) == 3 else "nothing of it"

    bands = (Band(least_margin=0.0, judge=4, rewrite=4),)
    stops = Policy(name="steps", bands=bands, rewrite_step=1)
    answer = rerank(Saying(said), ByName(SCORES | {"clear": 1.0, "nothing": 0.0}), policy=stops)
    assert len(read) == 3, "the fourth would have changed no first place"
    assert answer.judgements[0].score == 1.0
    assert answer.wanted_rewrites == 3


def test_the_output_is_bounded() -> None:
    answer = rerank(Saying(lambda _: "clear", output=99), rewrite_max_tokens=17)
    assert answer.ledger["rewrite"].output == 17


def test_a_rewrite_that_is_judged_badly_moves_its_candidate_down() -> None:
    answer = rerank(Saying(lambda _: "nothing of it"))
    assert [each.candidate.rank for each in answer.judgements] == [2, 1, 3, 4]
    assert answer.judgements[2].plain_score == 0.9


def test_equal_requests_are_asked_once() -> None:
    kept = KeptInMemory()
    first = rerank(Saying(lambda _: "clear"), kept=kept)
    judge, rewriter = ByName(SCORES), Saying(lambda _: "never asked")
    again = rerank(rewriter, judge, kept=kept)
    assert (judge.read, rewriter.read) == ([], [])
    assert again.to_rows() == first.to_rows()
    assert again.notes == {"kept:judge": 5, "kept:rewrite": 1, "rewritten": 1}
    assert again.spent == first.spent == again.ledger["judge"].kept + again.ledger["rewrite"].kept


def test_a_kept_answer_above_its_price_is_refused_as_its_engine_would() -> None:
    kept, dear = KeptInMemory(), 99

    def answer(most: int | None, kept: KeptInMemory | None) -> Reranked:
        made = cascade(ByName(SCORES), Saying(lambda _: "clear", cost=dear), kept=kept)
        return asyncio.run(made.rerank(asked(), candidates(4), most))

    assert answer(None, kept).notes["rewritten"] == 2
    fresh, again = answer(1000, None), answer(1000, kept)
    assert fresh.to_rows() == again.to_rows()
    assert again.notes == {"kept:judge": 4, "refused:rewrite:over_price": 2}


@pytest.mark.parametrize("changed", ["instruction", "text", "ecr", "key", "rewrite", "media"])
def test_what_decides_an_answer_names_it(changed: str) -> None:
    kept = KeptInMemory()
    query, found = asked(), candidates(4)
    shown = Pictures()
    asyncio.run(cascade(ByName(SCORES), Saying(lambda _: "clear"), rewrite=1, kept=kept,
                        instructed=True).rerank(query, found))  # fmt: skip
    judge, rewriter = ByName(SCORES), Saying(lambda _: "clear")
    config: dict[str, Any] = {"rewrite": 1, "kept": kept, "instructed": True, "shown": shown}
    if changed == "rewrite":
        rewriter = Saying(lambda _: "other")
        config["rewrite_max_tokens"] = 19
    elif changed == "media":
        config |= {"rewrite_sees_media": True}
    elif changed == "ecr":
        found = tuple(replace(each, ecr=f"{each.ecr} too") for each in found)
    else:
        other: dict[str, Any] = {changed: "more words"}
        query = asked(**other)
    asyncio.run(cascade(judge, rewriter, **config).rerank(query, found))
    assert len(rewriter.read) == 1
    plain = 0 if changed in ("rewrite", "media") else 4
    again = 0 if changed in ("media", "ecr") else 1  # what was written is the same as before
    assert len(judge.read) == plain + again


@pytest.mark.parametrize("best_of", ["judge", "retriever"])
def test_what_has_nothing_more_to_show_is_not_rewritten(best_of: str) -> None:
    texts = tuple(replace(each, visual_tokens=0) for each in candidates(4))
    for sees, rewritten in ((True, 0), (False, 1)):
        made = cascade(ByName(SCORES | {"clear": 1.0}), Saying(lambda _: "clear"), rewrite=1,
                       shown=Pictures(), rewrite_sees_media=sees,
                       rewrite_best_of=best_of)  # fmt: skip
        answer = asyncio.run(made.rerank(asked(), texts))
        assert answer.notes.get("rewritten", 0) == answer.wanted_rewrites == rewritten
        assert answer.step == "full"
        assert len(made.ladder(asked(), texts)) == 3 + rewritten
