"""A small, seeded part of `make chaos`: a kill at one moment in seven, one of each kind that needs
neither Ray nor a server, and three of S3."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos import faults, on_s3
from tests.chaos.disk_full import can_mount
from tests.chaos.harness import Harness, Injection, of_kinds
from tests.chaos.points import NAMES
from tests.chaos.world import SCENARIOS
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.server import resolve, stop_server

SEED = 20261126
EVERY = 7


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    folder = tmp_path_factory.mktemp("chaos")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        milvus = resolve(MilvusConfig(data_dir=str(folder / "milvus")))
        yield Harness(folder, milvus)
        stop_server(folder / "milvus")


def require_the_same_index(harness: Harness, injections: list[Injection]) -> None:
    failed = {
        (o.injection.kind.name, o.injection.scenario): o.problems
        for o in harness.run_all(injections, threads=2)
        if o.problems
    }
    assert not failed


def test_a_run_comes_by_every_point(harness: Harness) -> None:
    came = {each.split()[0] for s in SCENARIOS for each in harness.reference(s).points}
    assert came == set(NAMES)


def test_killed_at_commit_points(harness: Harness) -> None:
    require_the_same_index(harness, harness.at_points(SEED)[::EVERY])


@pytest.mark.parametrize("kind", faults.KINDS, ids=lambda kind: kind.name)
def test_disturbed_otherwise(harness: Harness, kind: faults.Kind, tmp_path: Path) -> None:
    if kind.disturb is faults.disk_full and not can_mount(tmp_path / "disk"):
        pytest.skip("this user may not mount a disk")
    require_the_same_index(harness, of_kinds([replace(kind, count=1)], SEED))


def test_s3_that_fails(harness: Harness) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, os.environ.get(name, ""))  # what they were is put back
        with on_s3.moto() as moto:
            kinds = [replace(kind, count=1) for kind in on_s3.kinds_on(moto)]
            require_the_same_index(harness, of_kinds(kinds, SEED)[1:4])
