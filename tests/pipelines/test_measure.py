"""The sample before a run, on Ray: what is said when its process dies."""

from collections.abc import Callable
from typing import Any

import pytest

from tte2_ray.engines import EmbedderConfig, EngineConfig, ReasonerConfig
from tte2_ray.errors import RuntimeFailure
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.measure import measure

REASONER = EngineConfig(kind="fake", model="Somebody/Large")
EMBEDDER = EngineConfig(kind="fake", model="Somebody/Small")


class DyingTask:
    """A remote function whose process is killed: a double, for a node cannot be filled here."""

    def remote(self, *_: object) -> "DyingTask":
        return self


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray answers as it does when the kernel kills the process of a task; none is started."""
    import ray

    def remote(**_: object) -> Callable[[Any], DyingTask]:
        return lambda _: DyingTask()

    def get(_: object) -> None:
        raise ray.exceptions.WorkerCrashedError

    monkeypatch.setattr(ray, "remote", remote)
    monkeypatch.setattr(ray, "get", get)


@pytest.mark.usefixtures("dying")
@pytest.mark.parametrize(("ecrs", "model"), [(None, REASONER.model), ({"a": "b"}, EMBEDDER.model)])
def test_a_sample_whose_process_is_killed_names_the_model_and_memory(
    ecrs: dict[str, str] | None, model: str
) -> None:
    config = IndexConfig(
        reasoner=ReasonerConfig(engine=REASONER), embedder=EmbedderConfig(engine=EMBEDDER)
    )
    with pytest.raises(RuntimeFailure, match=f"sample on {model} ended .*died.* more memory"):
        measure(config, [], ecrs)
