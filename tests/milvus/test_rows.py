from typing import Any

import numpy as np
import pytest

from tests.milvus.conftest import row
from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.milvus.collection import ECR_MAX_BYTES
from tte2_ray.milvus.rows import fit_ecr, to_entity

GOOD = np.ones(4, dtype=np.float32)


@pytest.mark.parametrize(
    "vector",
    [
        [],
        [1.0, 2.0, 3.0],
        [0.0, 0.0, 0.0, 0.0],
        [1e-7, 0.0, 0.0, 0.0],
        [1e30, 0.0, 0.0, 0.0],
        [1.0, float("nan"), 0.0, 0.0],
        [1.0, float("inf"), 0.0, 0.0],
        [[1.0, 2.0, 3.0, 4.0]],
        ["a", "b", "c", "d"],
        None,
    ],
)
def test_a_vector_that_says_nothing_is_refused(vector: Any) -> None:
    assert _refusal(vector=vector) is RowErrorClass.BAD_VECTOR


def test_metadata_is_selected_and_bounded() -> None:
    item = row("a", GOOD, metadata={"title": "A", "private": "x", "big": "y" * 70_000})
    entity, size = to_entity(item, dimension=4, metadata_fields=("title", "absent"))
    assert entity["metadata"] == {"title": "A"}
    assert size < 1000
    assert _refusal(metadata_fields=("big",), metadata={"big": "y" * 70_000}) is (
        RowErrorClass.TOO_LARGE
    )
    assert _refusal(metadata_fields=("n",), metadata={"n": float("nan")}) is (
        RowErrorClass.MALFORMED_ROW
    )


@pytest.mark.parametrize("character", ["a", "é", "漢", "😀"])
def test_an_ecr_is_cut_at_a_whole_character_and_says_by_how_much(character: str) -> None:
    ecr = "x" + character * 70_000
    kept, cut = fit_ecr(ecr)
    assert ecr.startswith(kept)
    assert ECR_MAX_BYTES - 4 < len(kept.encode()) <= ECR_MAX_BYTES
    assert len(kept.encode()) + cut == len(ecr.encode())


def test_an_ecr_that_is_no_text_is_refused() -> None:
    assert _refusal(ecr="\ud800") is RowErrorClass.BAD_ENCODING


def _refusal(
    vector: Any = GOOD, metadata_fields: tuple[str, ...] = (), **changes: Any
) -> RowErrorClass:
    with pytest.raises(RowError) as caught:
        to_entity(row("a", vector, **changes), dimension=4, metadata_fields=metadata_fields)
    return caught.value.error_class
