"""The rerank job on fake engines, a real store and a real Milvus Lite; Ray is left out."""

import math
from pathlib import Path

import pytest

from tests.pipelines.rerank.conftest import NARROW, Configured, Made, letters, questions, run
from tte2_ray.artifacts.store import open_store
from tte2_ray.cascade.ledger import RERANKING
from tte2_ray.stages import rerank as stage


def no_engine(*_: object) -> None:
    """A double of a function that starts an engine."""
    raise AssertionError("an engine was started, though every answer is kept")


def test_a_log_becomes_a_run_with_all_that_stands_behind_it(configured: Configured) -> None:
    loaded = configured(questions(6), *NARROW)
    left = run(loaded)
    rows = {"in": 6, "distinct": 6, "answered": 6, "degraded": 0, "rejected": 0}
    assert left.results["queries"] == rows
    assert left.results["steps"] == {"full": 6}
    assert (left.results["outcome"], left.results["exit_code"]) == ("done", 0)
    orders = left.run()
    assert list(orders) == [f"q{n}" for n in range(6)]
    assert all(len(set(order)) == 6 for order in orders.values())

    judgements = left.table("judgements")
    assert [row["item_id"] for row in judgements if row["query_id"] == "q3"] == orders["q3"]
    for query_id in orders:
        of_query = [row for row in judgements if row["query_id"] == query_id]
        assert sum(row["stage"] == "retrieved" for row in of_query) == 2
        assert sum(row["stage"] == "rewritten" for row in of_query) == 2
        assert all(bool(row["rewrite"]) == (row["stage"] == "rewritten") for row in of_query)
        assert all(math.isnan(row["score"]) == (row["stage"] == "retrieved") for row in of_query)
        assert all(len(row["ecr_key"]) == 64 and row["shard"] for row in of_query)
        assert {row["judge"] for row in of_query} == {left.results["versions"]["judge"]}

    ledger = left.table("ledger")
    assert [row["stage"] for row in ledger[:4]] == ["query_ecr", "query_embedding", "rewrite",
                                                   "judge"]  # fmt: skip
    spent = {row["query_id"]: row["spent"] for row in left.table("queries")}
    for query_id, tokens in spent.items():
        of_query = [r for r in ledger if r["query_id"] == query_id]
        judged = sum(r["prompt_text"] + r["prompt_visual"] + r["output"] for r in of_query[2:])
        assert judged == tokens > 0
    assert left.results["budget"] == {"kind": "none", "tokens": None, "spent": sum(spent.values()),
                                      "allowed": None}  # fmt: skip
    kept = open_store(loaded.config.store)
    folder = Path(loaded.config.report_dir)
    names = [key.rpartition("/")[2] for key, _ in kept.list(f"runs/{left.results['run']}")]
    assert sorted(names) == sorted(path.name for path in folder.iterdir())
    assert kept.get(f"runs/{left.results['run']}/run.trec") == (folder / "run.trec").read_bytes()


def test_equal_queries_are_asked_once_and_fanned_out(configured: Configured) -> None:
    rows = [*questions(2), {"query_id": "again", "text": "note about 1", "count": 9},
            {"query_id": "task", "text": "note about 1", "instruction": "Find it."}]  # fmt: skip
    left = run(configured(rows, *NARROW))
    assert left.results["queries"]["in"] == 4
    assert left.results["queries"]["distinct"] == 3
    orders = left.run()
    assert orders["again"] == orders["q1"]
    asked = {row["query_id"]: row for row in left.table("queries")}
    assert {name: row["asked_as"] for name, row in asked.items()} == {
        "q0": "q0", "q1": "q1", "again": "q1", "task": "task",
    }  # fmt: skip
    assert asked["again"]["count"] == 9
    assert {row["query_id"] for row in left.table("judgements")} == {"q0", "q1", "task"}
    reason = next(phase for phase in left.results["phases"] if phase["name"] == "reason")
    assert reason["rows"] == 3


