"""What could not be read, answered or shown whole is told, and what was mended is run again."""

from pathlib import Path

import pytest
from PIL import Image

from tests.pipelines.rerank.conftest import (
    NARROW,
    ONE_SHARD,
    Configured,
    Left,
    Made,
    letters,
    questions,
    run,
)
from tte2_ray.errors import PartialFailure
from tte2_ray.stages.own_stages import OVERRUN


def test_what_cannot_be_read_or_answered_is_a_dead_letter(
    configured: Configured, tmp_path: Path
) -> None:
    rows = [
        {"query_id": "good", "text": "note about 1"},
        {"query_id": "long", "text": "word " * 200},
        {"query_id": "gone", "image_uri": "nowhere.png"},
        {"query_id": "empty"},
    ]
    short = "reasoner.engine.max_model_len=100"
    loaded = configured(rows, *NARROW, short)
    with pytest.raises(PartialFailure, match=r"3 of 4 queries rejected \(75.0%\)"):
        run(loaded)
    left = Left(loaded, "")
    assert left.results["queries"] == {"in": 4, "distinct": 3, "answered": 1, "degraded": 0,
                                       "rejected": 3}  # fmt: skip
    assert (left.results["outcome"], left.results["exit_code"]) == ("failed", 7)
    found = letters(left, loaded.config.store)
    assert {name: error for name, (error, _) in found.items()} == {
        "long": "context_overflow", "gone": "not_found", "empty": "empty_row",
    }  # fmt: skip
    assert list(left.run()) == ["good"]
    page = left.page()
    assert "context_overflow" in page
    assert "3 of 4 queries rejected" in page

    with pytest.raises(PartialFailure, match=r"1 empty_row.*log\.jsonl:1: neither text nor m"):
        run(configured([{"query_id": "empty"}], *NARROW))


def test_mended_queries_are_run_again_and_good_ones_are_not(
    configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"query_id": "good", "text": "redriven 1"},
            {"query_id": "picture", "image_uri": "late.png"}]  # fmt: skip
    loaded = configured(rows, *NARROW, "failure_budget=0.5", "log.check_files=false", ONE_SHARD)
    first = run(loaded)
    assert first.results["queries"]["rejected"] == 1
    Image.new("RGB", (64, 64), (1, 2, 3)).save(tmp_path / "late.png")
    assert run(loaded).results["queries"]["rejected"] == 1, "what is done is not done again"
    mended = run(loaded, redrive=True)
    assert mended.results["queries"]["rejected"] == 0
    assert mended.results["dead_letters"] == []
    reason = next(phase for phase in mended.results["phases"] if phase["name"] == "reason")
    assert reason["output_tokens"] == 8, "the picture alone is reasoned about"
    kept = {row["query_id"]: row["kept"] > 0 for row in mended.table("ledger")
            if row["stage"] == "query_ecr"}  # fmt: skip
    assert kept == {"good": True, "picture": False}
    assert mended.run()["good"] == first.run()["good"]
    assert "nothing to do" in run(loaded).said


def test_what_was_cut_of_a_query_stands_beside_its_answer(
    made: Made, configured: Configured
) -> None:
    rows = [{"query_id": "long", "text": "cut words " * 10_001}, *questions(1, instruction="Cut.")]
    words = "text 100010 -> 100000 characters"

    def cut(*more: str) -> dict[str, str]:
        left = run(configured(rows, *NARROW, *more))
        return {row["query_id"]: row["cut"] for row in left.table("queries")}

    assert cut() == {"long": words, "q0": ""}
    short = ("index=short", "reasoner.sampling.max_tokens=4")
    made.index(*short)
    assert cut(*short) == {"long": f"{words}; {OVERRUN}", "q0": OVERRUN}
