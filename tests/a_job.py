"""A configuration of every kind of field, for the tests of how one is read."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from tte2_ray.config import (
    location,
    secret,
    speed,
)
from tte2_ray.errors import ConfigError


class Metric(StrEnum):
    """An enumeration."""

    COSINE = "cosine"
    IP = "ip"


@dataclass(frozen=True, kw_only=True)
class Server:
    """Has a secret."""

    uri: str = location("")
    token: str | None = secret(None)
    timeout_s: float = speed(10.0)


@dataclass(frozen=True, kw_only=True)
class Embedder:
    """Checks a value."""

    dimension: int = 256
    pooling: Literal["last", "mean"] = "last"
    metric: Metric = Metric.COSINE
    batch_size: int = speed(16)

    def __post_init__(self) -> None:
        if self.dimension < 1:
            raise ConfigError(f"embedder.dimension is {self.dimension}, it must be at least 1")


@dataclass(frozen=True, kw_only=True)
class Job:
    """Nests the others."""

    corpus: str = location()
    name: str = "demo"
    embedder: Embedder = Embedder()
    server: Server = location(Server())
    schemes: tuple[str, ...] = ("file", "s3")
    extra: dict[str, Any] = field(default_factory=dict)
    mirrors: list[Server] = location(default_factory=list)
    limit: int | None = None


def write(folder: Path, name: str, text: str) -> Path:
    """A file in a folder."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file