def test_a_query_is_answered_from_its_own_candidates(configured: Configured) -> None:
    rows = [
        {"query_id": "own", "text": "note", "candidates": ["i7", "i3"]},
        {"query_id": "some", "text": "note", "candidates": ["nowhere", "i3", "i4"]},
        {"query_id": "none", "text": "note", "candidates": ["nowhere", "elsewhere"]},
    ]
    loaded = configured(rows, *NARROW, "failure_budget=0.5")
    left = run(loaded)
    assert {query: set(order) for query, order in left.run().items()} == {
        "own": {"i7", "i3"}, "some": {"i3", "i4"},
    }  # fmt: skip
    outcomes = {row["query_id"]: row for row in left.table("queries")}
    assert {n: row["outcome"] for n, row in outcomes.items()} == {
        "own": "answered", "some": "degraded", "none": "rejected",
    }  # fmt: skip
    assert outcomes["some"]["missing"] == 1
    assert '"missing_candidates": ["nowhere"]' in outcomes["some"]["notes"]
    message = "none of its 2 candidates is in the index: nowhere, elsewhere"
    assert letters(left, loaded.config.store) == {"none": ("not_found", message)}
    assert left.results["missing_candidates"] == 1


def test_a_first_stage_run_replaces_retrieval_and_no_vector_is_made(
    configured: Configured, tmp_path: Path
) -> None:
    first = tmp_path / "bm25.trec"
    first.write_text("q0 Q0 i5 1 9.5 b\nq0 Q0 i2 2 8.5 b\nq0 Q0 gone 3 1 b\nq1 Q0 i1 1 3 b\n")
    loaded = configured(questions(3), *NARROW, f"log.run={first}", "failure_budget=0.5")
    left = run(loaded)
    assert [phase["name"] for phase in left.results["phases"]] == ["reason", "rerank"]
    judgements = left.table("judgements")
    assert {(row["query_id"], row["item_id"], row["rank"], row["retriever_score"])
            for row in judgements} == {("q0", "i5", 1, 9.5), ("q0", "i2", 2, 8.5),
                                       ("q1", "i1", 1, 3.0)}  # fmt: skip
    outcomes = {row["query_id"]: row["outcome"] for row in left.table("queries")}
    assert outcomes == {"q0": "degraded", "q1": "answered"}
    assert left.results["queries"]["rejected"] == 1, "the run does not know q2"
    assert all(row["requests"] == 0 for row in left.table("ledger")
               if row["stage"] == "query_embedding")  # fmt: skip
    untouched = run(configured(None, *NARROW, f"log.run={first}", "failure_budget=0.5",
                               "budget.tokens_per_query=0"))  # fmt: skip
    assert untouched.run()["q0"] == ["i5", "i2"]


def test_items_that_the_index_has_not_take_no_place_of_a_first_stage_run(
    configured: Configured, tmp_path: Path
) -> None:
    def lines(query: str, gone: int) -> str:
        items = [f"gone{n}" for n in range(gone)] + ["i5", "i2", "i7"]
        return "".join(f"{query} Q0 {item} {n} {9 - n} b\n" for n, item in enumerate(items))

    first = tmp_path / "bm25.trec"
    first.write_text(lines("q0", 0) + lines("q1", 3) + lines("q2", 7) + lines("q3", 8))
    two = ("cascade.retrieve=2", "cascade.judge=0", "cascade.rewrite=0")
    left = run(configured(questions(4), f"log.run={first}", "failure_budget=0.5", *two))
    orders = {"q0": ["i5", "i2"], "q1": ["i5", "i2"], "q2": ["i5"]}
    assert left.run() == orders, "of each query four times as many as are retrieved are looked up"
    queries = {row["query_id"]: (row["outcome"], row["missing"]) for row in left.table("queries")}
    assert queries == {"q0": ("answered", 0), "q1": ("degraded", 3), "q2": ("degraded", 7),
                       "q3": ("rejected", 0)}  # fmt: skip


