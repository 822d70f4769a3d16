"""What is asked of a run of the real corpus: each check can fail, and says which."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tools.real_corpus.checks import Run, corpus_rows, read_run, run_rows
from tools.real_corpus.corpus import Corpus
from tools.real_corpus.entries import KINDS
from tools.real_corpus.known import known_classes
from tools.shown import ROOT, Row
from tte2_ray.artifacts.dead_letters import DeadLetter
from tte2_ray.pipelines.index.config import IndexConfig

NOTE = "What is written here is no quality."


def ran(**changes: object) -> Run:
    letter = DeadLetter(item_id="b", shard="s", stage="decode", error_class="too_large",
                        message="it is too large", row="{}")  # fmt: skip
    results = {
        "rows": {"in": 40, "indexed": 39, "unchanged": 0, "rejected": 1},
        "checks": {"self_recall": 1.0, "sampled_rows": 20},
        "live": True,
        "phases": [{"name": "reason", "rows": 40, "seconds": 8.0}],
    }
    values = {"status": 0, "seconds": 9.0, "results": results, "page": f"<p>{NOTE}</p>",
              "letters": (letter,)} | changes  # fmt: skip
    return Run(**values)  # type: ignore[arg-type]


def failing(run: Run, known: Mapping[str, str]) -> list[str]:
    ids = ["b", *(str(n) for n in range(39))]
    rows = run_rows(run, ids, known, NOTE, budget=0.05)
    return [row.name for row in rows if not row.holds]


def test_a_run_that_is_closed_and_explained_holds() -> None:
    assert failing(ran(), {"b": "too_large", "of a source that was left out": "encrypted"}) == []


def test_an_ecr_that_was_not_written_is_no_surprise() -> None:
    letter = replace(ran().letters[0], stage="reason", error_class="empty_ecr")
    assert failing(ran(letters=(letter,)), {}) == []


@pytest.mark.parametrize("stage", ["reason", "embed"])
@pytest.mark.parametrize("refusal", ["engine_rejected", "context_overflow", "content_changed"])
def test_a_row_that_an_engine_refused_is_one(stage: str, refusal: str) -> None:
    letter = replace(ran().letters[0], stage=stage, error_class=refusal)
    assert failing(ran(letters=(letter,)), {}) == ["rejected rows unlike the known ones"]


def counted(**changes: int) -> dict[str, object]:
    results = dict(ran().results)
    return results | {"rows": results["rows"] | changes}


@pytest.mark.parametrize(
    ("run", "known", "names"),
    [
        (ran(results=counted(indexed=38)), "too_large", ["rows in - indexed"]),
        (ran(), "corrupt_media", ["rejected rows unlike"]),
        (ran(letters=()), "too_large", ["rejected rows without class", "rejected rows unlike"]),
        (ran(letters=(replace(ran().letters[0], message=" "),)), "too_large",
         ["rejected rows without class"]),
        (ran(letters=(replace(ran().letters[0], error_class="?"),)), "?",
         ["rejected rows without class"]),
        (ran(results=counted(indexed=36, rejected=4), letters=ran().letters * 4), "too_large",
         ["rejected share"]),
        (ran(page=""), "too_large", ["page says"]),
        (ran(status=7), "too_large", ["exit status"]),
        (ran(results={}, status=6), "too_large", ["exit status"]),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_named(run: Run, known: str, names: list[str]) -> None:
    found = failing(run, {"b": known})
    assert len(found) == len(names)
    assert all(name.startswith(start) for name, start in zip(found, names, strict=True))


def test_a_run_that_failed_before_it_counted_rows_has_no_results(tmp_path: Path) -> None:
    config = IndexConfig(report_dir="report")
    (tmp_path / "report").mkdir()
    told = {"index": "i", "outcome": "failed", "exit_code": 6, "message": "workers died"}
    (tmp_path / "report" / "results.json").write_text(json.dumps(told))
    run = read_run(config, tmp_path, status=6, seconds=1.0)
    assert (run.results, run.page, run.letters) == ({}, "", ())
    assert failing(run, {}) == ["exit status of the job"]


def test_two_thousand_items_and_some_of_each_kind_are_asked_for(tmp_path: Path) -> None:
    def holding(**kinds: int) -> list[Row]:
        corpus = Corpus(manifest=tmp_path)
        corpus.kinds.update({name.replace("_", " "): count for name, count in kinds.items()})
        return [row for row in corpus_rows(corpus) if not row.holds]

    assert holding(picture=1900, photograph=1, clip=1, pdf_page=100) == []
    short = holding(picture=1898, photograph=1, clip=0, pdf_page=99)
    assert [row.name for row in short] == ["items fetched", "clips fetched", "pdf pages fetched"]


def test_what_is_known_to_be_rejected_is_told_in_the_documentation() -> None:
    told = (ROOT / "docs" / "real-corpus.md").read_text()
    missing = [item_id for item_id in known_classes() if f"`{item_id}`" not in told]
    assert missing == []
    assert all(kind in told for kind in KINDS)
