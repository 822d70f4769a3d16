"""Keys: different inputs never share one, the same input always does."""

from dataclasses import replace
from typing import Any

import pytest

from tte2_ray.artifacts.keys import (
    EcrRecipe,
    EmbeddingRecipe,
    ecr_key,
    embedding_key,
    fingerprint,
)
from tte2_ray.errors import ConfigError

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


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), b"bytes"])
def test_settings_that_have_no_stable_text_are_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="no fingerprint of a ecr recipe"):
        fingerprint("ecr", {"limits": {"x": value}})
