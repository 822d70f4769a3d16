"""Keys: different inputs never share one, the same input always does."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tte2_ray.artifacts.keys import (
    EcrRecipe,
    EmbeddingRecipe,
    content_key,
    ecr_key,
    embedding_key,
    fingerprint,
    item_content_key,
)
from tte2_ray.errors import ConfigError
from tte2_ray.schema import Item

_PARTS = st.lists(st.tuples(st.sampled_from(["text", "image", "t", "extimage"]), st.binary()))

_ECR = EcrRecipe(
    instruction="Find the picture.",
    reasoner="sha256:aa",
    prompt_version="1",
    limits={"max_pixels": 9216, "fps": 1.0},
    sampling={"max_tokens": 64, "temperature": 0.0},
)
_EMBEDDING = EmbeddingRecipe(
    ecr_fingerprint=_ECR.fingerprint, embedder="sha256:bb", pooling="last-token", dimension=128
)


@given(_PARTS, _PARTS)
def test_content_keys_are_equal_only_for_equal_parts(
    a: list[tuple[str, bytes]], b: list[tuple[str, bytes]]
) -> None:
    assert (content_key(a) == content_key(b)) == (a == b)


@given(st.binary(), st.data())
def test_how_data_is_cut_does_not_change_the_key(body: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(body)))
    assert content_key([("video", [body[:cut], body[cut:]])]) == content_key([("video", body)])


def test_text_cannot_run_over_into_the_next_part() -> None:
    assert content_key([("text", b"ab"), ("text", b"c")]) != content_key(
        [("text", b"a"), ("text", b"bc")]
    )


def test_the_content_key_of_an_item_is_its_bytes_not_its_names() -> None:
    files = {"a.png": b"1", "b.png": b"1", "c.png": b"2", "v": b"3", "d": b"4"}

    def key(**fields: Any) -> str:
        return item_content_key(Item(**{"item_id": "x", **fields}), files.__getitem__)

    assert key(image_uris=("a.png",)) == key(image_uris=("b.png",), metadata={"k": 1}, item_id="y")
    different = [
        key(image_uris=("a.png",)),
        key(image_uris=("c.png",)),
        key(image_uris=("a.png", "c.png")),
        key(image_uris=("c.png", "a.png")),
        key(image_uris=("a.png",), text="t"),
        key(text="t"),
        key(video_uri="a.png"),
        key(document_uri="a.png"),
        key(document_uri="a.png", document_page=1),
    ]
    assert len(set(different)) == len(different)


@pytest.mark.parametrize(
    "change",
    [
        {"instruction": "Find the page."},
        {"reasoner": "sha256:ac"},
        {"prompt_version": "2"},
        {"limits": {"max_pixels": 9217, "fps": 1.0}},
        {"sampling": {"max_tokens": 65, "temperature": 0.0}},
    ],
)
def test_each_setting_of_an_ecr_changes_its_key(change: dict[str, Any]) -> None:
    other = replace(_ECR, **change)
    assert other.fingerprint != _ECR.fingerprint
    assert ecr_key("c", other) != ecr_key("c", _ECR)
    assert ecr_key("d", _ECR) != ecr_key("c", _ECR)


@pytest.mark.parametrize(
    "change",
    [
        {"ecr_fingerprint": ""},
        {"embedder": "sha256:bc"},
        {"pooling": "mean"},
        {"dimension": 64},
        {"instruction": "x"},
        {"limits": {"max_tokens": 1}},
    ],
)
def test_each_setting_of_an_embedding_changes_its_key(change: dict[str, Any]) -> None:
    other = replace(_EMBEDDING, **change)
    assert other.fingerprint != _EMBEDDING.fingerprint
    assert embedding_key("e", other) != embedding_key("e", _EMBEDDING)
    assert embedding_key("f", _EMBEDDING) != embedding_key("e", _EMBEDDING)


def test_the_order_of_settings_does_not_change_a_fingerprint() -> None:
    turned = replace(_ECR, limits={"fps": 1.0, "max_pixels": 9216})
    assert turned.fingerprint == _ECR.fingerprint


def test_fingerprints_stay_what_they_were() -> None:
    """Goldens: a change here orphans every ECR ever written, and must be meant."""
    assert _ECR.fingerprint == "4e395405063dbdea"
    assert content_key([("text", b"ab")]) == (
        "d68578ed91c9228fb1acad3ce027ef3abfdd20f5ebfa72f2eb3b67877ba6024c"
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), b"bytes"])
def test_settings_that_have_no_stable_text_are_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="no fingerprint of a ecr recipe"):
        fingerprint("ecr", {"limits": {"x": value}})
