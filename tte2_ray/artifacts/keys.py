"""The key names everything that changes the bytes, and nothing that does not.

    content key    what the item is: its text and the bytes of its media   (media.content)
    ECR key        content key + how it was reasoned about   (EcrRecipe)
    embedding key  ECR key     + how it was embedded         (EmbeddingRecipe)

Speed knobs (batch sizes, parallelism) belong in no recipe.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

from tte2_ray.errors import ConfigError

Scalar = str | int | float | bool

FINGERPRINT_DIGITS = 16
_KEY_VERSION = "1"


@dataclass(frozen=True, kw_only=True)
class EcrRecipe:
    """Everything besides the item that decides the text of its ECR."""

    instruction: str
    """The task that the reasoner is told."""
    reasoner: str
    """`model_version()` of the reasoner."""
    prompt_version: str
    """Of the template around instruction and item."""
    limits: Mapping[str, Scalar] = field(default_factory=dict)
    """What bounds the input: pixels, frames, frames per second, resolution of pages, tokens."""
    sampling: Mapping[str, Scalar] = field(default_factory=dict)
    """What bounds and draws the output: maximum tokens, temperature, top-p, seed."""

    @cached_property  # asked for with every row
    def fingerprint(self) -> str:
        """16 hex digits; the folder of the ECR table."""
        return fingerprint("ecr", _settings(self))


@dataclass(frozen=True, kw_only=True)
class EmbeddingRecipe:
    """Everything besides the item and its ECR that decides its vector."""

    ecr_fingerprint: str
    """Of the `EcrRecipe`, also where the embedder does not read the ECR."""
    embedder: str
    """`model_version()` of the embedder."""
    pooling: str
    """E.g. "last-token, l2"."""
    dimension: int
    """Length of a vector."""
    instruction: str = ""
    """The task that the embedder is told."""
    limits: Mapping[str, Scalar] = field(default_factory=dict)
    """What bounds the input of the embedder: pixels, frames, tokens, prompt version."""

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits; the folder of the vector table and part of the collection's identity."""
        return fingerprint("embedding", _settings(self))


def ecr_key(content: str, recipe: EcrRecipe) -> str:
    """The key of one ECR, from the content key of its item; 64 hex digits."""
    return _hash_framed([b"ecr", content.encode(), recipe.fingerprint.encode()])


def embedding_key(ecr: str, recipe: EmbeddingRecipe) -> str:
    """The key of one vector; 64 hex digits.

    Args:
        ecr: the ECR key of the item, also where the embedder does not read the ECR.
        recipe: how it is embedded.
    """
    return _hash_framed([b"embedding", ecr.encode(), recipe.fingerprint.encode()])


def fingerprint(kind: str, settings: Mapping[str, Any]) -> str:
    """16 hex digits of settings, whatever the order of their names.

    Raises:
        ConfigError: a setting is not JSON, or is not finite.
    """
    try:
        text = json.dumps(settings, sort_keys=True, ensure_ascii=False, default=_refuse)
    except TypeError as error:
        raise ConfigError(f"no fingerprint of a {kind} recipe: {error}") from error
    if any(isinstance(v, float) and not math.isfinite(v) for v in _leaves(settings)):
        raise ConfigError(f"no fingerprint of a {kind} recipe: a number is not finite: {text}")
    parts = [_KEY_VERSION.encode(), kind.encode(), text.encode()]
    return _hash_framed(parts)[:FINGERPRINT_DIGITS]


def _settings(recipe: EcrRecipe | EmbeddingRecipe) -> dict[str, Any]:
    values = {each.name: getattr(recipe, each.name) for each in fields(recipe)}
    return {k: dict(v) if isinstance(v, Mapping) else v for k, v in values.items()}


def _refuse(value: object) -> object:
    raise TypeError(f"{value!r} is not text, a number or a truth value")


def _leaves(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _leaves(inner)
    else:
        yield value


def _hash_framed(parts: Iterable[bytes]) -> str:
    # Each part is preceded by its length, so that ("ab", "c") and ("a", "bc") differ.
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()
