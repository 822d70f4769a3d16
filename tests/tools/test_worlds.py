"""A world is generated once, and whole, for each generator."""

import shutil
from pathlib import Path

import pytest

from tools.worlds import find_world, generator_digest, queries_for, read_items
from tte2_ray import mini

PACKAGE = Path(mini.__file__).parent


def test_half_a_world_is_not_used(tmp_path: Path) -> None:
    folder, fresh = find_world(tmp_path, 3, "test", 1)
    half = tmp_path / folder.name.replace("world-", "part-")
    folder.rename(half)  # as an interruption leaves it
    (half / "left-over").touch()
    assert fresh
    assert find_world(tmp_path, 3, "test", 1) == (folder, True)
    assert not (folder / "left-over").exists()
    assert not half.exists()
    assert find_world(tmp_path, 3, "test", 1) == (folder, False)


@pytest.mark.parametrize(
    "changed",
    ["world.py", "render/page.py", "edits/things.py", "tasks/video.py", "asks/__init__.py"],
)
def test_a_world_is_named_by_every_source_of_its_generator(tmp_path: Path, changed: str) -> None:
    shutil.copytree(PACKAGE, tmp_path / "mini", ignore=shutil.ignore_patterns("weights"))
    assert generator_digest(tmp_path / "mini") == generator_digest(PACKAGE)
    assert (tmp_path / "mini" / changed).is_file(), "nothing would be changed"
    with (tmp_path / "mini" / changed).open("a") as source:
        source.write("# another generator\n")
    assert generator_digest(tmp_path / "mini") != generator_digest(PACKAGE)


def test_a_world_is_as_large_as_is_asked_and_no_larger(tmp_path: Path) -> None:
    queries = queries_for(90, 4, "test")
    enough, _ = find_world(tmp_path, 4, "test", queries)
    short, _ = find_world(tmp_path, 4, "test", queries - 1)
    assert len(read_items(short)) < 90 <= len(read_items(enough))
