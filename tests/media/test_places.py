"""Where media of a manifest may lie on disk and on S3, and that a cluster reads S3 alone."""

import os
from pathlib import Path

import pytest

from tests.media.conftest import Write
from tte2_ray.config import load_config
from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media import MediaLimits
from tte2_ray.media import fetch as fetch_module
from tte2_ray.media.fetch import fetch
from tte2_ray.media.uri import locate
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.rerank.config import RerankConfig

CONF = Path(__file__).parents[2] / "conf"


def refused(uri: str, limits: MediaLimits) -> RowErrorClass:
    with pytest.raises(RowError) as caught:
        fetch(uri, limits)
    return caught.value.error_class


@pytest.fixture
def limits(tmp_path: Path) -> MediaLimits:
    (tmp_path / "data").mkdir()
    return MediaLimits(allowed_file_roots=(str(tmp_path / "data"),))


def test_a_chain_of_links_is_followed_to_its_end(
    tmp_path: Path, write: Write, limits: MediaLimits
) -> None:
    write("data/deep/a", b"in")
    write("secret/b", b"out")
    for link, target in {
        "data/one": "../hop",
        "hop": "data/two",
        "data/two": "../secret",
        "data/back": "../data/deep",
        "data/absolute": "/etc/passwd",
        "data/loop": "loop",
    }.items():
        (tmp_path / link).symlink_to(target)
    base = f"{tmp_path}/data"
    assert fetch(f"{base}/back/a", limits) == b"in"
    for escape in ("one/b", "absolute", "back/../../secret/b", "two/../secret/b"):
        for uri in (f"{base}/{escape}", f"file://{base}/{escape}"):
            assert refused(uri, limits) is RowErrorClass.URI_NOT_ALLOWED
    assert refused(f"{base}/loop", limits) is RowErrorClass.NOT_FOUND


@pytest.mark.parametrize(
    "way",
    [
        "{data}/../secret/b",
        "file://{data}/%2e%2e/secret/b",
        "file://{data}/%2E%2E%2Fsecret%2fb",
        "file:{data}/../secret/b",
        "FILE://LOCALHOST{data}/../secret/b",
        "file:///{data}/../secret/b",
        "{data}//..//secret//b",
        "{data}/./../secret/./b",
        "/proc/self/root{data}/../secret/b",
    ],
)
def test_ways_out_of_the_roots(tmp_path: Path, write: Write, limits: MediaLimits, way: str) -> None:
    write("secret/b", b"out")
    uri = way.format(data=tmp_path / "data")
    assert refused(uri, limits) is RowErrorClass.URI_NOT_ALLOWED


def test_percent_signs_are_decoded_once_and_in_uris_alone(
    tmp_path: Path, write: Write, limits: MediaLimits
) -> None:
    write("secret/b", b"out")
    for uri in ("{}/%2e%2e/secret/b", "file://{}/%252e%252e/secret/b"):
        assert refused(uri.format(tmp_path / "data"), limits) is RowErrorClass.NOT_FOUND


def test_what_lies_outside_is_not_told_apart_from_what_is_not_there(
    tmp_path: Path, limits: MediaLimits
) -> None:
    there, missing = str(tmp_path), str(tmp_path / "none")
    assert refused(there, limits) is refused(missing, limits) is RowErrorClass.URI_NOT_ALLOWED


@pytest.mark.parametrize(
    "path",
    ["/proc/self/environ", "/proc/1/cmdline", "/sys/kernel/notes", "/proc/thread-self/maps",
     "file:///proc/self/environ", "/proc/self/root/proc/self/environ"],
)  # fmt: skip
def test_processes_are_no_data_even_where_any_folder_is(path: str) -> None:
    assert refused(path, MediaLimits()) is RowErrorClass.URI_NOT_ALLOWED


def test_a_link_to_an_environment(tmp_path: Path) -> None:
    (tmp_path / "a.txt").symlink_to("/proc/self/environ")
    assert refused(str(tmp_path / "a.txt"), MediaLimits()) is RowErrorClass.URI_NOT_ALLOWED


def test_a_folder_that_becomes_a_link_after_it_was_checked(
    tmp_path: Path, write: Write, limits: MediaLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = write("data/folder/b", b"in")
    write("secret/b", b"out")
    check, checked = fetch_module.allowed_path, []

    def swap_after(path: str, *given: object) -> str:
        checked.append(path)
        real = check(path, *given)  # type: ignore[arg-type]
        if len(checked) == 1:
            os.rename(tmp_path / "data/folder", tmp_path / "data/was")
            (tmp_path / "data/folder").symlink_to(tmp_path / "secret")
        return real

    monkeypatch.setattr(fetch_module, "allowed_path", swap_after)
    assert refused(uri, limits) is RowErrorClass.URI_NOT_ALLOWED
    assert len(checked) == 2


@pytest.mark.parametrize(
    "bucket",
    [
        "arn:aws:s3:us-west-2:123456789012:accesspoint:mine",
        "arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint:mine",
        "bucket@host",
        "host:9000",
        "..",
        "-bucket",
        "buc ket",
        "bucket?x",
        "bücket",
        "a\nb",
    ],
)
def test_buckets_are_named_plainly(bucket: str) -> None:
    """botocore takes an ARN to another endpoint than the one that is configured."""
    with pytest.raises(RowError) as caught:
        locate(f"s3://{bucket}/key", MediaLimits())
    assert caught.value.error_class is RowErrorClass.URI_NOT_ALLOWED


@pytest.mark.parametrize("key", ["a b%20c.png", "../other/key", "a?b#c", "//a", "grüße", "a:b@c"])
def test_keys_are_literal(key: str) -> None:
    assert locate(f"s3://bucket/{key}", MediaLimits()).target == f"s3://bucket/{key}"


@pytest.mark.parametrize(
    ("job", "name"), [(IndexConfig, "index_corpus"), (RerankConfig, "rerank_logs")]
)
def test_files_and_the_web_are_off_in_a_cluster(job: type, name: str, write: Write) -> None:
    path = write("a.png", b"x")
    files = [CONF / f"{name}.yaml", CONF / "profiles" / "cluster.yaml"]
    media: MediaLimits = load_config(job, files).config.media  # type: ignore[attr-defined]
    assert media.allowed_schemes == ("s3",)
    assert not media.allow_private_addresses
    for uri in (path, f"file://{path}", "http://93.184.215.14/", "https://93.184.215.14/"):
        assert refused(uri, media) is RowErrorClass.URI_NOT_ALLOWED


def test_the_web_is_off_by_default() -> None:
    assert MediaLimits().allowed_schemes == ("file", "s3")
    assert not MediaLimits().allow_private_addresses
