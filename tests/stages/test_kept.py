"""Answers that are kept by the shard of queries that asked for them."""

import math
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from tte2_ray.artifacts.generations import next_generation
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.artifacts.tables import write_table
from tte2_ray.engines import Judged, Reasoned
from tte2_ray.schema import kept_schema
from tte2_ray.stages.kept import KeptAnswers

SHARD = Shard(name="ab12", key="k", rows=2, rejected=0)
SCORE = Judged(score=0.123456789, prompt_tokens=40, visual_tokens=36, cached_tokens=16)
COUNTS = {f"{name}_tokens": 1 for name in ("prompt", "visual", "output", "cached")}
BROKEN = {"key": "nan", "stage": "judge", "score": math.nan, "text": "", "truncated": False}
REWRITE = Reasoned(text="<think>a</think>b ☆", truncated=True, prompt_tokens=50, visual_tokens=0,
                   output_tokens=9, cached_tokens=3)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path))


def test_answers_come_back_as_they_were_given(store: Store) -> None:
    first = KeptAnswers(store, SHARD)
    assert first.judged("j") is None
    first.keep_judged("j", SCORE)
    first.keep_rewritten("r", REWRITE)
    assert first.served == (SCORE, REWRITE)
    first.write("run1")
    second = KeptAnswers(store, SHARD)
    assert (second.judged("j"), second.rewritten("r")) == (SCORE, REWRITE)
    assert second.judged("r") is None
    assert second.served == ()


def test_every_run_adds_a_file_and_one_without_news_adds_none(store: Store) -> None:
    for name, key in (("run1", "a"), ("run2", "b")):
        kept = KeptAnswers(store, SHARD)
        kept.keep_judged(key, replace(SCORE, score=len(name) / 10))
        kept.write(name)
    KeptAnswers(store, SHARD).write("run3")
    assert [key.split(".")[0] for key, _ in store.list("kept")] == ["kept/ab12/run1",
                                                                   "kept/ab12/run2"]  # fmt: skip
    assert KeptAnswers(store, SHARD).judged("b") is not None
    assert KeptAnswers(store, replace(SHARD, name="other")).judged("b") is None


def test_a_redriven_shard_has_what_its_first_generation_was_answered(store: Store) -> None:
    first = KeptAnswers(store, SHARD)
    first.keep_judged("j", SCORE)
    first.write("run1")
    again = KeptAnswers(store, replace(SHARD, name=next_generation(SHARD.name)))
    assert again.judged("j") == SCORE
    again.keep_judged("k", SCORE)
    again.write("run1")
    assert KeptAnswers(store, SHARD).judged("k") == SCORE


def test_what_another_attempt_was_answered_is_kept_beside_the_first(store: Store) -> None:
    """The first died behind this file: what it did not ask for, the second is answered."""
    for key in ("a", "b"):
        kept = KeptAnswers(store, SHARD)
        kept.keep_judged(key, SCORE)
        kept.write("run1")
    third = KeptAnswers(store, SHARD)
    assert (third.judged("a"), third.judged("b")) == (SCORE, SCORE)


def test_of_two_attempts_that_asked_the_same_the_first_to_write_counts(store: Store) -> None:
    attempts = [KeptAnswers(store, SHARD) for _ in range(4)]
    for number, kept in enumerate(attempts):
        kept.keep_judged("j", replace(SCORE, score=number / 10))
        kept.write("run1")
    assert KeptAnswers(store, SHARD).judged("j") == replace(SCORE, score=0.0)


def test_what_is_no_score_was_served_and_is_asked_for_again(store: Store) -> None:
    kept = KeptAnswers(store, SHARD)
    kept.keep_judged("nan", replace(SCORE, score=math.nan))
    assert (len(kept.served), kept.judged("nan") is None) == (1, False), "twins share it"
    kept.write("run1")
    assert not list(store.list("kept"))
    before = pa.Table.from_pylist([BROKEN | COUNTS], kept_schema())
    write_table(store, "kept/ab12/of_an_earlier_version.parquet", before)
    assert KeptAnswers(store, SHARD).judged("nan") is None
