"""What verification finds in a loaded collection, on a real server."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.milvus.conftest import DIMENSION, row, rows
from tte2_ray.errors import ConfigError, ValidationError
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.verify import VerifyConfig, verify
from tte2_ray.milvus.writer import Writer, seal


def test_a_good_collection_passes_with_and_without_the_vector_table(
    client: Any, config: MilvusConfig, collection: str
) -> None:
    loaded = rows(1500)
    Writer(config, collection, dimension=DIMENSION).write(loaded)
    seal(client, config, collection)
    searcher = Searcher(config)
    table = {item.item_id: item.vector for item in loaded[::10]}
    for sample in (None, table):
        report = verify(
            searcher, collection, expected_rows=1500, config=VerifyConfig(), sample=sample
        )
        assert report.passed, report.problems
        assert report.self_recall >= 0.99
        assert 100 <= report.sampled_rows <= 200
        report.require_passed()


def test_a_lost_row_is_found(config: MilvusConfig, collection: str) -> None:
    Writer(config, collection, dimension=DIMENSION).write(rows(99))
    report = verify(Searcher(config), collection, expected_rows=100, config=VerifyConfig())
    assert not report.passed
    with pytest.raises(ValidationError, match="holds 99 rows, 100 were loaded"):
        report.require_passed()


def test_vectors_under_the_wrong_ids_are_found(config: MilvusConfig, collection: str) -> None:
    loaded = rows(100)
    Writer(config, collection, dimension=DIMENSION).write(loaded)
    shifted = {a.item_id: b.vector for a, b in pairwise(loaded)}
    report = verify(
        Searcher(config), collection, expected_rows=100, config=VerifyConfig(), sample=shifted
    )
    assert report.self_recall == 0.0
    assert not report.passed


def test_duplicated_items_tie_and_pass_but_collapsed_vectors_do_not(
    config: MilvusConfig, collection: str
) -> None:
    loaded = rows(50)
    twins = [row(f"twin-{n}", item.vector) for n, item in enumerate(loaded[:10])]
    writer = Writer(config, collection, dimension=DIMENSION)
    writer.write([*loaded, *twins])
    searcher = Searcher(config)
    report = verify(searcher, collection, expected_rows=60, config=VerifyConfig())
    assert report.passed
    assert report.tied_share == pytest.approx(20 / 60)

    writer.write([row(f"same-{n}", np.ones(DIMENSION)) for n in range(100)])
    report = verify(searcher, collection, expected_rows=160, config=VerifyConfig())
    assert report.self_recall == 1.0
    assert any("vector of another" in problem for problem in report.problems)


def test_an_empty_collection_is_only_right_when_nothing_was_loaded(
    config: MilvusConfig, collection: str
) -> None:
    searcher = Searcher(config)
    assert verify(searcher, collection, expected_rows=0, config=VerifyConfig()).passed
    assert not verify(searcher, collection, expected_rows=5, config=VerifyConfig()).passed


@pytest.mark.parametrize("value", [-1.0, float("nan")])
@pytest.mark.parametrize("name", ["min_self_recall", "max_tied_share", "tie_tolerance"])
def test_thresholds_that_no_collection_meets_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"verify\.{name}"):
        VerifyConfig(**{name: value})  # type: ignore[arg-type]