@pytest.mark.parametrize("budget", ["tokens_per_query", "mean_tokens_per_query"])
def test_no_budget_is_exceeded_and_other_budgets_replay_without_engines(
    configured: Configured, monkeypatch: pytest.MonkeyPatch, budget: str
) -> None:
    # Words that no other test asks: nothing is kept of them.
    asked = [{"query_id": f"q{n}", "text": f"{budget} {n}"} for n in range(6)]
    everything = run(configured(asked, *NARROW))
    assert not any(row["kept"] for row in everything.table("ledger")), "all was made for this run"
    assert {row["allowed"] for row in everything.table("queries")} == {-1}
    for engine in ("build_judge", "build_reasoner"):
        monkeypatch.setattr(stage, engine, no_engine)
    before = 0
    for tokens in (0, 60, 120, 200, 10_000):
        left = run(configured(None, *NARROW, f"budget.{budget}={tokens}"))
        spent = [row["spent"] for row in left.table("queries")]
        assert sum(spent) <= tokens * len(spent)
        assert budget != "tokens_per_query" or max(spent) <= tokens
        assert before <= sum(spent)
        before = sum(spent)
        assert left.results["budget"]["allowed"] == tokens * 6
        allowed = [row["allowed"] for row in left.table("queries")]
        assert all(0 <= most <= given for most, given in zip(spent, allowed, strict=True))
        assert budget == "mean_tokens_per_query" or set(allowed) == {tokens}
        rerank = left.results["phases"][-1]
        assert (rerank["name"], rerank["prompt_tokens"]) == ("rerank", 0)
        if not tokens:
            assert left.results["steps"] == {"retrieval_order": 6}
            assert left.results["queries"]["degraded"] == 6
    assert left.run() == everything.run()
    ledger = left.table("ledger")
    kept = sum(row["kept"] for row in ledger if row["stage"] in RERANKING)
    assert kept == before == everything.results["budget"]["spent"]
    assert left.results["kept"] == {"rewrites": 12, "judgements": 36}
    own = [row for row in ledger if row["stage"] not in RERANKING]
    assert all(row["kept"] == row["prompt_text"] + row["output"] > 0 for row in own)


def test_the_same_command_again_does_nothing_and_says_so(configured: Configured) -> None:
    asked = questions(5, instruction="twice")
    first = run(configured(asked, *NARROW))
    again = run(configured(asked, *NARROW))
    assert "nothing to do" in again.said
    assert again.results["phases"] == []
    assert again.run() == first.run()
    assert again.table("ledger") == first.table("ledger")


def test_a_direct_embedding_pays_for_no_ecr(made: Made, configured: Configured) -> None:
    direct = ("index=direct", "embedder.reads_ecr=false")
    made.index(*direct)
    nothing_judged = ("cascade.judge=0", "cascade.rewrite=0")
    left = run(configured(questions(5), *direct, *nothing_judged))
    assert [phase["name"] for phase in left.results["phases"]] == ["look", "embed", "rerank"]
    spent = {row["stage"]: row["prompt_text"] for row in left.table("ledger")}
    assert spent["query_ecr"] == spent["judge"] == 0
    assert spent["query_embedding"] > 0
    assert left.results["steps"] == {"full": 5}
    assert left.results["queries"]["answered"] == 5


def test_a_judge_that_sees_candidates_costs_their_pixels(configured: Configured) -> None:
    media = ("cascade.mode=media", "cascade.retrieve=12", "cascade.judge=12", "cascade.rewrite=0")
    left = run(configured(questions(3), *media))
    judgements = left.table("judgements")
    assert {row["stage"] for row in judgements} == {"judged"}
    seen = {row["item_id"] for row in judgements if row["visual_tokens"]}
    assert seen == {"i0", "i3", "i6", "i9"}
    assert left.results["spent"]["judge"]["prompt_visual"] == 3 * 4 * 36


def test_a_rewriter_that_sees_candidates_sees_those_that_have_pixels(
    configured: Configured,
) -> None:
    all_of_them = ("cascade.retrieve=12", "cascade.judge=12", "cascade.rewrite=12")
    left = run(configured(questions(2), *all_of_them))
    rewritten = {row["item_id"] for row in left.table("judgements") if row["rewrite"]}
    assert rewritten == {"i0", "i3", "i6", "i9"}
    assert left.results["spent"]["rewrite"]["prompt_visual"] == 2 * 4 * 36


def test_ids_with_blanks_stand_encoded_in_the_run_and_as_they_are_in_tables(
    configured: Configured,
) -> None:
    rows = [{"query_id": name, "text": f"note about {name}"} for name in ("a b", "a%20b", "50%")]
    left = run(configured(rows, *NARROW))
    assert list(left.run()) == ["a%20b", "a%2520b", "50%"], "no two ids stand as one"
    assert {row["query_id"] for row in left.table("judgements")} == {"a b", "a%20b", "50%"}
