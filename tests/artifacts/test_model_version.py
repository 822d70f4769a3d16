"""Model versions: by the bytes of the folder, streamed and remembered."""

import os
from pathlib import Path

import pytest

from tte2_ray.artifacts.model_version import model_version
from tte2_ray.errors import ConfigError, ResourceMissingError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    files = ("model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja")
    for name in files:
        (made / name).write_text(name)
        os.utime(made / name, (1_000, 1_000))
    return made


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "digests.sqlite"


@pytest.mark.parametrize(
    "name", ["model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja"]
)
def test_each_file_of_a_model_changes_its_version(folder: Path, cache: Path, name: str) -> None:
    before = model_version(str(folder), cache=cache)
    assert before.startswith("sha256:")
    (folder / name).write_text(name.upper())
    os.utime(folder / name, (2_000, 2_000))
    assert model_version(str(folder), cache=cache) != before


def test_where_a_model_lies_and_notes_beside_it_change_nothing(folder: Path, cache: Path) -> None:
    before = model_version(str(folder), cache=cache)
    (folder / "provenance.json").write_text("{}")
    (folder / "README.md").write_text("words")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "x.json").write_text("{}")
    moved = folder.rename(folder.with_name("elsewhere"))
    assert model_version(str(moved), cache=cache) == before


def test_digests_are_kept_by_path_size_and_time(folder: Path, cache: Path) -> None:
    before = model_version(str(folder), cache=cache)
    weights = folder / "model.safetensors"
    weights.write_bytes(b"M" + weights.read_bytes()[1:])
    os.utime(weights, (1_000, 1_000))  # same size and time: not read again
    assert model_version(str(folder), cache=cache) == before
    os.utime(weights, (1_001, 1_001))
    assert model_version(str(folder), cache=cache) != before


def test_a_file_written_just_now_is_read_each_time(folder: Path, cache: Path) -> None:
    weights = folder / "model.safetensors"
    os.utime(weights)
    now = weights.stat()
    before = model_version(str(folder), cache=cache)
    weights.write_bytes(b"M" + weights.read_bytes()[1:])
    os.utime(weights, ns=(now.st_atime_ns, now.st_mtime_ns))
    assert model_version(str(folder), cache=cache) != before


def test_an_unwritable_cache_is_done_without(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = tmp_path / "file" / "digests.sqlite"
    assert model_version(str(folder), cache=cache).startswith("sha256:")


def test_hub_names_need_a_commit() -> None:
    commit = "0123456789abcdef" * 2 + "01234567"
    assert model_version("Some/Model", commit) == f"Some/Model@{commit}"


@pytest.mark.parametrize(
    "revision", ["main", "v1.0", "0123abc", "F" * 40, "f" * 41, "a" * 40 + "\n"]
)
def test_what_moves_or_is_no_commit_is_refused(revision: str) -> None:
    with pytest.raises(ConfigError, match=r"40 hex digits.*, not .*git ls-remote .*Some/Model"):
        model_version("Some/Model", revision)


def test_no_revision_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"and has none: `git ls-remote .*Some/Model HEAD`"):
        model_version("Some/Model")


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResourceMissingError, match="does not exist"):
        model_version(str(tmp_path / "nothing"))
    with pytest.raises(ResourceMissingError, match="safetensors"):
        model_version(str(tmp_path), cache=tmp_path / "c.sqlite")
    (tmp_path / "model.safetensors").write_text("")
    with pytest.raises(ResourceMissingError, match=r"config\.json"):
        model_version(str(tmp_path), cache=tmp_path / "c.sqlite")
