"""Where tokens went, as rows; what queries and candidates are made of."""

import math
from dataclasses import replace

from PIL import Image

from tests.cascade.scripted import candidate, candidates
from tte2_ray.cascade import CANDIDATE_FIELDS, Asked, Judgement, Ledger, Query, Spent
from tte2_ray.cascade.ledger import STAGES
from tte2_ray.cascade.order import leaders, ordered
from tte2_ray.cascade.query import SeenQuery
from tte2_ray.engines import Embedded, ModelInput, Reasoned
from tte2_ray.milvus.searcher import STORED_FIELDS
from tte2_ray.schema import Item


def test_spending_adds_up_by_kind() -> None:
    one = Spent.on(prompt_tokens=50, visual_tokens=36, output_tokens=4, cached_tokens=32)
    two = Spent.on(prompt_tokens=10, visual_tokens=0, kept=True)
    both = one + two
    assert both == Spent(prompt_text=24, prompt_visual=36, output=4, cached=32, kept=10, requests=2)
    assert both.total == 64


def test_a_ledger_tells_reranking_from_the_querys_own() -> None:
    ledger = Ledger(by_stage={
        "query_ecr": Spent(prompt_text=1), "query_embedding": Spent(prompt_text=20),
        "rewrite": Spent(output=300), "judge": Spent(prompt_visual=4000),
    })  # fmt: skip
    assert (ledger.reranking, ledger.total) == (4300, 4321)
    twice = ledger + Ledger(by_stage={"judge": Spent(prompt_text=5)})
    assert twice["judge"] == Spent(prompt_text=5, prompt_visual=4000)
    assert twice.reranking == 4305


def test_a_ledger_has_a_row_for_every_stage() -> None:
    rows = Ledger(by_stage={"judge": Spent(prompt_text=7, cached=2, requests=1)}).to_rows("q7")
    assert [row["stage"] for row in rows] == list(STAGES)
    assert rows[-1] == {
        "query_id": "q7", "stage": "judge", "prompt_text": 7, "prompt_visual": 0, "output": 0,
        "cached": 2, "kept": 0, "requests": 1,
    }  # fmt: skip


def test_a_query_is_asked_with_what_it_cost() -> None:
    query = Query(instruction="Find it.", given=Item(item_id="q9", text="a star"))
    seen = SeenQuery(given=ModelInput(text="Find it.\na star"), content_key="c")
    said = Reasoned(text="<think>a</think>b", truncated=False, prompt_tokens=30, visual_tokens=0,
                    output_tokens=8, cached_tokens=16)  # fmt: skip
    made = Asked.of(query, seen, said, Embedded(vector=[1.0], prompt_tokens=40, visual_tokens=0),
                    key="k")  # fmt: skip
    assert (made.query_id, made.has_media, made.words_tokens) == ("q9", False, 30)
    counted = Asked.of(query, seen, said, key="k", words_tokens=3)
    assert (counted.words_tokens, counted.embedding_spent.total) == (3, 0)
    shown = replace(seen, given=replace(seen.given, images=[Image.new("RGB", (8, 8))]))
    assert Asked.of(query, shown, said, key="k").words_tokens == 38, "its ECR is read as well"
    assert made.ecr_spent == Spent(prompt_text=30, output=8, cached=16, requests=1)
    assert made.embedding_spent.total == 40
    assert (made.words(), made.words(instructed=True)) == ("a star", "Find it.\na star")


def test_candidates_are_made_of_stored_fields() -> None:
    assert set(CANDIDATE_FIELDS) <= set(STORED_FIELDS)


def test_a_row_of_the_judgement_table_says_what_is_missing() -> None:
    row = Judgement(candidate=candidate(3)).to_row("q1", 7)
    assert (row["stage"], row["rank"], row["place"], row["item_id"]) == ("retrieved", 3, 7, "q1/3")
    assert all(math.isnan(row[name]) for name in ("plain_score", "score", "final_score"))
    assert None not in row.values()


def judged(*scores: float | None, refused: tuple[int, ...] = ()) -> list[Judgement]:
    return [
        Judgement(candidate=found, score=score, final_score=score or 0.0,
                  refused="over_price" if found.rank in refused else "")
        for found, score in zip(candidates(len(scores)), scores, strict=True)
    ]  # fmt: skip


def test_the_refused_keep_their_places_together() -> None:
    order = ordered(judged(None, None, 0.1, 0.9, None, refused=(1, 2, 5)))
    assert [each.candidate.rank for each in order] == [1, 2, 4, 3, 5]
    order = ordered(judged(0.5, 0.6, 0.7, refused=(2,)))
    assert [each.candidate.rank for each in order] == [3, 2, 1], "judged all the same"


def test_leaders_are_near_the_best() -> None:
    found = judged(0.1, 0.9, 0.7, None, 0.8)
    assert leaders(found, 2, 2.0) == [1, 4]
    assert leaders(found, 9, 0.15) == [1, 4]
    assert leaders(found, 9, 0.05) == []
    assert leaders(found, 0, 2.0) == leaders(judged(None, None), 2, 2.0) == []
